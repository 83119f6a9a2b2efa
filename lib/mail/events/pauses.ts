/** How long to leave in peace what has failed: longer each time. */
interface Pause {
  readonly failures: number
  readonly since: number
  readonly until: number
}

export class Pauses {
  readonly #stepsMs: readonly number[]
  readonly #pauses = new Map<string, Pause>()

  constructor(stepsMs: readonly number[]) {
    this.#stepsMs = stepsMs
  }

  failures(what: string): number {
    return this.#pauses.get(what)?.failures ?? 0
  }

  /** When it failed first since it last succeeded. */
  since(what: string, now: number): number {
    return this.#pauses.get(what)?.since ?? now
  }

  /** 0 when it may be tried. */
  until(what: string): number {
    return this.#pauses.get(what)?.until ?? 0
  }

  /** When the first of those that rest may be tried again. */
  next(now: number): number {
    let next = Infinity
    for (const { until } of this.#pauses.values()) if (until > now && until < next) next = until
    return next
  }

  /** When to try again. */
  fail(what: string, now: number): number {
    const failures = this.failures(what) + 1
    const until = now + (this.#stepsMs[failures - 1] ?? this.#stepsMs.at(-1) ?? 60_000)
    this.#pauses.set(what, { failures, until, since: this.since(what, now) })
    return until
  }

  succeed(what: string): void {
    this.#pauses.delete(what)
  }
}
