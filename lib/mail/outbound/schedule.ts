/** When a deferred message is tried again, and when no more. Pure. */
import type { Config } from '#lib/config.ts'

export type ScheduleSettings = Pick<Config['outbound'], 'retryMs' | 'expireMs' | 'warnMs'>

export type NextStep =
  | { readonly kind: 'retry'; readonly at: number; /** The sender is to be told of the delay. */ readonly warn: boolean }
  | { readonly kind: 'give up' }

export interface Waiting {
  readonly receivedAt: number
  /** Tries made before the one that has just failed. */
  readonly attempts: number
  readonly warnedAt?: number
}

/** After a try that failed for now. The last try comes when the time is up, not before. */
export function nextStep(waiting: Waiting, now: number, settings: ScheduleSettings): NextStep {
  // RFC 5321 §4.5.4.1: give up after some days.
  const end = expiryOf(waiting, settings)
  if (now >= end) return { kind: 'give up' }
  const waitMs = settings.retryMs[waiting.attempts] ?? settings.retryMs.at(-1) ?? settings.expireMs
  const warn = waiting.warnedAt === undefined && now - waiting.receivedAt >= settings.warnMs
  return { kind: 'retry', at: Math.min(now + Math.max(waitMs, leastMs), end), warn }
}

/** An empty or zero wait must not make a busy loop of a host that refuses at once. */
const leastMs = 1000

export function expiryOf({ receivedAt }: Pick<Waiting, 'receivedAt'>, { expireMs }: Pick<ScheduleSettings, 'expireMs'>): number {
  return receivedAt + expireMs
}
