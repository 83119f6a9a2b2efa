/** SEARCH and ESEARCH responses: RFC 3501 §7.2.5, RFC 9051 §7.3.4, RFC 7162 §3.1.5 and §3.1.10, RFC 5267 §4, RFC 7377 §2.1, RFC 9394 §3.1. */
import { takePartial } from './partialRange.ts'
import type { SearchReturns } from './searchReturn.ts'
import { formatSequenceSet } from './sequenceSet.ts'
import { writeString } from './write.ts'

/** `numbers` ascending; `modSeq` is told when the search had a MODSEQ key and found something. */
export function writeSearch(numbers: readonly number[], modSeq: number | undefined): string {
  const found = numbers.length === 0 ? '' : ` ${numbers.join(' ')}`
  return `* SEARCH${found}${modSeq === undefined || numbers.length === 0 ? '' : ` (MODSEQ ${modSeq})`}\r\n`
}

/** The search a response belongs to, and of which mailbox it is (RFC 7377 §2.1). */
export interface Correlator {
  readonly tag: string
  readonly uid: boolean
  /** `name` as it goes to the client. */
  readonly mailbox?: { readonly name: string; readonly uidValidity: number }
}

export interface Esearch extends Correlator {
  readonly returns: SearchReturns
  /** In the order of the results: ascending, or that of a sort. */
  readonly numbers: readonly number[]
  readonly modSeq: number | undefined
  /** 1 to 100 for each of the numbers, when they are asked for. */
  readonly scores?: readonly number[] | undefined
}

export function writeEsearch(answer: Esearch): string {
  const { returns: { words, partial }, numbers, modSeq, scores } = answer
  const parts = [writeCorrelator(answer)]
  const first = numbers[0]
  const last = numbers.at(-1)
  if (first !== undefined && last !== undefined) {
    if (words.has('MIN')) parts.push(`MIN ${first}`)
    if (words.has('MAX')) parts.push(`MAX ${last}`)
    if (words.has('ALL')) parts.push(`ALL ${formatSequenceSet(numbers)}`)
  }
  if (words.has('COUNT')) parts.push(`COUNT ${numbers.length}`)
  if (partial !== undefined) parts.push(`PARTIAL (${partial.label} ${formatSequenceSet(takePartial(numbers, partial)) || 'NIL'})`)
  // RFC 6203 §4: in the order of the results told.
  if (words.has('RELEVANCY') && scores !== undefined && scores.length > 0) parts.push(`RELEVANCY (${(partial === undefined ? scores : takePartial(scores, partial)).join(' ')})`)
  if (modSeq !== undefined && numbers.length > 0) parts.push(`MODSEQ ${modSeq}`)
  return `${parts.join(' ')}\r\n`
}

function writeCorrelator({ tag, uid, mailbox }: Correlator): string {
  const of = mailbox === undefined ? '' : ` MAILBOX ${mailbox.name} UIDVALIDITY ${mailbox.uidValidity}`
  return `* ESEARCH (TAG ${writeString(tag)}${of})${uid ? ' UID' : ''}`
}

/** Where in the results of a context numbers come or go; position 0 for results in the order of the mailbox. */
interface ContextChange {
  readonly position: number
  readonly numbers: readonly number[]
}

/** RFC 5267 §4.3 */
export function writeContextChanges(of: Correlator, what: 'ADDTO' | 'REMOVEFROM', changes: readonly ContextChange[]): string {
  return `${writeCorrelator(of)} ${what} (${changes.map(({ position, numbers }) => `${position} ${formatSequenceSet(numbers)}`).join(' ')})\r\n`
}
