/**
 * The octets of a snapshot: the folded state cut into segments. Pure; where the parts lie is snapshotKeeper's matter.
 *
 * A head names every mailbox and holds its small segments, and those that still grow; large ones are blobs of their own, named by
 * their key, with what filing has to know of them, so that a state for filing can be made of the head alone. A segment of messages
 * carries the flag sets it uses, so it stays true when others learn new ones.
 *
 * Invariants: {@link freezeState} copies everything in one go, so a snapshot is of one sequence number; a snapshot of
 * another version is as good as none.
 */
import { Packr } from 'msgpackr'
import type { Annotations } from './annotations.ts'
import { Departed, departedLayout, departedLimit } from './departed.ts'
import { deliveryFacts, DeliveryMemory, deliveryLayout, deliveryLimit } from './deliveryMemory.ts'
import type { FlagSets } from './flagSets.ts'
import { MailboxState } from './mailboxState.ts'
import type { MailboxFacts } from './mailboxState.ts'
import { messageFacts, MessageList, messageLayout, messageLimit } from './messageList.ts'
import type { MessageSegment } from './messageList.ts'
import type { Layout, SegmentFacts } from './segment.ts'
import { packColumns, Segment, unpackColumns } from './segment.ts'
import { endsOf } from './segments.ts'
import type { AnySegment } from './segments.ts'
import type { Lend } from './seal.ts'
import { AccountState } from './state.ts'
import { Vanished, vanishedLayout, vanishedLimit } from './vanished.ts'

const snapshotVersion = 3

/** Segments up to here lie in the head: a small account is one blob. */
const inlineBytes = 16 * 1024
/** So much of larger ones that will be written again soon lies there too: whoever files wants them, and a blob costs by the request. */
const growingBytes = 320 * 1024

const packr = new Packr({ useRecords: false })

/** A segment in a snapshot: its rows and columns and the flag sets its flags column counts from, or the blob that holds these and what filing has to know of it. */
type SegmentBody = readonly [count: number, columns: readonly Uint8Array[], flagSets: readonly (readonly string[])[] | null]
type SavedPlace = readonly [key: string, count: number, facts: SegmentFacts]
type SegmentPlace = SegmentBody | SavedPlace

/** A segment that has to be written, as it was when the state was frozen. */
export interface FrozenPart {
  readonly segment: Pick<AnySegment, 'markSaved'>
  readonly revision: number
  readonly facts: SegmentFacts
  readonly bytes: Uint8Array
  /** Given once it is written. */
  key: string | undefined
}

export interface FrozenState {
  readonly sequence: number
  readonly parts: readonly FrozenPart[]
  /** The head's octets, once every part has its key. */
  head(): { readonly bytes: Uint8Array; readonly keys: readonly string[] }
}

type PackedAnnotation = readonly [user: string | null, name: string, value: Uint8Array]
type PackedMailbox = readonly [
  MailboxFacts['id'], string, string | null, number, number, number, number, readonly string[], readonly SegmentPlace[], readonly SegmentPlace[],
  acl: readonly (readonly [string, string])[], annotations: readonly PackedAnnotation[],
]
type Head = readonly [
  version: number, sequence: number, time: number, lastUidValidity: number, spellings: readonly string[], subscriptions: readonly string[],
  vacated: readonly (readonly [string, number])[], shares: readonly Uint8Array[], mailboxes: readonly PackedMailbox[], deliveries: readonly SegmentPlace[], departed: readonly SegmentPlace[],
  annotations: readonly PackedAnnotation[],
]

export function freezeState(state: AccountState): FrozenState {
  const freezer = new Freezer(state.flagSets)
  const deliveries = freezer.list(state.deliveries.segments, (segment) => freezer.plain(segment, deliveryFacts))
  const mailboxes = state.mailboxes().map((mailbox) => ({
    facts: [mailbox.id, mailbox.name, mailbox.specialUse, mailbox.createdAt, mailbox.uidValidity, mailbox.uidNext, mailbox.highestModSeq, mailbox.keywords()] as const,
    messages: freezer.list(mailbox.messages.segments, (segment) => freezer.messages(segment)),
    vanished: freezer.list(mailbox.vanished.segments, (segment) => freezer.plain(segment, endsOf)),
    acl: [...mailbox.acl],
    annotations: packAnnotations(mailbox.annotations),
  }))
  const departed = freezer.list(state.departed.segments, (segment) => freezer.plain(segment, endsOf))
  const shares = [toBytes(Float64Array.from(state.shares.keys())), toBytes(Uint32Array.from(state.shares.values()))]
  const annotations = packAnnotations(state.annotations)
  const { sequence, time, lastUidValidity } = state
  const lists = [state.flagSets.spellings(), [...state.subscriptions], [...state.vacated], shares] as const
  return {
    sequence,
    parts: freezer.parts,
    head: () => {
      const keys: string[] = []
      const place = (frozen: () => SegmentPlace): SegmentPlace => {
        const one = frozen()
        if (isSaved(one)) keys.push(one[0])
        return one
      }
      const packed = mailboxes.map((mailbox): PackedMailbox => [...mailbox.facts, mailbox.messages.map(place), mailbox.vanished.map(place), mailbox.acl, mailbox.annotations])
      const head: Head = [snapshotVersion, sequence, time, lastUidValidity, ...lists, packed, deliveries.map(place), departed.map(place), annotations]
      return { bytes: packr.pack(head), keys }
    },
  }
}

