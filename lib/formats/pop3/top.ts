/** The header, the empty line behind it, and so many lines of the body: RFC 1939 §7, TOP. Chunk by chunk. */
const lineFeed = 0x0a
const carriageReturn = 0x0d

export class TopCut {
  #linesLeft: number
  #inHeader = true
  /** The current line before its LF: whether it is empty is all that counts. */
  #line: 'nothing' | 'CR' | 'text' = 'nothing'
  done = false

  constructor(lines: number) {
    this.#linesLeft = lines
  }

  /** The part of the chunk that is wanted; `done` when nothing more is. */
  take(chunk: Buffer): Buffer {
    let from = 0
    while (!this.done) {
      const end = chunk.indexOf(lineFeed, from)
      this.#read(chunk, from, end < 0 ? chunk.length : end)
      if (end < 0) return chunk
      from = end + 1
      this.#endLine()
    }
    return chunk.subarray(0, from)
  }

  #read(chunk: Buffer, from: number, to: number): void {
    if (to === from) return
    this.#line = this.#line === 'nothing' && to === from + 1 && chunk[from] === carriageReturn ? 'CR' : 'text'
  }

  #endLine(): void {
    if (!this.#inHeader) this.#linesLeft--
    else if (this.#line !== 'text') this.#inHeader = false
    this.#line = 'nothing'
    this.done = !this.#inHeader && this.#linesLeft <= 0
  }
}
