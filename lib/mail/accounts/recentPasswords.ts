/**
 * Passwords found right a short while ago, so that clients that connect again and again cost no slow hash each time.
 * Kept as digests under a key that this process made and never tells; worthless once the credentials have changed.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'

interface Remembered {
  readonly version: string
  readonly digest: Buffer
  readonly until: number
}

export class RecentPasswords {
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #most: number
  readonly #key = randomBytes(32)
  /** By account, the one remembered last at the end. */
  readonly #remembered = new Map<string, Remembered>()

  constructor(clock: Clock, lifeMs: number, most: number) {
    this.#clock = clock
    this.#lifeMs = lifeMs
    this.#most = most
  }

  /** Stands for texts nobody may read back. */
  digest(...parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#key).update(parts.join('\0')).digest()
  }

  has(accountId: string, version: string, password: string): boolean {
    const known = this.#remembered.get(accountId)
    if (known === undefined || known.version !== version || known.until <= this.#clock.now()) return false
    return timingSafeEqual(known.digest, this.digest(accountId, version, password))
  }

  add(accountId: string, version: string, password: string): void {
    if (this.#lifeMs === 0 || this.#most === 0) return
    this.#remembered.delete(accountId)
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined && this.#remembered.size >= this.#most) this.#remembered.delete(oldest)
    this.#remembered.set(accountId, { version, digest: this.digest(accountId, version, password), until: this.#clock.now() + this.#lifeMs })
  }
}
