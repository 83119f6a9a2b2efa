/** A stretch of a list of results, counted from its beginning or from its end: RFC 9394 §3.1, RFC 5267 §4.4. */
import type { Lexer } from './lexer.ts'

export interface PartialRange {
  /** From 1, `first` not above `last`. */
  readonly first: number
  readonly last: number
  readonly fromEnd: boolean
  /** As the client wrote it. */
  readonly label: string
}

export function parsePartialRange(lexer: Lexer): PartialRange {
  const start = lexer.at
  const fromEnd = lexer.skip('-')
  const one = lexer.nzNumber('a place in the results')
  lexer.expect(':')
  if (fromEnd) lexer.expect('-')
  const other = lexer.nzNumber('a place in the results')
  return { first: Math.min(one, other), last: Math.max(one, other), fromEnd, label: lexer.text.slice(start, lexer.at) }
}

/** In the order of `results`. */
export function takePartial<T>(results: readonly T[], { first, last, fromEnd }: PartialRange): T[] {
  return fromEnd ? results.slice(Math.max(results.length - last, 0), Math.max(results.length - first + 1, 0)) : results.slice(first - 1, last)
}
