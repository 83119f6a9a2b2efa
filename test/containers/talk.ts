/** A connection on which a test says lines and waits for what comes back. */
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

export interface TalkOptions {
  readonly tls?: boolean
  /** Our end's address: one that the server trusts as a balancer, say. */
  readonly localAddress?: string
  /** Said before TLS and everything else. */
  readonly preface?: Uint8Array
}

export class Talk {
  readonly socket: net.Socket
  text = ''
  closed = false

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => (this.closed = true))
  }

  static async open(port: number, options: TalkOptions = {}): Promise<Talk> {
    const plain = net.connect({ port, host: '127.0.0.1', ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }) })
    await once(plain, 'connect')
    if (options.preface !== undefined) plain.write(options.preface)
    if (options.tls !== true) return new Talk(plain)
    const secured = tls.connect({ socket: plain, rejectUnauthorized: false, servername: 'mail.ours.test' })
    await once(secured, 'secureConnect')
    return new Talk(secured)
  }

  say(line: string): void {
    this.socket.write(`${line}\r\n`)
  }

  /** What comes from now on, up to what matches; what came is taken. */
  async until(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 5))) {
      const found = pattern.exec(this.text)
      if (found !== null) {
        const taken = this.text.slice(0, found.index + found[0].length)
        this.text = this.text.slice(taken.length)
        return taken
      }
      if (this.closed) break
    }
    throw new Error(`nothing like ${String(pattern)} came, but ${JSON.stringify(this.text)}`)
  }

  /** Says it and waits for the answer. */
  async ask(line: string, answer: RegExp): Promise<string> {
    this.say(line)
    return await this.until(answer)
  }

  end(): void {
    this.socket.destroy()
  }
}
