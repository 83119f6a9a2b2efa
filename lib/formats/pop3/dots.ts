/**
 * A message as the body of a multi-line response: RFC 1939 §3. Chunk by chunk, wherever they were cut.
 *
 * Invariant: what a client reads as lines never has a line of a single dot before the end, whether its lines end
 * with CR LF or with a bare LF.
 */
const lineFeed = 0x0a
const carriageReturn = 0x0d
const dot = 0x2e
const dotOctet = Uint8Array.of(dot)

export class DotStuffing {
  #atLineStart = true
  #endsWithCrlf = true
  #lastWasCr = false

  /** The chunk in pieces with the dots put between; the pieces are parts of the chunk, not copies. */
  stuff(chunk: Buffer): Uint8Array[] {
    if (chunk.length === 0) return []
    const pieces: Uint8Array[] = []
    let from = 0
    if (this.#atLineStart && chunk[0] === dot) pieces.push(dotOctet)
    for (let at = chunk.indexOf('\n.', 0, 'latin1'); at >= 0; at = chunk.indexOf('\n.', at + 1, 'latin1')) {
      pieces.push(chunk.subarray(from, at + 1), dotOctet)
      from = at + 1
    }
    pieces.push(chunk.subarray(from))
    this.#note(chunk)
    return pieces
  }

  #note(chunk: Buffer): void {
    const last = chunk[chunk.length - 1]
    const crBefore = chunk.length > 1 ? chunk[chunk.length - 2] === carriageReturn : this.#lastWasCr
    this.#atLineStart = last === lineFeed
    this.#endsWithCrlf = last === lineFeed && crBefore
    this.#lastWasCr = last === carriageReturn
  }

  /** What ends the response. A message that does not end with CR LF gets one, or the end could not be seen. */
  end(): string {
    return this.#endsWithCrlf ? '.\r\n' : '\r\n.\r\n'
  }
}
