import type { Clock } from '#lib/base/clock.ts'

/** More answers than this are not kept. */
const mostKept = 1000

/**
 * Asks once in `ms` for each key: for what every message asks and hardly ever changes. What is not there (undefined), and a
 * failed question, is asked again.
 */
export function rememberFor<T>(ms: number, clock: Pick<Clock, 'now'>, ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const kept = new Map<string, { readonly until: number; readonly answer: Promise<T> }>()
  return (key) => {
    const now = clock.now()
    const known = kept.get(key)
    if (known !== undefined && known.until > now) return known.answer
    if (kept.size >= mostKept) kept.clear()
    const answer = ask(key)
    kept.set(key, { until: now + ms, answer })
    answer.then((value) => value === undefined && kept.delete(key), () => kept.delete(key))
    return answer
  }
}
