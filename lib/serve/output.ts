/**
 * What goes to a client: small pieces gathered into large writes, never more in memory than the client takes.
 *
 * Invariant: who writes a lot awaits {@link Output.room} between pieces (or asks {@link Output.full} and awaits
 * {@link Output.flush}), which resolves when the client has read enough.
 */
import type { Duplex } from 'node:stream'
import { ConnectionEnded } from './input.ts'

/** Octets gathered before they are written. */
const fullBytes = 64 * 1024

export class Output {
  #stream: Duplex
  readonly #timeoutMs: number
  #text = ''
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  #over = false
  #release: (() => void) | undefined

  constructor(stream: Duplex, timeoutMs: number) {
    this.#stream = stream
    this.#timeoutMs = timeoutMs
  }

  attach(stream: Duplex): void {
    this.#stream = stream
  }

  /** The connection is over: nothing more is written, and who waits gets {@link ConnectionEnded}. */
  end(): void {
    this.#over = true
    this.#release?.()
  }

  /** Adds an octet string. */
  text(text: string): void {
    this.#text += text
  }

  /** Adds a line of Unicode text. */
  line(text: string): void {
    this.bytes(Buffer.from(`${text}\r\n`))
  }

  bytes(...pieces: readonly Uint8Array[]): void {
    this.#seal()
    for (const piece of pieces) {
      this.#pieces.push(piece)
      this.#pieceBytes += piece.length
    }
  }

  #seal(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text, 'latin1')
    this.#text = ''
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
  }

  get full(): boolean {
    return this.#text.length + this.#pieceBytes >= fullBytes
  }

  /** Writes when much was gathered. @throws ConnectionEnded when the client does not read. */
  async room(): Promise<void> {
    if (this.full) await this.flush()
  }

  /** Writes what was gathered, without waiting; false when the client has yet to read it. */
  push(): boolean {
    this.#seal()
    const pieces = this.#pieces
    if (pieces.length === 0) return true
    this.#pieces = []
    this.#pieceBytes = 0
    if (this.#over) throw new ConnectionEnded('the client has closed the connection')
    const [only] = pieces
    return this.#stream.write(pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces))
  }

  /** Writes what was gathered and waits until the client has taken enough. @throws ConnectionEnded when it does not. */
  async flush(): Promise<void> {
    if (this.push()) return
    const outcome = await this.#drained()
    if (outcome === 'timeout') {
      // No use in waiting for it to take our last words.
      this.#stream.destroy()
      throw new ConnectionEnded('the client does not read')
    }
    if (this.#over) throw new ConnectionEnded('the client has closed the connection')
  }

  #drained(): Promise<'drained' | 'timeout'> {
    const stream = this.#stream
    return new Promise((resolve) => {
      const settle = (outcome: 'drained' | 'timeout') => {
        clearTimeout(timer)
        stream.off('drain', drained)
        this.#release = undefined
        resolve(outcome)
      }
      const drained = () => settle('drained')
      const timer = setTimeout(() => settle('timeout'), this.#timeoutMs)
      stream.on('drain', drained)
      this.#release = drained
    })
  }
}
