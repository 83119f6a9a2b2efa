/**
 * The body hash of a DKIM signature: SHA-256 over the body in `relaxed` form, RFC 6376 §3.4.4.
 * Invariant: the same hash however the body is cut into chunks, in memory bounded by the chunk.
 */
import { createHash } from 'node:crypto'

/** Line ends are written to the hash this many at a time. */
const lineEndsAtOnce = 1024

export class BodyHash {
  readonly #hash = createHash('sha256')
  /** Line ends that count only when something follows them. */
  #heldLineEnds = 0
  /** A space, a CR or both at the end of the chunk: what they mean depends on the next one. */
  #carry = ''
  #empty = true

  update(chunk: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = chunk
    const text = relax(this.#carry + Buffer.from(buffer, byteOffset, byteLength).toString('latin1'))
    let end = text.length
    if (text[end - 1] === '\r') end--
    if (text[end - 1] === ' ') end--
    this.#carry = text.slice(end)
    let lineEnds = 0
    for (; text[end - 1] === '\n' && text[end - 2] === '\r'; end -= 2) lineEnds++
    if (end > 0) this.#write(text.slice(0, end))
    this.#heldLineEnds += lineEnds
  }

  /** In base64. Nothing may be added after. */
  digest(): string {
    // A CR without LF is content; a space at the very end is white space at the end of a line.
    if (this.#carry.endsWith('\r')) this.#write(this.#carry)
    // A body without a line end gets one, an empty body does not.
    if (!this.#empty) this.#hash.update('\r\n')
    return this.#hash.digest('base64')
  }

  #write(text: string): void {
    for (; this.#heldLineEnds > 0; this.#heldLineEnds -= Math.min(this.#heldLineEnds, lineEndsAtOnce)) {
      this.#hash.update('\r\n'.repeat(Math.min(this.#heldLineEnds, lineEndsAtOnce)))
    }
    this.#hash.update(text, 'latin1')
    this.#empty = false
  }
}

function relax(text: string): string {
  return text.replace(/[ \t]+/g, ' ').replaceAll(' \r\n', '\r\n')
}
