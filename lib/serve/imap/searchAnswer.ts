/** What SEARCH and SORT have in common once their results are there: what is saved, watched and told. */
import type { Search } from '#lib/formats/imap/search.ts'
import { writeEsearch } from '#lib/formats/imap/searchResponse.ts'
import { takePartial } from '#lib/formats/imap/partialRange.ts'
import type { SearchReturns } from '#lib/formats/imap/searchReturn.ts'
import { returnsAll } from '#lib/formats/imap/searchReturn.ts'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import type { SortKey } from '#lib/formats/imap/sort.ts'
import { watchSearch } from './contexts.ts'
import type { Session } from './session.ts'

/** In the order in which they are told. */
export interface Results {
  readonly uids: readonly number[]
  readonly numbers: readonly number[]
  readonly scores: readonly number[] | undefined
}

export interface AnsweredSearch {
  readonly tag: string
  readonly byUid: boolean
  readonly request: Search
  /** {@link resolveCriteria} */
  readonly key: SearchKey
  /** Of a SORT. */
  readonly order?: readonly SortKey[]
  /** The answer of those who did not ask for ESEARCH. */
  readonly plain: (numbers: readonly number[], modSeq: number | undefined) => string
}

export function answerSearch(session: Session, search: AnsweredSearch, { uids, numbers, scores }: Results): void {
  const { tag, byUid, request } = search
  const { output, selected } = session
  // RFC 9051 §6.4.4: those who have enabled IMAP4rev2 always get ESEARCH. SORT knows no such rule.
  const returns = request.returns ?? (session.rev2 && search.order === undefined ? returnsAll : undefined)
  const told = byUid ? uids : numbers
  const modSeq = request.modSeq ? highestModSeq(session, reported(uids, returns)) : undefined
  if (returns === undefined) {
    output.text(search.plain(told, modSeq))
    return
  }
  const { words } = returns
  if (words.has('SAVE')) selected.saved = saved(uids, returns).toSorted((a, b) => a - b)
  // RFC 5267 §4.3: before the results, so that a refusal is heard in time.
  if (words.has('UPDATE')) watchSearch(session, { ...search, items: returns.updateItems }, uids)
  // RFC 9051 §6.4.4.1: SAVE alone is answered by the tagged OK.
  if (words.size > 1 || !words.has('SAVE')) output.text(writeEsearch({ tag, uid: byUid, returns, numbers: told, modSeq, scores }))
}

/** RFC 7162 §3.1.10: with MIN or MAX alone, the mod-sequence is of what they name; RFC 9394 §3.2: so it is with PARTIAL. */
function reported(uids: readonly number[], returns: SearchReturns | undefined): readonly number[] {
  if (returns === undefined || returns.words.has('ALL') || returns.words.has('COUNT')) return uids
  return named(uids, returns)
}

/** RFC 9051 §6.4.4.1 and RFC 9394 §3.2: with MIN, MAX or PARTIAL and without ALL or COUNT, only what they name is saved. */
function saved(uids: readonly number[], returns: SearchReturns): readonly number[] {
  const { words } = returns
  if (words.has('PARTIAL')) return named(uids, returns)
  return words.has('ALL') || words.has('COUNT') || (!words.has('MIN') && !words.has('MAX')) ? uids : named(uids, returns)
}

function named(uids: readonly number[], { words, partial }: SearchReturns): number[] {
  return [...new Set([...(words.has('MIN') ? uids.slice(0, 1) : []), ...(words.has('MAX') ? uids.slice(-1) : []), ...(partial === undefined ? [] : takePartial(uids, partial))])]
}

function highestModSeq(session: Session, uids: readonly number[]): number | undefined {
  const { mailbox } = session
  let highest: number | undefined
  for (const uid of uids) {
    const index = mailbox.indexOf(uid)
    if (index >= 0) highest = Math.max(highest ?? 0, mailbox.modSeqAt(index))
  }
  return highest
}
