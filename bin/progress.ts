/** How far a long command is: one line on a terminal, written over and over; nothing elsewhere. */
import { systemClock } from '#lib/base/clock.ts'

const showEveryMs = 100

export class Progress {
  readonly #subject: string
  #shownAt = 0

  /** @param subject what stands before the colon */
  constructor(subject: string) {
    this.#subject = subject
  }

  /** @param total absent while nobody knows it */
  show(done: number, total: number | undefined, what: string): void {
    const now = systemClock.now()
    if (!process.stderr.isTTY || now - this.#shownAt < showEveryMs) return
    this.#shownAt = now
    process.stderr.write(`\r\u001b[K${this.#subject}: ${done}${total === undefined ? '' : ` of ${total}`} ${what}`)
  }

  clear(): void {
    if (this.#shownAt > 0) process.stderr.write('\r\u001b[K')
  }
}
