/**
 * An IMAP client for load: it counts responses, passes literals by without copying them, and keeps lines only on request.
 *
 * Invariant: commands are answered in the order in which they were sent, so the waiting ones stand in a row.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Reply {
  /** From the first octet sent to the tagged line, ms. */
  readonly ms: number
  /** Untagged responses by their word, e.g. FETCH. */
  readonly counts: Readonly<Record<string, number>>
  /** Untagged lines whose word was asked for, and the tagged one. */
  readonly lines: readonly string[]
  readonly bytes: number
}

interface Waiting {
  readonly tag: string
  readonly keep: string | undefined
  readonly begin: number
  readonly counts: Record<string, number>
  readonly lines: string[]
  bytes: number
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

const lf = 10
const closingBrace = 125

export class LoadClient {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #rest: Buffer = Buffer.alloc(0)
  #literalLeft = 0
  /** The line before a literal, while the rest of its response is to come. */
  #head: Buffer | undefined
  #tags = 0
  /** Called for each untagged response. */
  onUntagged: ((word: string) => void) | undefined
  onContinuation: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    const fail = (error: Error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    }
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the connection was closed')))
  }

  static async open(host: string, port: number): Promise<LoadClient> {
    const socket = connect({ host, port, noDelay: true })
    const client = new LoadClient(socket)
    // The greeting is taken like the answer to a command without a tag.
    await new Promise<Reply>((resolve, reject) => client.#waiting.push({ tag: '*', keep: undefined, begin: performance.now(), counts: {}, lines: [], bytes: 0, resolve, reject }))
    return client
  }

  /** Sends a command, its literals (LITERAL+) within it. @throws when the answer is not OK */
  command(text: string | Uint8Array, keep?: string): Promise<Reply> {
    const tag = `b${++this.#tags}`
    return new Promise((resolve, reject) => {
      this.#waiting.push({ tag, keep, begin: performance.now(), counts: {}, lines: [], bytes: 0, resolve, reject })
      if (typeof text === 'string') this.#socket.write(`${tag} ${text}\r\n`, 'latin1')
      else this.#socket.write(Buffer.concat([Buffer.from(`${tag} `), text, Buffer.from('\r\n')]))
    })
  }

  /** Sends octets that belong to a command under way, e.g. DONE. */
  send(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  async end(): Promise<void> {
    await this.command('LOGOUT').catch(() => undefined)
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let at = 0
    const first = this.#waiting[0]
    if (first !== undefined) first.bytes += chunk.length
    while (at < chunk.length) {
      if (this.#literalLeft > 0) {
        const step = Math.min(this.#literalLeft, chunk.length - at)
        this.#literalLeft -= step
        at += step
        continue
      }
      const end = chunk.indexOf(lf, at)
      if (end < 0) {
        this.#rest = Buffer.concat([this.#rest, chunk.subarray(at)])
        return
      }
      let line = chunk.subarray(at, end - 1)
      if (this.#rest.length > 0) {
        line = Buffer.concat([this.#rest, chunk.subarray(at, end)])
        line = line.subarray(0, line.length - 1)
        this.#rest = Buffer.alloc(0)
      }
      at = end + 1
      this.#takeLine(line)
    }
  }

  #takeLine(line: Buffer): void {
    if (line[line.length - 1] === closingBrace) {
      const open = line.lastIndexOf('{')
      this.#literalLeft = Number.parseInt(line.toString('latin1', open + 1, line.length - 1), 10)
      this.#head ??= Buffer.from(line)
      return
    }
    const whole = this.#head ?? line
    this.#head = undefined
    this.#takeResponse(whole)
  }

  #takeResponse(line: Buffer): void {
    const waiting = this.#waiting[0]
    const head = line.toString('latin1', 0, 40)
    if (head.startsWith('+ ')) return this.onContinuation?.()
    if (head.startsWith('* ')) {
      const [, first = '', second = ''] = head.split(' ', 3)
      const word = /^\d/.test(first) ? second : first
      this.onUntagged?.(word)
      if (waiting === undefined) return
      if (waiting.tag === '*') return this.#finish(waiting, line)
      waiting.counts[word] = (waiting.counts[word] ?? 0) + 1
      if (waiting.keep === word) waiting.lines.push(line.toString('latin1'))
      return
    }
    if (waiting === undefined || !head.startsWith(`${waiting.tag} `)) throw new Error(`not expected: ${head}`)
    this.#finish(waiting, line)
  }

  #finish({ tag, begin, counts, lines, bytes, resolve, reject }: Waiting, line: Buffer): void {
    this.#waiting.shift()
    const text = line.toString('latin1')
    lines.push(text)
    if (text.startsWith(`${tag} OK`)) resolve({ ms: performance.now() - begin, counts, lines, bytes })
    else reject(new Error(text))
  }
}
