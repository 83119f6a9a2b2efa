/**
 * The octets of a snapshot: the folded state cut into segments. Pure; where the parts lie is snapshotKeeper's matter.
 *
 * A head names every mailbox and holds its small segments; large ones are blobs of their own, named by their key. A
 * segment of messages carries the flag sets it uses, so it stays true when others learn new ones.
 *
 * Invariants: {@link freezeState} copies everything in one go, so a snapshot is of one sequence number; a snapshot of
 * another version is as good as none.
 */
import { Packr } from 'msgpackr'
import type { Annotations } from './annotations.ts'
import { Departed, departedLayout, departedLimit } from './departed.ts'
import { DeliveryMemory, deliveryLayout, deliveryLimit } from './deliveryMemory.ts'
import type { FlagSets } from './flagSets.ts'
import { MailboxState } from './mailboxState.ts'
import type { MailboxFacts } from './mailboxState.ts'
import { MessageList, messageLayout, messageLimit } from './messageList.ts'
import type { MessageSegment } from './messageList.ts'
import type { Layout, Segment } from './segment.ts'
import { packColumns, unpackColumns } from './segment.ts'
import { AccountState } from './state.ts'
import { Vanished, vanishedLayout, vanishedLimit } from './vanished.ts'

/** Version 1 knew neither rights nor annotations; what it wrote is read as an account without any. */
const snapshotVersion = 2
const readableVersions: readonly unknown[] = [1, snapshotVersion]

/** Segments up to here lie in the head: a small account is one blob. */
const inlineBytes = 16 * 1024

const packr = new Packr({ useRecords: false })

/** A segment in a snapshot: its rows and columns, the flag sets its flags column counts from, or the key of the blob that holds these. */
type SegmentBody = readonly [count: number, columns: readonly Uint8Array[], flagSets: readonly (readonly string[])[] | null]
type SegmentPlace = SegmentBody | string

/** A segment that has to be written, as it was when the state was frozen. */
export interface FrozenPart {
  readonly segment: Pick<Segment<Layout>, 'markSaved'>
  readonly revision: number
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
  acl?: readonly (readonly [string, string])[], annotations?: readonly PackedAnnotation[],
]
type Head = readonly [
  version: number, sequence: number, time: number, lastUidValidity: number, spellings: readonly string[], subscriptions: readonly string[],
  vacated: readonly (readonly [string, number])[], shares: readonly Uint8Array[], mailboxes: readonly PackedMailbox[], deliveries: readonly SegmentPlace[], departed: readonly SegmentPlace[],
  annotations?: readonly PackedAnnotation[],
]

export function freezeState(state: AccountState): FrozenState {
  const freezer = new Freezer(state.flagSets)
  const mailboxes = state.mailboxes().map((mailbox) => ({
    facts: [mailbox.id, mailbox.name, mailbox.specialUse, mailbox.createdAt, mailbox.uidValidity, mailbox.uidNext, mailbox.highestModSeq, mailbox.keywords()] as const,
    messages: mailbox.messages.segments.map((segment) => freezer.messages(segment)),
    vanished: mailbox.vanished.segments.map((segment) => freezer.plain(segment)),
    acl: [...mailbox.acl],
    annotations: packAnnotations(mailbox.annotations),
  }))
  const deliveries = state.deliveries.segments.map((segment) => freezer.plain(segment))
  const departed = state.departed.segments.map((segment) => freezer.plain(segment))
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
        if (typeof one === 'string') keys.push(one)
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

  constructor(sets: FlagSets) {
    this.#sets = sets
  }

  messages(segment: MessageSegment): () => SegmentPlace {
    return this.#freeze(segment, () => {
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

  plain<L extends Layout>(segment: Segment<L>): () => SegmentPlace {
    return this.#freeze(segment, () => [segment.count, packColumns(segment), null])
  }

  #freeze<L extends Layout>(segment: Segment<L>, copy: () => SegmentBody): () => SegmentPlace {
    const { savedKey } = segment
    if (savedKey !== undefined) return () => savedKey
    const body = copy()
    if (body[1].reduce((sum, column) => sum + column.length, 0) <= inlineBytes) return () => body
    const part: FrozenPart = { segment, revision: segment.revision, bytes: packr.pack(body), key: undefined }
    this.parts.push(part)
    return () => {
      if (part.key === undefined) throw new Error('a part of a snapshot is not written')
      return part.key
    }
  }
}

const flagsPlace = Object.keys(messageLayout).indexOf('flags')

function toBytes(array: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** @throws for another version */
export function unpackHead(bytes: Uint8Array): Head {
  const head = packr.unpack(bytes) as Head
  if (!Array.isArray(head) || !readableVersions.includes(head[0])) throw new Error(`a snapshot has version ${String(head[0])}, this program reads version ${snapshotVersion}`)
  return head
}

/** The keys of a snapshot's blobs besides its head. */
export function partKeys(head: Head): string[] {
  const [, , , , , , , , mailboxes, deliveries, departed] = head
  return [...mailboxes.flatMap((mailbox) => [...mailbox[8], ...mailbox[9]]), ...deliveries, ...departed].filter((place) => typeof place === 'string')
}

/** `parts` holds the octets of every {@link partKeys}. @throws when something does not fit */
export function thawState(head: Head, parts: ReadonlyMap<string, Uint8Array>): AccountState {
  const [, sequence, time, lastUidValidity, spellings, subscriptions, vacated, shares, mailboxes, deliveries, departed, annotations = []] = head
  const thaw = <L extends Layout>(layout: L, limit: number) => (place: SegmentPlace) => thawSegment(layout, limit, place, parts).segment
  const state = new AccountState(new DeliveryMemory(deliveries.map(thaw(deliveryLayout, deliveryLimit))), new Departed(departed.map(thaw(departedLayout, departedLimit))))
  state.sequence = sequence
  state.time = time
  state.lastUidValidity = lastUidValidity
  state.flagSets.learn(spellings)
  for (const name of subscriptions) state.subscriptions.add(name)
  for (const [name, uidValidity] of vacated) state.vacated.set(name, uidValidity)
  thawShares(state, shares)
  thawAnnotations(state.annotations, annotations)
  for (const [id, name, specialUse, createdAt, uidValidity, uidNext, highestModSeq, keywords, messages, vanished, acl = [], annotated = []] of mailboxes) {
    const list = new MessageList(messages.map((place) => thawMessages(state.flagSets, place, parts)))
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

function thawSegment<L extends Layout>(layout: L, limit: number, place: SegmentPlace, parts: ReadonlyMap<string, Uint8Array>): { segment: Segment<L>; flagSets: SegmentBody[2] } {
  const body = typeof place === 'string' ? (packr.unpack(parts.get(place) ?? Buffer.alloc(0)) as SegmentBody) : place
  const [count, columns, flagSets] = body
  const segment = unpackColumns(layout, limit, count, columns)
  if (typeof place === 'string') segment.markSaved(place, segment.revision)
  return { segment, flagSets }
}

function thawMessages(sets: FlagSets, place: SegmentPlace, parts: ReadonlyMap<string, Uint8Array>): MessageSegment {
  const { segment, flagSets } = thawSegment(messageLayout, messageLimit, place, parts)
  const ids = (flagSets ?? []).map((flags) => sets.intern(flags))
  const { flags } = segment.columns
  for (let row = 0; row < segment.count; row++) flags[row] = ids[flags[row] ?? 0] ?? 0
  return segment
}
