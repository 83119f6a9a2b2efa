/**
 * MESSAGELIMIT and SAVELIMIT: RFC 9738. How many messages one command works on, where an operator wants a limit.
 * Commands that can be gone on with work on the newest and say how far they came; the others are refused.
 */
import { no } from '#lib/formats/imap/refusal.ts'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import { resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import type { Session } from './session.ts'

const highestUid = 0xffff_ffff

export interface Limited {
  /** Ascending. */
  readonly kept: number[]
  /** The response code that tells the client where to go on; undefined when nothing was left out. */
  readonly limited: string | undefined
}

/** `ascending` are UIDs, or numbers whose UIDs `uidOf` knows. RFC 9738 §3.1: those with the highest UIDs are worked on. */
export function keepNewest(session: Session, ascending: number[], uidOf: (one: number) => number = (uid) => uid): Limited {
  const { messageLimit } = session.deps.settings
  if (messageLimit === 0 || ascending.length <= messageLimit) return { kept: ascending, limited: undefined }
  const kept = ascending.slice(-messageLimit)
  return { kept, limited: limitCode(messageLimit, uidOf(kept[0] ?? 0)) }
}

/** RFC 9738 §3.1: what is kept counts, and is kept whole or not at all. @throws no */
export function demandSavable(session: Session, count: number): void {
  const most = saveLimit(session)
  if (most > 0 && count > most) throw no(`One command keeps ${most} messages at most`, `MESSAGELIMIT ${most}`)
}

/** @throws no */
export function demandPage({ deps: { settings: { messageLimit } } }: Session, count: number): void {
  if (messageLimit > 0 && count > messageLimit) throw no(`One command looks at ${messageLimit} messages at most`, `MESSAGELIMIT ${messageLimit}`)
}

/** The messages that an order of all of them would need. @throws no */
export function demandFew(session: Session, key: SearchKey): void {
  if (session.deps.settings.messageLimit > 0) demandPage(session, searched(session, key).length)
}

/** The same search, of the newest messages alone where there are too many to look at. */
export function limitSearch(session: Session, key: SearchKey): { readonly key: SearchKey; readonly limited: string | undefined } {
  const { messageLimit } = session.deps.settings
  if (messageLimit === 0) return { key, limited: undefined }
  const { kept, limited } = keepNewest(session, searched(session, key))
  return limited === undefined ? { key, limited } : { key: { kind: 'and', keys: [{ kind: 'uid', set: { saved: false, ranges: [[kept[0] ?? 1, highestUid]] } }, key] }, limited }
}

/** UIDs that have to be looked at: what stands beside sets of UIDs has to be true of these alone. */
function searched({ selected: { view } }: Session, key: SearchKey): number[] {
  const sets = (key.kind === 'and' ? key.keys : [key]).flatMap((one) => (one.kind === 'uid' ? [resolveRanges(one.set, view.lastUid)] : []))
  const uids = Array.from({ length: view.count }, (_, place) => view.uidOf(place + 1))
  return uids.filter((uid) => sets.every((ranges) => ranges.some(([low, high]) => low <= uid && uid <= high)))
}

export function saveLimit({ deps: { settings } }: Session): number {
  return settings.messageLimit > 0 ? settings.messageLimit : settings.saveLimit
}

/** RFC 9738 §6: what is advertised. */
export function limitCapabilities({ deps: { settings } }: Session): string[] {
  if (settings.messageLimit > 0) return [`MESSAGELIMIT=${settings.messageLimit}`]
  return settings.saveLimit > 0 ? [`SAVELIMIT=${settings.saveLimit}`] : []
}

function limitCode(limit: number, lowestUid: number): string {
  return `MESSAGELIMIT ${limit} ${lowestUid}`
}
