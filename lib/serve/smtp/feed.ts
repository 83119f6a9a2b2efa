/** A message's octets on their way from the socket to whoever stores them, when it is too large to be held whole. */

/** Above the upper mark the socket is paused, below the lower one it goes on. */
const fullBytes = 256 * 1024
const spaceBytes = 64 * 1024

export class Feed implements AsyncIterable<Uint8Array> {
  readonly #onSpace: () => void
  #chunks: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #failure: Error | undefined
  #abandoned = false
  #wake: (() => void) | undefined

  constructor(onSpace: () => void) {
    this.#onSpace = onSpace
  }

  get full(): boolean {
    return this.#bytes > fullBytes
  }

  push(chunks: readonly Uint8Array[]): void {
    if (this.#abandoned || this.#failure !== undefined) return
    for (const chunk of chunks) {
      this.#chunks.push(chunk)
      this.#bytes += chunk.length
    }
    this.#stir()
  }

  end(): void {
    this.#ended = true
    this.#stir()
  }

  /** The reader gets this error instead of the rest, and so throws away what it has. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#chunks = []
    this.#space(0)
    this.#stir()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure
        const chunks = this.#chunks
        this.#chunks = []
        for (const chunk of chunks) {
          yield chunk
          this.#space(this.#bytes - chunk.length)
        }
        if (this.#chunks.length > 0) continue
        if (this.#ended && this.#failure === undefined) return
        if (this.#failure === undefined) await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#abandoned = true
      this.#chunks = []
      this.#space(0)
    }
  }

  #stir(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  #space(bytes: number): void {
    const before = this.#bytes
    this.#bytes = Math.max(0, bytes)
    if (before > spaceBytes && this.#bytes <= spaceBytes) this.#onSpace()
  }
}
