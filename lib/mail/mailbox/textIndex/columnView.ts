/** The columns of some messages of a mailbox, wherever they stand: in the account's index, or just read for them. */
import { readMetadata } from '../read.ts'
import type { MailboxState } from '../state.ts'
import type { AccountMail } from '../store.ts'
import { ColumnBuilder } from './columns.ts'
import type { ColumnSegment, TextWord } from './columns.ts'
import { placeDocs } from './docs.ts'
import type { DocPlaces, Docs } from './docs.ts'

export class ColumnView {
  /** In the order that was asked for; those that are gone are left out. */
  readonly uids: readonly number[]
  readonly segments: readonly ColumnSegment[]
  /** For each of `uids`; every one has a segment. */
  readonly places: DocPlaces

  constructor(uids: readonly number[], segments: readonly ColumnSegment[], places: DocPlaces) {
    this.uids = uids
    this.segments = segments
    this.places = places
  }

  /** One number for each message, from its segment. */
  numbers(column: 'sentAt' | 'messageId' | 'sentDay' | 'replies'): Float64Array {
    const columns = this.segments.map((segment) => segment[column])
    const { segment, doc } = this.places
    const numbers = new Float64Array(this.uids.length)
    for (let at = 0; at < numbers.length; at++) numbers[at] = columns[segment[at] as number]?.[doc[at] as number] ?? NaN
    return numbers
  }

  /** What `look` says of each message's text; asked once for each different text of a segment. */
  look(word: TextWord, look: (text: string) => number): Float64Array {
    return this.#spread(word, this.segments.map(({ texts }) => Float64Array.from(texts[word].strings, look)))
  }

  /** For each message the place of its text among all different ones in their order; equal for equal texts, 0 for '' alone. */
  ranks(word: TextWord): Float64Array {
    return this.#spread(word, ranksOf(this.segments, word))
  }

  #spread(word: TextWord, values: readonly Float64Array[]): Float64Array {
    const ids = this.segments.map(({ texts }) => texts[word].ids)
    const { segment, doc } = this.places
    const numbers = new Float64Array(this.uids.length)
    for (let at = 0; at < numbers.length; at++) {
      const place = segment[at] as number
      numbers[at] = values[place]?.[ids[place]?.[doc[at] as number] ?? 0] ?? 0
    }
    return numbers
  }
}

interface Ranks {
  readonly segments: readonly ColumnSegment[]
  readonly ranks: readonly Float64Array[]
}

/** Ranks found last, by the newest segment they are of: an index that has not grown is ranked once. */
const ranked = new WeakMap<ColumnSegment, Map<TextWord, Ranks>>()

function ranksOf(segments: readonly ColumnSegment[], word: TextWord): readonly Float64Array[] {
  const last = segments.at(-1)
  if (last === undefined) return []
  let known = ranked.get(last)
  if (known === undefined) ranked.set(last, (known = new Map<TextWord, Ranks>()))
  const found = known.get(word)
  if (found?.segments.length === segments.length && found.segments.every((segment, at) => segment === segments[at])) return found.ranks
  const rankOf = new Map<string, number>([['', 0]])
  for (const { texts } of segments) for (const text of texts[word].strings) rankOf.set(text, 0)
  let rank = 0
  for (const text of [...rankOf.keys()].sort()) rankOf.set(text, rank++)
  const ranks = segments.map(({ texts }) => Float64Array.from(texts[word].strings, (text) => rankOf.get(text) ?? 0))
  known.set(word, { segments: [...segments], ranks })
  return ranks
}

/** Origins of these messages; those that are gone get none (sequence 0). */
export function originsAt(mailbox: MailboxState, uids: ArrayLike<number>): Docs {
  const sequence = new Uint32Array(uids.length)
  const index = new Uint16Array(uids.length)
  let next = 0
  for (let at = 0; at < uids.length; at++) {
    const uid = uids[at] as number
    const place = next < mailbox.count && mailbox.uidAt(next) === uid ? next : mailbox.indexOf(uid)
    if (place < 0) continue
    sequence[at] = mailbox.messages.at(place, 'originSequence')
    index[at] = mailbox.messages.at(place, 'originIndex')
    next = place + 1
  }
  return { sequence, index }
}

/** Ascending UIDs. Few messages, or an index that is not there yet, are read one by one. */
export async function viewColumns(account: AccountMail, mailboxId: string, uids: readonly number[]): Promise<ColumnView> {
  const indexed = uids.length > account.log.deps.settings.searchDirectly || (await account.index.hasColumns())
  const segments = indexed ? await account.index.columns(account.state) : []
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return new ColumnView([], [], { segment: new Int16Array(), doc: new Uint32Array() })
  return await addMissing(account, mailbox, uids, segments, placeDocs(originsAt(mailbox, uids), segments))
}

/** A segment of their own for those that have no place. */
async function addMissing(account: AccountMail, mailbox: MailboxState, uids: readonly number[], segments: readonly ColumnSegment[], places: DocPlaces): Promise<ColumnView> {
  if (!places.segment.includes(-1)) return new ColumnView(uids, segments, places)
  const missing = uids.filter((_, at) => places.segment[at] === -1)
  const origins = originsAt(mailbox, missing)
  const at = new Map(missing.map((uid, place) => [uid, place]))
  const builder = new ColumnBuilder()
  const docs = new Map<number, number>()
  for await (const { uid, metadata } of readMetadata(account, mailbox.id, missing)) {
    const place = at.get(uid) ?? 0
    docs.set(uid, builder.count)
    builder.add({ sequence: origins.sequence[place] ?? 0, index: origins.index[place] ?? 0 }, metadata)
  }
  const all = [...segments, builder.finish()]
  const kept: number[] = []
  const segment: number[] = []
  const doc: number[] = []
  for (const [place, uid] of uids.entries()) {
    const own = docs.get(uid)
    const known = places.segment[place] ?? -1
    if (known < 0 && own === undefined) continue
    kept.push(uid)
    segment.push(known < 0 ? segments.length : known)
    doc.push(known < 0 ? (own ?? 0) : (places.doc[place] ?? 0))
  }
  return new ColumnView(kept, all, { segment: Int16Array.from(segment), doc: Uint32Array.from(doc) })
}
