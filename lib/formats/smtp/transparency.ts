/**
 * A message on its way out through DATA: a dot more on each line that begins with one, and the end. RFC 5321 §4.5.2
 *
 * Invariants: what is sent has CR LF only as line ends, so that no receiver can find an end of data inside it, whatever line
 * ends it takes for one; nothing of an earlier chunk is kept but two facts about its end.
 */
const LF = 10
const CR = 13
const DOT = 46
const dot = Buffer.from('.')
const lineEnd = Buffer.from('\r\n')

export class DotStuffer {
  #lineStart = true
  /** The chunk before ended with a CR, which has been sent as a whole line end. */
  #afterCr = false

  /** The octets to send for this chunk: slices of it, and what has to stand between them. */
  write(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    let start = 0
    const put = (until: number, ...more: Buffer[]) => {
      if (until > start) out.push(chunk.subarray(start, until))
      out.push(...more)
      start = until
    }
    let i = 0
    if (this.#afterCr && chunk[0] === LF) start = i = 1
    if (chunk.length > 0) this.#afterCr = false
    while (i < chunk.length) {
      const octet = chunk[i]
      if (this.#lineStart && octet === DOT) put(i, dot)
      this.#lineStart = false
      if (octet === CR || octet === LF) {
        const pair = octet === CR && chunk[i + 1] === LF
        if (!pair) {
          put(i, lineEnd)
          start = i + 1
          this.#afterCr = octet === CR && i + 1 === chunk.length
        }
        i += pair ? 2 : 1
        this.#lineStart = true
        continue
      }
      // Most of a message is text: the next line end is searched for, not walked to.
      i = nextLineEnd(chunk, i)
    }
    put(chunk.length)
    return out
  }

  /** What ends the message: a line end where the last line has none, and the line with the dot. */
  end(): Buffer {
    return Buffer.from(this.#lineStart ? '.\r\n' : '\r\n.\r\n')
  }
}

function nextLineEnd(chunk: Buffer, from: number): number {
  const lf = chunk.indexOf(LF, from)
  const until = lf === -1 ? chunk.length : lf
  const cr = chunk.subarray(from, until).indexOf(CR)
  return cr === -1 ? until : from + cr
}
