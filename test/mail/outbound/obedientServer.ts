/** A server that takes everything, and counts. */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ObedientServer {
  readonly port: number
  readonly messages: string[]
  /** All command lines, in order of arrival. */
  readonly commands: string[]
  readonly connections: { count: number; open: number; most: number }
  /** Closes every connection that is open now. */
  hangUp(): Promise<void>
  close(): Promise<void>
}

export async function startObedientServer(options: { readonly delayMs?: number; readonly offers?: readonly string[] } = {}): Promise<ObedientServer> {
  const messages: string[] = []
  const commands: string[] = []
  const connections = { count: 0, open: 0, most: 0 }
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    connections.count++
    connections.most = Math.max(connections.most, ++connections.open)
    socket.on('error', () => undefined)
    // A connection is over for the server when it has said goodbye.
    let over = false
    const end = () => {
      if (!over) connections.open--
      over = true
    }
    socket.on('close', () => {
      end()
      sockets.delete(socket)
    })
    serve(socket, end).catch(() => undefined)
  })
  const serve = async (socket: net.Socket, goodbye: () => void) => {
    let text = ''
    let message: string | undefined
    socket.write('220 mx.remote.example ESMTP\r\n')
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (message !== undefined && line !== '.') message += `${line}\r\n`
        else if (message !== undefined) {
          messages.push(message)
          message = undefined
          if (options.delayMs !== undefined) await sleep(options.delayMs)
          socket.write('250 2.0.0 taken\r\n')
        } else {
          commands.push(line)
          if (line === 'DATA') message = ''
          socket.write(line === 'DATA' ? '354 go on\r\n' : line.startsWith('EHLO') ? ['mx.remote.example', ...(options.offers ?? ['PIPELINING', '8BITMIME'])].map((word, i, all) => `250${i < all.length - 1 ? '-' : ' '}${word}\r\n`).join('') : /^RCPT TO:<no/.test(line) ? '550 5.1.1 unknown\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n')
          if (line !== 'QUIT') continue
          goodbye()
          socket.end()
        }
      }
    }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hangUp = async () => {
    const closed = [...sockets].map((socket) => once(socket, 'close'))
    for (const socket of sockets) socket.end()
    await Promise.all(closed)
  }
  return {
    port: (server.address() as net.AddressInfo).port,
    messages,
    commands,
    connections,
    hangUp,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
