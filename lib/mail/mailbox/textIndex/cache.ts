/** Segments of the indexes of all accounts that were used last, as many as fit. */

interface Kept {
  readonly value: unknown
  readonly bytes: number
}

export class SegmentCache {
  readonly #mostBytes: number
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get(key: string): unknown {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.value
  }

  put(key: string, value: unknown, bytes: number): void {
    this.drop(key)
    this.#kept.set(key, { value, bytes })
    this.#bytes += bytes
    for (const old of this.#kept.keys()) {
      if (this.#bytes <= this.#mostBytes) break
      this.drop(old)
    }
  }

  drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0
    this.#kept.delete(key)
  }
}
