/** The octets of a passing message that are still needed, in one piece, by their places in the message. */

const LF = 10
const CR = 13
const nothing: Buffer = Buffer.alloc(0)

export class Input {
  /** Every octet from `base` on that was added. */
  octets = nothing
  base = 0
  /** Own room behind `octets`, so that many small chunks are not copied over and over. */
  #room = nothing
  #used = 0
  /** The two octets before `base`. */
  #before: readonly [number, number] = [0, 0]

  add(chunk: Buffer): void {
    const kept = this.octets.length
    if (kept === 0) {
      this.octets = chunk
      return
    }
    if (this.#used + chunk.length > this.#room.length) this.#move(2 * (kept + chunk.length))
    this.#room.set(chunk, this.#used)
    this.#used += chunk.length
    this.octets = this.#room.subarray(this.#used - kept - chunk.length, this.#used)
  }

  /** What is before this place is not needed any more. */
  drop(until: number): void {
    const count = until - this.base
    if (count > 0) {
      this.#before = [this.#octet(until - 2), this.#octet(until - 1)]
      this.octets = count >= this.octets.length ? nothing : this.octets.subarray(count)
      this.base = until
    }
    this.#own()
  }

  /** A chunk is the caller's, who may use it again. */
  #own(): void {
    if (this.octets.length > 0 && this.octets.buffer !== this.#room.buffer) this.#move(2 * this.octets.length)
  }

  #move(roomBytes: number): void {
    // Its own memory, not a piece of the pool that chunks may share.
    this.#room = Buffer.alloc(roomBytes)
    this.#room.set(this.octets)
    this.#used = this.octets.length
    this.octets = this.#room.subarray(0, this.#used)
  }

  slice(start: number, end: number): Buffer {
    return this.octets.subarray(start - this.base, end - this.base)
  }

  /** Octets of the line end before this place. */
  lineEndBytes(at: number): number {
    if (this.#octet(at - 1) !== LF) return 0
    return this.#octet(at - 2) === CR ? 2 : 1
  }

  #octet(at: number): number {
    const octet = at >= this.base ? this.octets[at - this.base] : this.#before[at - this.base + 2]
    return octet ?? 0
  }
}
