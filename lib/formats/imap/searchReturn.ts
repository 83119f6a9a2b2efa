/** What a SEARCH is asked to return: RFC 9051 §6.4.4, RFC 5267 §4, RFC 9394 §3.1, RFC 6203 §4, RFC 5465 §7. */
import { parseFetchItems } from './fetch.ts'
import type { FetchItem } from './fetch.ts'
import type { Lexer } from './lexer.ts'
import { parsePartialRange } from './partialRange.ts'
import type { PartialRange } from './partialRange.ts'
import { bad } from './refusal.ts'

const returnWords = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE', 'PARTIAL', 'UPDATE', 'CONTEXT', 'RELEVANCY'] as const

export type SearchReturn = (typeof returnWords)[number]

export interface SearchReturns {
  readonly words: ReadonlySet<SearchReturn>
  /** With PARTIAL. */
  readonly partial: PartialRange | undefined
  /** With UPDATE: what is told of each new message that joins the results (RFC 5465 §7). */
  readonly updateItems: readonly FetchItem[]
}

export const returnsAll: SearchReturns = { words: new Set(['ALL']), partial: undefined, updateItems: [] }

/** Stands behind `RETURN `; moves over the space that follows. RFC 9051 §6.4.4: an empty list is ALL. */
export function parseReturn(lexer: Lexer): SearchReturns {
  let partial: PartialRange | undefined
  let updateItems: readonly FetchItem[] = []
  const words = lexer.list(() => {
    const word = lexer.word('a return option')
    const known = returnWords.find((one) => one === word)
    if (known === undefined) throw bad(`Unknown return option ${word}`)
    if (known === 'PARTIAL') {
      // RFC 9394 §3.1: one at most.
      if (partial !== undefined) throw bad('PARTIAL stands twice')
      lexer.space()
      partial = parsePartialRange(lexer)
    }
    if (known === 'UPDATE' && lexer.text.startsWith(' (', lexer.at)) {
      lexer.space()
      updateItems = parseFetchItems(lexer)
    }
    return known
  }, true)
  lexer.space()
  const set = new Set<SearchReturn>(words.length === 0 ? ['ALL'] : words)
  if (set.has('PARTIAL') && set.has('ALL')) throw bad('PARTIAL and ALL exclude each other')
  return { words: set, partial, updateItems }
}
