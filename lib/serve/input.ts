/**
 * What a client of a line protocol sends, as lines and octets, pulled by one reader.
 *
 * Invariants: at most `highWaterBytes` and one chunk wait here, the rest waits in the kernel; no promise stays pending
 * once the stream is over; whole lines that came before its end are still read.
 */
import type { Duplex } from 'node:stream'

/** The client is gone, or must go at once: nobody is left to answer. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded'
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const empty: Buffer = Buffer.alloc(0)

/** `woken`: somebody called {@link Input.wake}. `long`: more octets than the limit came without a line end. */
export type LineWait = 'line' | 'woken' | 'timeout' | 'long'

export interface InputOptions {
  readonly highWaterBytes: number
  /** Called whenever there is nothing left to do but wait: answers held back must go out then. */
  readonly beforeWait?: () => void
}

export class Input {
  readonly #options: InputOptions
  #stream: Duplex | undefined
  #buffer: Buffer = empty
  /** No line feed stands before this place of the buffer. */
  #scanned = 0
  #over = false
  #woken = false
  #notify: (() => void) | undefined
  #unhear: (() => void) | undefined

  constructor(options: InputOptions) {
    this.#options = options
  }

  /** Starts reading; what another stream left unread is dropped. */
  attach(stream: Duplex): void {
    this.detach()
    this.#buffer = empty
    this.#scanned = 0
    this.#stream = stream
    const heard = (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
      if (this.#buffer.length > this.#options.highWaterBytes) stream.pause()
      this.#notify?.()
    }
    const ended = () => this.end()
    stream.on('data', heard).on('end', ended)
    this.#unhear = () => stream.off('data', heard).off('end', ended).pause()
  }

  /** What the stream brings from now on is not for us: it waits for another reader. */
  detach(): void {
    this.#unhear?.()
    this.#unhear = undefined
    this.#stream = undefined
  }

  /** The stream is over: who waits, or will wait, gets {@link ConnectionEnded}. */
  end(): void {
    this.#over = true
    this.#notify?.()
  }

  /** Ends the current or next {@link untilLine} early. */
  wake(): void {
    this.#woken = true
    this.#notify?.()
  }

  #lineEnd(): number {
    const at = this.#buffer.indexOf(lineFeed, this.#scanned)
    if (at < 0) this.#scanned = this.#buffer.length
    return at
  }

  /** Whether a whole line waits: the client has sent more before reading our answer. */
  get hasLine(): boolean {
    return this.#lineEnd() >= 0
  }

  /** Octets that came and were not read. */
  get bytes(): number {
    return this.#buffer.length
  }

  /** Resolves when more octets have come, the stream has ended, `wake` was called or the time is up ('timeout'). */
  #more(timeoutMs: number): Promise<'more' | 'timeout'> {
    if (this.#over) throw new ConnectionEnded('the client has closed the connection')
    this.#options.beforeWait?.()
    this.#stream?.resume()
    return new Promise((resolve) => {
      const settle = (why: 'more' | 'timeout') => {
        clearTimeout(timer)
        this.#notify = undefined
        resolve(why)
      }
      const timer = setTimeout(() => settle('timeout'), timeoutMs)
      this.#notify = () => settle('more')
    })
  }

  /** Waits for a line without taking it. @throws ConnectionEnded */
  async untilLine(limitBytes: number, timeoutMs: number): Promise<LineWait> {
    for (;;) {
      const end = this.#lineEnd()
      if (end > limitBytes || (end < 0 && this.#buffer.length > limitBytes)) return 'long'
      if (end >= 0) return 'line'
      if (this.#woken) {
        this.#woken = false
        return 'woken'
      }
      if ((await this.#more(timeoutMs)) === 'timeout') return 'timeout'
    }
  }

  /** The next line as an octet string without its line end. Only after {@link untilLine} said there is one. */
  takeLine(): string {
    const end = this.#lineEnd()
    const stop = end > 0 && this.#buffer[end - 1] === carriageReturn ? end - 1 : end
    const line = this.#buffer.toString('latin1', 0, stop)
    this.#drop(end + 1)
    return line
  }

  #drop(count: number): void {
    this.#buffer = count === this.#buffer.length ? empty : this.#buffer.subarray(count)
    this.#scanned = 0
  }

  /** The next octets as they come, at least one and at most so many; undefined when none come in time. @throws ConnectionEnded */
  async take(mostBytes: number, timeoutMs: number): Promise<Buffer | undefined> {
    while (this.#buffer.length === 0) if ((await this.#more(timeoutMs)) === 'timeout') return undefined
    const chunk = this.#buffer.subarray(0, mostBytes)
    this.#drop(chunk.length)
    return chunk
  }
}
