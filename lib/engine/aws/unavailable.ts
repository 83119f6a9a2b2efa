/**
 * What the SDK throws when AWS cannot do something now, told from what is a mistake of ours.
 * The SDK has tried as often as its client allows before anything comes here.
 */
import type { Clock } from '#lib/base/clock.ts'
import { EngineUnavailableError } from '../ports.ts'

/** Each says: later. Throttling of the three services, races inside them, their own troubles, and the way to them. */
const passing = new Set([
  'ProvisionedThroughputExceededException', 'ThrottlingException', 'Throttling', 'ThrottledException', 'RequestLimitExceeded', 'RequestThrottled', 'RequestThrottledException', 'LimitExceededException',
  'TransactionConflictException', 'TransactionInProgressException', 'InternalServerError', 'InternalFailure', 'InternalError', 'ServiceUnavailable', 'SlowDown', 'ConditionalRequestConflict', 'OperationAborted',
  'RequestTimeout', 'RequestTimeoutException', 'RequestTimeTooSkewed', 'TimeoutError', 'AbortError', 'CredentialsProviderError', 'ExpiredToken', 'ExpiredTokenException', 'OverLimit', 'KMSThrottled', 'KmsThrottled',
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_PREMATURE_CLOSE',
])

interface SdkError extends Error {
  readonly code?: unknown
  readonly $fault?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
}

export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { name, code, $fault, $metadata } = error as SdkError
  const status = $metadata?.httpStatusCode ?? 0
  return passing.has(name) || (typeof code === 'string' && passing.has(code)) || $fault === 'server' || status >= 500 || status === 429
}

export function named(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name)
}

/** @throws {EngineUnavailableError} for what may be tried again; everything else as it is. */
export async function calling<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (isPassing(error)) throw new EngineUnavailableError(`AWS cannot do this now: ${(error as Error).name}: ${(error as Error).message}`, { cause: error })
    throw error
  }
}

const firstPauseMs = 25
const longestPauseMs = 2000

/** A pause before the next try, longer each time and never the same for two who collided. */
export async function pauseBefore(clock: Clock, triesSoFar: number): Promise<void> {
  await clock.sleep(Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** triesSoFar))
}
