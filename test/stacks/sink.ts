/** An SMTP server that takes everything, save what is for `refused@`. */
import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'

export interface Sink {
  readonly port: number
  /** Header and body as they came. */
  readonly messages: readonly string[]
  stop(): Promise<void>
}

export async function startSink(): Promise<Sink> {
  const messages: string[] = []
  const server = net.createServer((socket) => serve(socket, messages))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    messages,
    stop: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

function serve(socket: net.Socket, messages: string[]): void {
  const say = (line: string): void => void socket.write(`${line}\r\n`)
  let data: string[] | undefined
  socket.on('error', () => socket.destroy())
  createInterface({ input: socket, crlfDelay: Infinity }).on('line', (line) => {
    if (data !== undefined) {
      if (line !== '.') return void data.push(line)
      messages.push(data.join('\r\n'))
      data = undefined
      return say('250 2.0.0 taken')
    }
    const word = line.slice(0, 4).toUpperCase()
    if (word === 'DATA') {
      data = []
      say('354 go on')
    } else if (word === 'QUIT') {
      say('221 2.0.0 bye')
      socket.end()
    } else say(/^RCPT TO:<refused@/i.test(line) ? '550 5.1.1 nobody here' : '250 2.0.0 well')
  })
  say('220 sink.test ESMTP')
}
