/** SORT: RFC 5256 §3, DISPLAYFROM and DISPLAYTO of RFC 5957, RETURN of RFC 5267 §3, RELEVANCY of RFC 6203 §5. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import { parseSearchProgram } from './search.ts'
import type { Search, SearchLimits } from './search.ts'
import { parseReturn } from './searchReturn.ts'
import type { SearchReturns } from './searchReturn.ts'

const sortWords = ['ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO', 'DISPLAYFROM', 'DISPLAYTO', 'RELEVANCY'] as const

export interface SortKey {
  readonly by: (typeof sortWords)[number]
  readonly reverse: boolean
}

export interface Sort extends Search {
  readonly order: readonly SortKey[]
}

/** More than there are words, each way. */
const mostKeys = 20

export function parseSort(lexer: Lexer, limits: SearchLimits): Sort {
  lexer.space()
  const returns: SearchReturns | undefined = lexer.skipWord('RETURN ') ? parseReturn(lexer) : undefined
  const order = lexer.list(() => parseSortKey(lexer))
  if (order.length > mostKeys) throw bad('The sort has too many keys')
  lexer.space()
  const program = parseSearchProgram(lexer, limits, 'charset')
  if (!program.fuzzy && order.some(({ by }) => by === 'RELEVANCY')) throw bad('RELEVANCY is for searches with FUZZY')
  return { returns, order, ...program }
}

function parseSortKey(lexer: Lexer): SortKey {
  let word = lexer.word('a sort key')
  const reverse = word === 'REVERSE'
  if (reverse) {
    lexer.space()
    word = lexer.word('a sort key')
  }
  const by = sortWords.find((one) => one === word)
  if (by === undefined) throw bad(`Unknown sort key ${word}`)
  return { by, reverse }
}

/** RFC 5256 §4; the order is that of the sort. */
export function writeSort(numbers: readonly number[], modSeq: number | undefined): string {
  const found = numbers.length === 0 ? '' : ` ${numbers.join(' ')}`
  // RFC 7162 §3.1.6
  return `* SORT${found}${modSeq === undefined || numbers.length === 0 ? '' : ` (MODSEQ ${modSeq})`}\r\n`
}