function packAnnotations(annotations: Annotations): PackedAnnotation[] {
  return annotations.all().map(({ user, name, value }) => [user, name, value])
}

function thawAnnotations(annotations: Annotations, packed: readonly PackedAnnotation[]): void {
  for (const [user, name, value] of packed) annotations.set(user, name, value)
}

/** Copies segments, or only their keys where they are written already. */
class Freezer {
  readonly parts: FrozenPart[] = []
  readonly #sets: FlagSets
  #growingLeft = growingBytes
  #grows = false

  constructor(sets: FlagSets) {
    this.#sets = sets
  }

  list<S extends AnySegment>(segments: readonly S[], freeze: (segment: S) => () => SegmentPlace): (() => SegmentPlace)[] {
    return segments.map((segment, place) => {
      this.#grows = place === segments.length - 1 && !segment.full
      return freeze(segment)
    })
  }

  messages(segment: MessageSegment): () => SegmentPlace {
    return this.#freeze(segment, () => messageFacts(segment, this.#sets), () => {
      const columns = packColumns(segment)
      const local = new Map<number, number>()
      const flags = new Uint32Array(segment.count)
      for (let row = 0; row < segment.count; row++) {
        const set = segment.columns.flags[row] ?? 0
        let id = local.get(set)
        if (id === undefined) local.set(set, (id = local.size))
        flags[row] = id
      }
      columns[flagsPlace] = toBytes(flags)
      return [segment.count, columns, [...local.keys()].map((set) => this.#sets.flags(set))]
    })
  }

  plain<L extends Layout>(segment: Segment<L>, facts: (segment: Segment<L>) => SegmentFacts): () => SegmentPlace {
    return this.#freeze(segment, () => facts(segment), () => [segment.count, packColumns(segment), null])
  }

  #freeze(segment: AnySegment, factsOf: () => SegmentFacts, copy: () => SegmentBody): () => SegmentPlace {
    const { savedKey, savedFacts, count } = segment
    const facts = savedFacts ?? factsOf()
    if (savedKey !== undefined) return () => [savedKey, count, facts]
    const body = copy()
    if (this.#isInline(body[1].reduce((sum, column) => sum + column.length, 0))) return () => body
    const part: FrozenPart = { segment, revision: segment.revision, facts, bytes: packr.pack(body), key: undefined }
    this.parts.push(part)
    return () => {
      if (part.key === undefined) throw new Error('a part of a snapshot is not written')
      return [part.key, count, facts]
    }
  }

  #isInline(bytes: number): boolean {
    if (bytes <= inlineBytes) return true
    if (!this.#grows || bytes > this.#growingLeft) return false
    this.#growingLeft -= bytes
    return true
  }
}

const flagsPlace = Object.keys(messageLayout).indexOf('flags')

