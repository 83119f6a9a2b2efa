/** The criteria of SEARCH, SORT and THREAD as lib/mail wants them: filters by what they stand for, sequence numbers and `$` by UIDs. */
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { SearchKey, SearchLimits, SearchProgram } from '#lib/formats/imap/search.ts'
import { parseSearchProgram, rewriteSearch } from '#lib/formats/imap/search.ts'
import type { SequenceRange, SequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import type { Selected, Session } from './session.ts'
import { demandUidKey } from './uidOnly.ts'
import type { MailboxView } from './view.ts'

export function searchLimits({ deps: { settings } }: Session): SearchLimits {
  return { depth: settings.searchDepth, keys: settings.searchKeys }
}

/** RFC 6855 §3: after ENABLE UTF8=ACCEPT a SEARCH names no character set. @throws bad */
export function demandNoCharset({ utf8 }: Session, { charset }: Pick<SearchProgram, 'charset'>): void {
  if (utf8 && charset) throw bad('CHARSET has no place after ENABLE UTF8=ACCEPT')
}

/** For the selected mailbox. @throws no, bad */
export async function resolveCriteria(session: Session, key: SearchKey): Promise<SearchKey> {
  const { selected } = session
  return rewriteSearch(await putFilters(session, key), (one) => {
    demandUidKey(session, one)
    return one.kind === 'sequence' || one.kind === 'uid' ? { kind: 'uid', set: uidSet(selected, one.set, one.kind === 'uid') } : undefined
  })
}

/** Sequence numbers out of range find nothing here: an empty mailbox can be searched for `1:*`. */
function uidSet({ view, saved }: Selected, set: SequenceSet, byUid: boolean): SequenceSet {
  if (set.saved) return { saved: false, ranges: saved.map((uid) => [uid, uid] as const) }
  if (byUid) return { saved: false, ranges: resolveRanges(set, view.lastUid) }
  const ranges = resolveRanges(set, view.count).filter(([low]) => low >= 1 && low <= view.count)
  return { saved: false, ranges: ranges.map(([low, high]): SequenceRange => [view.uidOf(low), view.uidOf(Math.min(high, view.count))]) }
}

/** What the client calls these messages; ascending UIDs, those that it was not told of are left out of both. */
export function inView(view: MailboxView, uids: readonly number[]): { readonly uids: number[]; readonly numbers: number[] } {
  const known: number[] = []
  const numbers: number[] = []
  let next = 1
  for (const uid of uids) {
    const number = next <= view.count && view.uidOf(next) === uid ? next : view.sequenceNumberOf(uid)
    if (number === 0) continue
    known.push(uid)
    numbers.push(number)
    next = number + 1
  }
  return { uids: known, numbers }
}

// ---------------------------------------------------------------- filters

/** Filters in one search, those in filters included. */
const mostFilters = 50

/** RFC 5466 §3.1: keys kept under a name stand for it. @throws no UNDEFINED-FILTER */
export async function putFilters(session: Session, key: SearchKey): Promise<SearchKey> {
  let count = 0
  for (let all = key; ; ) {
    const names = filtersIn(all)
    if (names.size === 0) return all
    if ((count += names.size) > mostFilters) throw no('The filters name each other too often', 'LIMIT')
    const found = new Map<string, SearchKey>()
    for (const name of names) found.set(name, (await readFilter(session, name)).key)
    all = rewriteSearch(all, (one) => (one.kind === 'filter' ? found.get(one.name) : undefined))
  }
}

function filtersIn(key: SearchKey): Set<string> {
  const names = new Set<string>()
  rewriteSearch(key, (one) => {
    if (one.kind === 'filter') names.add(one.name)
    return undefined
  })
  return names
}

async function readFilter(session: Session, name: string): Promise<SearchProgram> {
  const value = await findFilter(session, name)
  if (value === undefined) throw no('There is no such filter', `UNDEFINED-FILTER ${name}`)
  try {
    return parseSearchProgram(new Lexer(Buffer.from(value).toString('latin1')), searchLimits(session), 'optional')
  } catch {
    throw no('What is kept under the name of this filter is no search', `UNDEFINED-FILTER ${name}`)
  }
}

/** RFC 5466 §3.2: the user's own ones come first. Shared ones are those of the domain's shared account. */
async function findFilter(session: Session, name: string): Promise<Uint8Array | undefined> {
  const entry = `/filters/values/${name.toLowerCase()}`
  const { own, places, loggedIn } = session
  const kept = own.state.annotations.get(loggedIn.account.id, entry)
  if (kept !== undefined || places.sharedPrefix === '') return kept?.value
  return (await places.place(`${places.sharedPrefix}INBOX`))?.place.mail.state.annotations.get(null, entry)?.value
}
