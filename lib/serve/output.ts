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
/** Text is turned into octets in pieces of this size: V8 joins short strings much faster than one long one of many parts. */
const sealChars = 4 * 1024
/** Room beyond {@link fullBytes} for what makes it full. */
const roomBytes = 80 * 1024
/** Where so much is to be said, more will follow. */
const roomFromBytes = 16 * 1024

export class Output {
  #stream: Duplex
  readonly #timeoutMs: number
  #text = ''
  /** Octets to be written first; undefined while there is little to say, which then lies in the pieces. */
  #room: Buffer | undefined
  #roomBytes = 0
  /** What did not fit into the room, behind it. */
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
    if (this.#text.length >= sealChars) this.#seal()
  }

  /** Adds a line of Unicode text. */
  line(text: string): void {
    this.bytes(Buffer.from(`${text}\r\n`))
  }

  bytes(...pieces: readonly Uint8Array[]): void {
    this.#seal()
    for (const piece of pieces) this.#add(piece)
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
  }

  #seal(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    if (this.#room === undefined && text.length >= sealChars) this.#makeRoom(text.length)
    // Order is kept: once something lies behind the room, all that follows does.
    if (this.#room !== undefined && this.#pieces.length === 0 && this.#roomBytes + text.length <= roomBytes) this.#roomBytes += this.#room.write(text, this.#roomBytes, 'latin1')
    else this.#add(Buffer.from(text, 'latin1'))
  }

  /** For a long list of small answers; a room for a single one, or for bodies that lie in memory already, would only be thrown away. */
  #makeRoom(moreBytes: number): void {
    const bytes = this.#pieceBytes + moreBytes
    if (bytes < roomFromBytes || bytes > roomBytes) return
    const pieces = this.#pieces
    this.#room = Buffer.allocUnsafeSlow(roomBytes)
    this.#pieces = []
    this.#pieceBytes = 0
    for (const piece of pieces) {
      this.#room.set(piece, this.#roomBytes)
      this.#roomBytes += piece.length
    }
  }

  get full(): boolean {
    return this.#text.length + this.#roomBytes + this.#pieceBytes >= fullBytes
  }

  /** Writes when much was gathered. @throws ConnectionEnded when the client does not read. */
  async room(): Promise<void> {
    if (this.full) await this.flush()
  }

  /** Writes what was gathered, without waiting; false when the client has yet to read it. */
  push(): boolean {
    const bytes = this.#gathered()
    if (bytes === undefined) return true
    if (this.#over) throw new ConnectionEnded('the client has closed the connection')
    return this.#stream.write(bytes)
  }

  #gathered(): Uint8Array | undefined {
    // A short answer needs no room.
    if (this.#room === undefined && this.#pieces.length === 0) {
      const text = this.#text
      this.#text = ''
      return text === '' ? undefined : Buffer.from(text, 'latin1')
    }
    this.#seal()
    const room = this.#room?.subarray(0, this.#roomBytes)
    const pieces = this.#pieces
    this.#room = undefined
    this.#roomBytes = 0
    this.#pieces = []
    this.#pieceBytes = 0
    if (pieces.length === 0) return room
    const all = room === undefined ? pieces : [room, ...pieces]
    return all.length === 1 ? all[0] : Buffer.concat(all)
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
