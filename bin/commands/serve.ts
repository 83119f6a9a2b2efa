import type { Command } from 'commander'
import { collect, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'

export function addServeCommand(program: Command): void {
  const command = program.command('serve').description('Receives, files, serves and sends mail until Ctrl-C or SIGTERM. The first start makes all it needs, a demo domain with two users included.')
  withPlace(command)
    .option('--listen <address>', 'the address to listen on; 0.0.0.0 or :: for every one (server.listen)')
    .option('--port-offset <n>', 'added to the ports 25, 587, 465, 143, 993, 110, 995 and 80 (server.portOffset)')
    .option('--dns <host:port>', 'the DNS server to ask; may be repeated (dns.servers)', collect)
    .option('--hostname <name>', 'the name of this server in greetings and headers (server.hostname)')
    .action(serve)
}

async function serve(options: PlaceOptions): Promise<void> {
  // Loaded when needed: every other command starts in half the time without the server's rooms.
  const { serveUntilStopped } = await import('../serve/run.ts')
  await serveUntilStopped(options)
}
