/** Commands of few words: NOOP (RFC 1939 §5) and UTF8 (RFC 6856 §2.1). */
import type { Answer } from '../command.ts'

export function obeyNoop(): Answer {
  return 'Still here'
}

/** Messages are sent as they are in either mode; the names and passwords of both are UTF-8. */
export function obeyUtf8(): Answer {
  return 'UTF-8 it is'
}
