/** The IMAP port: 143 with STARTTLS, 993 under TLS from the first octet (RFC 8314 §3.2). */
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { Door } from '../door.ts'
import { serveConnection } from './connection.ts'
import type { ImapDeps } from './session.ts'

export interface ListenOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly implicitTls: boolean
}

export interface Listener {
  readonly port: number
  /** Takes no new connections, lets commands in hand finish for `graceMs`, then ends what is left. */
  stop(graceMs: number): Promise<void>
  connections(): number
}

export async function listenImap(deps: ImapDeps & { readonly proxyTrusted: readonly string[] }, options: ListenOptions): Promise<Listener> {
  const { maxConnections, maxConnectionsPerAddress } = deps.settings
  const door = new Door(
    {
      protocol: 'imap',
      implicitTls: options.implicitTls,
      tls: deps.tls,
      proxyTrusted: deps.proxyTrusted,
      maxConnections,
      maxConnectionsPerAddress,
      // RFC 5530 §3
      busyLine: '* BYE [LIMIT] Too many connections, try again later',
      log: deps.log,
      clock: deps.clock,
    },
    (connection) => void serveConnection(deps, connection),
  )
  const server = net.createServer({ allowHalfOpen: true }, (socket) => door.admit(socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    // A listening TCP server has an address of this shape.
    port: (server.address() as AddressInfo).port,
    connections: () => door.size,
    stop: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await door.drain(graceMs)
      await closed
    },
  }
}
