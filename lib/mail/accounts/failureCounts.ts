/**
 * Failed logins, counted under a key (an address, an account) in the memory of this process.
 *
 * Invariants: never more guesses are made under a key in one window than the limit, however many at once: who would
 * go beyond it waits for those who are being checked. The same wrong password again teaches nobody anything and counts
 * once, so that a forgotten device with an old password locks nobody out. Few keys are kept, the oldest go first.
 */
import type { Clock } from '#lib/base/clock.ts'

export interface FailureLimits {
  /** Different guesses in one window; 0: any number. */
  readonly failures: number
  readonly windowMs: number
  readonly lockMs: number
  /** The most keys kept. */
  readonly keys: number
}

/** Where nothing is locked, the count still makes answers slower. */
const mostCounted = 100

interface Count {
  guesses: Set<string>
  since: number
  lockedUntil: number
  running: number
  waiting: (() => void)[]
}

export class FailureCounts {
  readonly #clock: Clock
  readonly #limits: FailureLimits
  /** In the order they came. */
  readonly #counts = new Map<string, Count>()

  constructor(clock: Clock, limits: FailureLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Before a check; then `release` is due. `waited`: what was read before may be old. */
  async admit(key: string): Promise<'locked' | 'waited' | 'free'> {
    for (let answer: 'waited' | 'free' = 'free'; ; answer = 'waited') {
      const count = this.#current(key)
      if (count.lockedUntil > this.#clock.now()) return 'locked'
      const { failures } = this.#limits
      if (failures === 0 || count.running === 0 || count.guesses.size + count.running < failures) {
        count.running++
        return answer
      }
      await new Promise<void>((resolve) => count.waiting.push(resolve))
    }
  }

  release(key: string): void {
    const count = this.#counts.get(key)
    if (count === undefined) return
    count.running--
    const waiting = count.waiting
    count.waiting = []
    for (const wake of waiting) wake()
    if (count.running === 0 && waiting.length === 0 && count.guesses.size === 0 && count.lockedUntil === 0) this.#counts.delete(key)
  }

  /** `locked`: this failure was one too many, and the key is locked from now on. */
  fail(key: string, guess: string): { readonly failures: number; readonly locked: boolean } {
    const count = this.#current(key)
    if (count.guesses.size < (this.#limits.failures || mostCounted)) count.guesses.add(guess)
    const failures = count.guesses.size
    const locked = this.#limits.failures > 0 && failures >= this.#limits.failures && count.lockedUntil === 0
    if (locked) count.lockedUntil = this.#clock.now() + this.#limits.lockMs
    return { failures, locked }
  }

  /** Counts from nothing again, unlocked. */
  forget(key: string): void {
    const count = this.#counts.get(key)
    if (count !== undefined) clear(count, this.#clock.now())
  }

  #current(key: string): Count {
    const now = this.#clock.now()
    const known = this.#counts.get(key)
    if (known !== undefined) {
      const over = known.lockedUntil > 0 ? known.lockedUntil <= now : now - known.since > this.#limits.windowMs
      if (over) clear(known, now)
      return known
    }
    const count: Count = { guesses: new Set(), since: now, lockedUntil: 0, running: 0, waiting: [] }
    this.#dropOldest()
    this.#counts.set(key, count)
    return count
  }

  #dropOldest(): void {
    for (const [key, count] of this.#counts) {
      if (this.#counts.size < this.#limits.keys) return
      if (count.running === 0 && count.waiting.length === 0) this.#counts.delete(key)
    }
  }
}

function clear(count: Count, now: number): void {
  count.guesses = new Set()
  count.since = now
  count.lockedUntil = 0
}
