/** What a FETCH has to read for its items, decided once for all messages. */
import type { Fetch, FetchItem } from '#lib/formats/imap/fetch.ts'

/** What is read of each message: nothing but the mailbox's state, its metadata, or octets of the message too. */
export type FetchDepth = 'state' | 'metadata' | 'content'

export interface FetchPlan {
  readonly items: readonly FetchItem[]
  readonly depth: FetchDepth
  /** Whether an item tells of the metadata. */
  readonly readsMetadata: boolean
  /** RFC 9051 §6.4.5: a section fetched without PEEK sets \Seen. */
  readonly setsSeen: boolean
}

const ofMetadata: ReadonlySet<FetchItem['kind']> = new Set(['ENVELOPE', 'BODYSTRUCTURE', 'BODY', 'PREVIEW'])
const ofContent: ReadonlySet<FetchItem['kind']> = new Set(['section', 'binary', 'binarySize'])

export function planFetch({ items, changedSince }: Pick<Fetch, 'items' | 'changedSince'>, options: { byUid: boolean; uidOnly: boolean; condstore: boolean; readOnly: boolean }): FetchPlan {
  const kinds = new Set(items.map((item) => item.kind))
  const extra: FetchItem[] = []
  // RFC 9051 §6.4.9: the response to UID FETCH always has the UID. RFC 9586 §3.3: UIDFETCH bears it already.
  if (options.byUid && !options.uidOnly && !kinds.has('UID')) extra.push({ kind: 'UID' })
  const setsSeen = !options.readOnly && items.some((item) => (item.kind === 'section' || item.kind === 'binary') && !item.peek)
  if (setsSeen && !kinds.has('FLAGS')) extra.push({ kind: 'FLAGS' })
  // RFC 7162 §3.2: flags never go without their mod-sequence once CONDSTORE is on. §3.1.4.1: CHANGEDSINCE asks for it.
  const tellsModSeq = changedSince !== undefined || (options.condstore && (kinds.has('FLAGS') || setsSeen))
  if (tellsModSeq && !kinds.has('MODSEQ')) extra.push({ kind: 'MODSEQ' })
  const readsMetadata = items.some((item) => ofMetadata.has(item.kind))
  const depth = items.some((item) => ofContent.has(item.kind)) ? 'content' : readsMetadata ? 'metadata' : 'state'
  return { items: [...extra, ...items], depth, readsMetadata, setsSeen }
}
