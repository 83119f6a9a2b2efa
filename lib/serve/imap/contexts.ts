/**
 * Searches and sorts whose results the client is told of as they change (RFC 5267 §4.3), until it says CANCELUPDATE or
 * leaves the mailbox.
 *
 * Invariants: a context knows the UIDs it has told, in their order; what leaves the results is told before EXPUNGE makes
 * numbers mean other messages, what joins them after EXISTS; only messages that have changed are looked at again.
 */
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Search, SearchKey } from '#lib/formats/imap/search.ts'
import { writeContextChanges } from '#lib/formats/imap/searchResponse.ts'
import type { Correlator } from '#lib/formats/imap/searchResponse.ts'
import type { SortKey } from '#lib/formats/imap/sort.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { sortMessages } from '#lib/mail/mailbox/sort.ts'
import { tellItems } from './commands/fetch.ts'
import { inView } from './criteria.ts'
import type { Session } from './session.ts'

export interface SearchContext extends Correlator {
  readonly key: SearchKey
  readonly order: readonly SortKey[] | undefined
  uids: readonly number[]
  /** RFC 5465 §7: what is told of a new message that joins the results. */
  readonly items: readonly FetchItem[]
  /** Messages above are new. */
  lastUid: number
  /** The log up to here has been looked at. */
  sequence: number
}

interface WatchedSearch {
  readonly tag: string
  readonly byUid: boolean
  readonly key: SearchKey
  readonly order?: readonly SortKey[]
  readonly items: readonly FetchItem[]
}

/** RFC 5267 §4.3: one tag, one search. @throws bad */
export function demandFreshTag({ selected: { contexts } }: Session, tag: string, { returns }: Search): void {
  if (returns?.words.has('UPDATE') === true && contexts.has(tag)) throw bad('A search with this tag is watched')
}

/** RFC 5267 §4.3.1: a refusal is an untagged NO, and the search goes on. */
export function watchSearch(session: Session, { tag, byUid, key, order, items }: WatchedSearch, uids: readonly number[]): void {
  const { contexts } = session.selected
  if (contexts.size >= session.deps.settings.maxSearchContexts) {
    session.output.text(`* NO [NOUPDATE "${tag}"] Too many searches are watched\r\n`)
    return
  }
  contexts.set(tag, { tag, uid: byUid, key, order, items, lastUid: session.selected.view.lastUid, uids, sequence: session.mail.state.sequence })
}

/** Before EXPUNGE is told: what is gone leaves the results. */
export function tellLeavers(session: Session): void {
  for (const context of session.selected.contexts.values()) {
    const { mailbox } = session
    const gone = context.uids.filter((uid) => mailbox.indexOf(uid) < 0)
    if (gone.length > 0) drop(session, context, new Set(gone))
  }
}

/** After EXISTS is told: what has come or changed joins the results or leaves them. */
export async function tellJoiners(session: Session): Promise<void> {
  for (const context of session.selected.contexts.values()) {
    const { mail, mailbox, selected, deps } = session
    const { sequence } = mail.state
    const changed = inView(selected.view, mailbox.changedSince(context.sequence)).uids
    const { lastUid } = context
    context.sequence = sequence
    context.lastUid = selected.view.lastUid
    if (changed.length === 0) continue
    const { uids: fitting } = await searchMessages(mail, { mailboxId: selected.mailboxId, key: context.key, now: deps.clock.now(), among: changed })
    const fits = new Set(fitting)
    const known = new Set(context.uids)
    const leaving = changed.filter((uid) => known.has(uid) && !fits.has(uid))
    if (leaving.length > 0) drop(session, context, new Set(leaving))
    const joining = fitting.filter((uid) => !known.has(uid))
    // RFC 5465 §7: behind their EXISTS, before the ESEARCH; not for messages that fit since their flags have changed.
    if (context.items.length > 0) await tellItems(session, context.items, joining.filter((uid) => uid > lastUid && !selected.view.isCreated(uid)).map((uid) => selected.view.sequenceNumberOf(uid)))
    if (joining.length > 0) await join(session, context, new Set(joining))
  }
}

function drop(session: Session, context: SearchContext, leaving: ReadonlySet<number>): void {
  const kept = context.uids.filter((uid) => !leaving.has(uid))
  tell(session, context, 'REMOVEFROM', context.uids, leaving)
  context.uids = kept
}

async function join(session: Session, context: SearchContext, joining: ReadonlySet<number>): Promise<void> {
  const all = [...context.uids, ...joining].sort((a, b) => a - b)
  const { order, uids: before } = context
  context.uids = order === undefined ? all : withGone(await sortMessages(session.mail, { mailboxId: session.selected.mailboxId, uids: all, order }), before)
  tell(session, context, 'ADDTO', context.uids, joining)
}

/** Those that are gone without the client's knowledge have no place in a sort: each stays behind the one it stood behind. */
function withGone(sorted: readonly number[], before: readonly number[]): number[] {
  const all = [...sorted]
  const there = new Set(sorted)
  for (const [at, uid] of before.entries()) if (!there.has(uid)) all.splice(at === 0 ? 0 : all.indexOf(before[at - 1] ?? 0) + 1, 0, uid)
  return all
}

/** Positions are those at the moment when the client reads of each: removals from the end, additions from the beginning. */
function tell({ output, selected }: Session, context: SearchContext, what: 'ADDTO' | 'REMOVEFROM', uids: readonly number[], meant: ReadonlySet<number>): void {
  const numberOf = (uid: number) => (context.uid ? uid : selected.view.sequenceNumberOf(uid))
  const changes: { readonly position: number; readonly numbers: number[] }[] = []
  for (const [at, uid] of uids.entries()) {
    if (!meant.has(uid)) continue
    const last = changes.at(-1)
    // Neighbours go together (RFC 5267 §4.3.3); in the order of the mailbox, all of them do.
    if (last !== undefined && (context.order === undefined || last.position + last.numbers.length === at + 1)) last.numbers.push(numberOf(uid))
    else changes.push({ position: context.order === undefined ? 0 : at + 1, numbers: [numberOf(uid)] })
  }
  if (changes.length > 0) output.text(writeContextChanges(context, what, what === 'REMOVEFROM' ? changes.reverse() : changes))
}
