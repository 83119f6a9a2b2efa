/** Sequence sets: `1,3:5,9:*` and `$` (RFC 9051 §9 sequence-set, seq-last-command). */
import type { Lexer } from './lexer.ts'

/** The two ends as written, in either order; Infinity is `*`. */
export type SequenceRange = readonly [number, number]

export interface SequenceSet {
  readonly ranges: readonly SequenceRange[]
  /** `$`: the saved result of a SEARCH, alone. */
  readonly saved: boolean
}

export const savedSet: SequenceSet = { ranges: [], saved: true }

export function parseSequenceSet(lexer: Lexer): SequenceSet {
  if (lexer.skip('$')) return savedSet
  const ranges: SequenceRange[] = []
  do {
    const first = parseEnd(lexer)
    ranges.push([first, lexer.skip(':') ? parseEnd(lexer) : first])
  } while (lexer.skip(','))
  return { ranges, saved: false }
}

function parseEnd(lexer: Lexer): number {
  return lexer.skip('*') ? Infinity : lexer.nzNumber('a message number')
}

/** Whether a sequence set can begin with this character. */
export function startsSequenceSet(char: string): boolean {
  return char === '*' || char === '$' || (char >= '0' && char <= '9')
}

/** Ascending, apart from each other, `*` replaced by `largest`. */
export function resolveRanges(set: SequenceSet, largest: number): SequenceRange[] {
  const put = (end: number) => (end === Infinity ? largest : end)
  const sorted = set.ranges.map(([a, b]): SequenceRange => [Math.min(put(a), put(b)), Math.max(put(a), put(b))]).sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const [low, high] of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else merged.push([low, high])
  }
  return merged
}

/** Ascending numbers as a set, runs joined: `1:3,7`. '' for none. */
export function formatSequenceSet(numbers: ArrayLike<number>): string {
  const parts: string[] = []
  for (let start = 0; start < numbers.length; ) {
    let end = start
    while (end + 1 < numbers.length && numbers[end + 1] === (numbers[end] ?? 0) + 1) end++
    parts.push(end === start ? String(numbers[start]) : `${numbers[start] ?? ''}:${numbers[end] ?? ''}`)
    start = end + 1
  }
  return parts.join(',')
}
