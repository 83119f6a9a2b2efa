/**
 * When notes that keep coming are handed out: the clients that send them wait for an answer, so receiving goes first,
 * and what has gathered meanwhile shares its commits.
 *
 * Legal paths: calm -> gathering (a note comes close behind another) -> released (none came for a moment, or the time is up,
 * or there is no room for more) -> calm (all are handed out).
 * Invariants: a note that comes alone waits for nobody; none waits longer than `mostMs`; released, notes go out as fast
 * as they can, however many come meanwhile.
 */

/** Notes closer together than this come in a row; without one for as long the row has ended. */
const closeMs = 20

export class Gathering {
  readonly #mostMs: number
  #lastAt = -Infinity
  #since: number | undefined

  constructor(mostMs: number) {
    this.#mostMs = mostMs
  }

  arrived(now: number): void {
    if (now - this.#lastAt <= closeMs) this.#since ??= now
    this.#lastAt = now
  }

  /** How long from now notes had better wait, in ms; 0 when they are to go out. */
  waitMs(now: number): number {
    // A clock that was set back must not keep mail waiting.
    if (this.#since === undefined || now < this.#lastAt) return 0
    return Math.max(0, Math.min(this.#since + this.#mostMs, this.#lastAt + closeMs + 1) - now)
  }

  /** There is no room for more. */
  release(): void {
    this.#since = -Infinity
  }

  /** Nothing is left to hand out. */
  emptied(): void {
    this.#since = undefined
  }
}
