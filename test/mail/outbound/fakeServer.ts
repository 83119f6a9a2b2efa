/**
 * A server that follows a script, line by line, one script for each connection in turn.
 *
 *   S: text      says the text and CR LF        S= "text"    sends the JSON string as it stands
 *   C: text      the client's next line is this  C~ /regex/   the client's next line matches
 *   MESSAGE      reads up to the line with the dot; what came is kept
 *   TLS          both sides shake hands          BAD TLS      answers the handshake with nonsense
 *   PAUSE ms     does nothing for a while
 *   CLOSE        closes its side                 DROP         cuts the connection
 *   GONE         the client closes
 *
 * Behind its end a script answers QUIT and waits for the client to go. What departs from the script is kept in `faults`.
 */
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeSelfSigned } from '#lib/serve/tls.ts'

const patienceMs = 5000

export interface FakeServer {
  readonly port: number
  readonly faults: string[]
  /** The messages that came, with dots as sent. */
  readonly messages: string[]
  /** Connections so far, and the most at once. */
  readonly connections: { count: number; open: number; most: number }
  close(): Promise<void>
}

export const certificate = await makeSelfSigned('mx.remote.example')

export async function startFakeServer(scripts: readonly (readonly string[])[], options: { readonly repeat?: boolean } = {}): Promise<FakeServer> {
  const faults: string[] = []
  const messages: string[] = []
  const connections = { count: 0, open: 0, most: 0 }
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true }, (socket) => {
    const script = scripts[options.repeat === true ? connections.count % scripts.length : connections.count]
    connections.count++
    connections.most = Math.max(connections.most, ++connections.open)
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      connections.open--
      sockets.delete(socket)
    })
    if (script === undefined) {
      faults.push('a connection that no script expects')
      socket.destroy()
      return
    }
    follow(new Peer(socket), script, messages).catch((error: unknown) => {
      faults.push(error instanceof Error ? error.message : String(error))
      socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    faults,
    messages,
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function follow(client: Peer, script: readonly string[], messages: string[]): Promise<void> {
  let peer = client
  for (const text of script) {
    const [, move, rest = ''] = /^(S:|S=|C:|C~|MESSAGE|TLS|BAD TLS|PAUSE|CLOSE|DROP|GONE) ?(.*)$/.exec(text) ?? []
    if (move === 'S:') peer.say(`${rest}\r\n`)
    else if (move === 'S=') peer.say(JSON.parse(rest) as string)
    else if (move === 'C:') expectLine(await peer.line(text), (line) => line === rest, text)
    else if (move === 'C~') expectLine(await peer.line(text), (line) => new RegExp(rest.slice(1, rest.lastIndexOf('/'))).test(line), text)
    else if (move === 'MESSAGE') messages.push(await peer.message())
    else if (move === 'TLS') peer = await peer.secure()
    else if (move === 'BAD TLS') peer.say('this is no TLS at all\r\n')
    else if (move === 'PAUSE') await sleep(Number(rest))
    else if (move === 'CLOSE') peer.end()
    else if (move === 'DROP') return peer.destroy()
    else if (move === 'GONE') return await peer.gone()
    else throw new Error(`not understood: ${text}`)
  }
  const farewell = await peer.lineOrEnd()
  if (farewell === 'QUIT') peer.say('221 2.0.0 bye\r\n')
  else if (farewell !== undefined) throw new Error(`behind the script came: ${farewell}`)
  peer.end()
}

function expectLine(line: string, fits: (line: string) => boolean, wanted: string): void {
  if (!fits(line)) throw new Error(`wanted ${wanted}, got ${line}`)
}

class Peer {
  readonly #socket: net.Socket
  #text = ''
  #closed = false
  #wake: (() => void) | undefined

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    const closed = () => {
      this.#closed = true
      this.#wake?.()
    }
    socket.on('end', closed).on('close', closed)
  }

  say(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  async line(where: string): Promise<string> {
    const line = await this.lineOrEnd(where)
    if (line === undefined) throw new Error(`the client closed at: ${where}`)
    return line
  }

  async lineOrEnd(where = 'the end'): Promise<string | undefined> {
    while (!this.#text.includes('\r\n')) {
      if (this.#closed) return undefined
      await this.#news(where)
    }
    const end = this.#text.indexOf('\r\n')
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 2)
    return line
  }

  async message(): Promise<string> {
    const lines: string[] = []
    for (let line = await this.line('MESSAGE'); line !== '.'; line = await this.line('MESSAGE')) lines.push(`${line}\r\n`)
    return lines.join('')
  }

  async secure(): Promise<Peer> {
    this.#socket.removeAllListeners('data')
    const secured = new tls.TLSSocket(this.#socket, { isServer: true, cert: certificate.certPem, key: certificate.keyPem })
    await once(secured, 'secure')
    return new Peer(secured)
  }

  async gone(): Promise<void> {
    while (!this.#closed) await this.#news('GONE')
    if (this.#text !== '') throw new Error(`the client said more: ${this.#text}`)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #news(where: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came at: ${where}; unread: ${JSON.stringify(this.#text)}`)), patienceMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}
