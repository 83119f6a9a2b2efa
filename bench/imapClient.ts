/** An IMAP client for measuring: it counts what comes and keeps none of it. */
import net from 'node:net'
import tls from 'node:tls'
import { domain, password } from './serving.ts'

/** Octets kept to look for the end of an answer. */
const tailBytes = 4096

export class BenchClient {
  readonly socket: net.Socket
  #count = 0
  #tail = Buffer.alloc(0)
  #bytes = 0
  #awaited: { readonly marks: readonly string[]; readonly resolve: (bytes: number) => void; readonly reject: (error: Error) => void } | undefined

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#awaited?.reject(error))
    socket.on('close', () => this.#awaited?.reject(new Error('the server has closed the connection')))
  }

  static async enter(port: number, user: string, secure: boolean): Promise<BenchClient> {
    const client = new BenchClient(secure ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }) : net.connect(port, '127.0.0.1'))
    await client.#answer(['* OK'])
    await client.command(`LOGIN ${user}@${domain} ${password}`)
    return client
  }

  /** Octets of the answer. @throws when it is not OK */
  async command(words: string): Promise<number> {
    const tag = `t${++this.#count}`
    const answer = this.#answer([`\r\n${tag} OK`, `\r\n${tag} NO`, `\r\n${tag} BAD`])
    this.socket.write(`${tag} ${words}\r\n`)
    return await answer
  }

  async idle(): Promise<void> {
    const answer = this.#answer(['\r\n+ '])
    this.socket.write(`t${++this.#count} IDLE\r\n`)
    await answer
  }

  destroy(): void {
    this.socket.destroy()
  }

  #answer(marks: readonly string[]): Promise<number> {
    this.#tail = Buffer.from('\r\n')
    this.#bytes = 0
    return new Promise((resolve, reject) => (this.#awaited = { marks: marks.map((mark) => (mark.startsWith('\r\n') ? mark : `\r\n${mark}`)), resolve, reject }))
  }

  #take(chunk: Buffer): void {
    this.#bytes += chunk.length
    const last = chunk.length > tailBytes ? chunk.subarray(chunk.length - tailBytes) : chunk
    this.#tail = Buffer.concat([this.#tail.subarray(Math.max(0, this.#tail.length - tailBytes)), last])
    const awaited = this.#awaited
    const found = awaited?.marks.find((mark) => this.#tail.includes(mark))
    if (awaited === undefined || found === undefined) return
    this.#awaited = undefined
    if (/ (NO|BAD)$/.test(found)) awaited.reject(new Error(this.#tail.toString('latin1').slice(-200)))
    else awaited.resolve(this.#bytes)
  }
}