function toBytes(array: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** @throws for another version */
export function unpackHead(bytes: Uint8Array): Head {
  const head = packr.unpack(bytes) as Head
  if (!Array.isArray(head) || head[0] !== snapshotVersion) throw new Error(`a snapshot has version ${String(head[0])}, this program reads version ${snapshotVersion}`)
  return head
}

/** Every place of a segment by the list it stands in, as {@link listedSegments} names them. */
function* listedPlaces(head: Head): Generator<readonly [list: string, place: SegmentPlace]> {
  const [, , , , , , , , mailboxes, deliveries, departed] = head
  for (const mailbox of mailboxes) {
    for (const place of mailbox[8]) yield [`messages ${mailbox[0]}`, place]
    for (const place of mailbox[9]) yield [`vanished ${mailbox[0]}`, place]
  }
  for (const place of deliveries) yield ['deliveries', place]
  for (const place of departed) yield ['departed', place]
}

/** The keys of a snapshot's blobs besides its head. */
export function partKeys(head: Head): string[] {
  return [...listedPlaces(head)].flatMap(([, place]) => (isSaved(place) ? [place[0]] : []))
}

/** Which rows each blob holds ({@link rowsName}), for those who have the same rows. */
export function savedRows(head: Head): Map<string, string> {
  return new Map([...listedPlaces(head)].flatMap(([list, place]) => (isSaved(place) ? [[rowsName(list, place[1], place[2]), place[0]] as const] : [])))
}

/** The same for the same rows of the same list. */
export function rowsName(list: string, count: number, facts: SegmentFacts): string {
  return `${list} ${packr.pack([count, facts]).toString('base64')}`
}

function isSaved(place: SegmentPlace): place is SavedPlace {
  return typeof place[0] === 'string'
}

/** `parts` holds the blobs of {@link partKeys}; rows of those that it does not hold stay unread. @throws when something does not fit */
export function thawState(head: Head, parts: ReadonlyMap<string, Lend>): AccountState {
  const [, sequence, time, lastUidValidity, spellings, subscriptions, vacated, shares, mailboxes, deliveries, departed, annotations] = head
  const thaw = <L extends Layout>(layout: L, limit: number) => (place: SegmentPlace) => thawSegment(place, parts, { layout, limit, thaw: (body) => thawRows(layout, limit, body) })
  const state = new AccountState(new DeliveryMemory(deliveries.map(thaw(deliveryLayout, deliveryLimit))), new Departed(departed.map(thaw(departedLayout, departedLimit))))
  state.sequence = sequence
  state.time = time
  state.lastUidValidity = lastUidValidity
  state.flagSets.learn(spellings)
  for (const name of subscriptions) state.subscriptions.add(name)
  for (const [name, uidValidity] of vacated) state.vacated.set(name, uidValidity)
  thawShares(state, shares)
  thawAnnotations(state.annotations, annotations)
  for (const [id, name, specialUse, createdAt, uidValidity, uidNext, highestModSeq, keywords, messages, vanished, acl, annotated] of mailboxes) {
    const list = new MessageList(messages.map((place) => thawSegment(place, parts, { layout: messageLayout, limit: messageLimit, thaw: (body) => thawMessages(state.flagSets, body) })))
    const mailbox = new MailboxState({ id, name, specialUse, createdAt, uidValidity, uidNext, highestModSeq, keywords }, state.flagSets, list, new Vanished(vanished.map(thaw(vanishedLayout, vanishedLimit))))
    for (const [identifier, rights] of acl) mailbox.grant(identifier, rights)
    thawAnnotations(mailbox.annotations, annotated)
    state.put(mailbox)
  }
  return state
}

function thawShares(state: AccountState, [keyBytes, countBytes]: readonly Uint8Array[]): void {
  const keys = new Float64Array(Uint8Array.from(keyBytes ?? []).buffer)
  const counts = new Uint32Array(Uint8Array.from(countBytes ?? []).buffer)
  keys.forEach((key, at) => state.shares.set(key, counts[at] ?? 2))
}

interface Kind<L extends Layout> {
  readonly layout: L
  readonly limit: number
  readonly thaw: (body: SegmentBody) => Segment<L>
}

/** What the head tells enough of stays packed, or unread where its blob was not read. */
function thawSegment<L extends Layout>(place: SegmentPlace, parts: ReadonlyMap<string, Lend>, { layout, limit, thaw }: Kind<L>): Segment<L> {
  if (!isSaved(place)) return thaw(place)
  const [key, count, facts] = place
  const lend = parts.get(key)
  if (lend === undefined) return Segment.unread(layout, limit, { key, count, facts })
  return Segment.packed(layout, limit, { key, count, facts }, () => lend((body) => thaw(unpackBody(body))))
}

function unpackBody(bytes: Uint8Array): SegmentBody {
  return packr.unpack(bytes) as SegmentBody
}

function thawRows<L extends Layout>(layout: L, limit: number, [count, columns]: SegmentBody): Segment<L> {
  return unpackColumns(layout, limit, count, columns)
}

function thawMessages(sets: FlagSets, body: SegmentBody): MessageSegment {
  const segment = thawRows(messageLayout, messageLimit, body)
  internFlags(sets, segment, body[2])
  return segment
}

function internFlags(sets: FlagSets, { columns: { flags }, count }: MessageSegment, flagSets: SegmentBody[2]): void {
  const ids = (flagSets ?? []).map((set) => sets.intern(set))
  for (let row = 0; row < count; row++) flags[row] = ids[flags[row] ?? 0] ?? 0
}

/** Rows that were left unread come into their place. `bytes` are those of its blob. @throws when they do not fit */
export function fillUnread(state: AccountState, wanted: AnySegment, bytes: Uint8Array): void {
  const body = unpackBody(bytes)
  for (const { messages, vanished } of state.mailboxes()) {
    fillIn(messages.segments, wanted, () => thawMessages(state.flagSets, body))
    fillIn(vanished.segments, wanted, () => thawRows(vanishedLayout, vanishedLimit, body))
  }
  fillIn(state.deliveries.segments, wanted, () => thawRows(deliveryLayout, deliveryLimit, body))
  fillIn(state.departed.segments, wanted, () => thawRows(departedLayout, departedLimit, body))
}

function fillIn<L extends Layout>(segments: readonly Segment<L>[], wanted: AnySegment, read: () => Segment<L>): void {
  for (const segment of segments) if (segment === wanted) segment.fill(read())
}
