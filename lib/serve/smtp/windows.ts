/** Limits for each key: messages per address and per account, in fixed windows of time; sessions per account. Memory is bounded by `maxKeys`, and by the sessions. */
import type { Clock } from '#lib/base/clock.ts'

const maxKeys = 100_000

/** What all listeners of a server count together: an account has one limit, whichever port it comes to. */
export interface Windows {
  readonly perAddress: WindowCounter
  readonly perAccount: WindowCounter
  /** Logged in now, by account. */
  readonly sessions: SessionCounter
}

export function makeWindows(clock: Clock, windowMs: number): Windows {
  return { perAddress: new WindowCounter(clock, windowMs), perAccount: new WindowCounter(clock, windowMs), sessions: new SessionCounter() }
}

class WindowCounter {
  readonly #clock: Clock
  readonly #windowMs: number
  #counts = new Map<string, number>()
  #since = 0

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock
    this.#windowMs = windowMs
  }

  /** Counts one more; false when `most` was reached already. 0: any number. */
  take(key: string, most: number): boolean {
    if (most === 0) return true
    const now = this.#clock.now()
    if (now - this.#since >= this.#windowMs || this.#counts.size >= maxKeys) {
      this.#since = now
      this.#counts = new Map()
    }
    const count = this.#counts.get(key) ?? 0
    if (count >= most) return false
    this.#counts.set(key, count + 1)
    return true
  }
}

class SessionCounter {
  readonly #counts = new Map<string, number>()

  /** False when `most` are there already. 0: any number. */
  enter(key: string, most: number): boolean {
    const count = this.#counts.get(key) ?? 0
    if (most > 0 && count >= most) return false
    this.#counts.set(key, count + 1)
    return true
  }

  leave(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }
}
