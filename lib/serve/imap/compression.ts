/**
 * The layer that deflates what goes out and inflates what comes in, above TLS: RFC 4978.
 *
 * Invariants: whatever is written goes out whole before more is waited for (sync flush); a few tens of KB wait here in each
 * direction, however much a few octets inflate to; the layer ends with the stream below it, and bad octets end both.
 */
import { Duplex } from 'node:stream'
import zlib from 'node:zlib'

const chunkBytes = 16 * 1024
/** How often a slow client is looked after. */
const lookMs = 10
const { Z_SYNC_FLUSH } = zlib.constants

export class Compression extends Duplex {
  readonly #below: Duplex
  readonly #inflate = zlib.createInflateRaw({ chunkSize: chunkBytes, finishFlush: Z_SYNC_FLUSH })
  readonly #deflate = zlib.createDeflateRaw({ chunkSize: chunkBytes, flush: Z_SYNC_FLUSH })

  constructor(below: Duplex) {
    super({ highWaterMark: chunkBytes })
    this.#below = below
    this.#inflate.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#inflate.pause()
    })
    this.#inflate.on('end', () => this.push(null))
    this.#inflate.on('error', (error) => this.destroy(error))
    this.#deflate.on('error', (error) => this.destroy(error))
    below.pipe(this.#inflate)
    this.#deflate.pipe(below, { end: false })
    below.once('close', this.#belowClosed)
  }

  readonly #belowClosed = (): void => void this.destroy()

  override _read(): void {
    this.#inflate.resume()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#deflate.write(chunk, done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inflate.destroy()
    this.#deflate.destroy()
    this.#below.destroy()
    done(error)
  }

  /** Whether all that was written came to the stream below, waited for as long as a client may take. */
  async settle(patienceMs: number): Promise<boolean> {
    const until = performance.now() + patienceMs
    for (let turns = 0; !this.destroyed && performance.now() < until; turns++) {
      if (this.writableLength + this.#deflate.readableLength === 0) return true
      await new Promise((resolve) => (turns < 100 ? setImmediate(resolve) : setTimeout(resolve, lookMs)))
    }
    return false
  }

  /** What comes from now on is not inflated any more, and waits below: the client may write as soon as it has read that the layer ends. */
  stopInflating(): void {
    this.#below.unpipe(this.#inflate)
    this.#below.pause()
  }

  /** Takes the layer off: the stream below is used as it is from now on. What was written must be settled. */
  remove(): void {
    this.#below.off('close', this.#belowClosed)
    this.#below.unpipe(this.#inflate)
    this.#deflate.unpipe(this.#below)
    this.#inflate.destroy()
    this.#deflate.destroy()
  }
}
