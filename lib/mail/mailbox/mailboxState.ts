/**
 * One mailbox as the log has made it: what sessions read, and the changes the fold makes.
 *
 * Invariants: only the fold (state.ts) calls what stands under "changes"; counts are kept as messages come, change and
 * go, never counted anew; `flagsAt` gives shared lists that nobody may change.
 */
import { Annotations } from './annotations.ts'
import type { FlagSets } from './flagSets.ts'
import { factOf, MessageList } from './messageList.ts'
import type { MessageRow, MessageSegment } from './messageList.ts'
import { emailId } from './origin.ts'
import type { Origin } from './origin.ts'
import type { UidRuns } from './uidRuns.ts'
import { Vanished } from './vanished.ts'

export interface MailboxFacts {
  readonly id: string
  readonly name: string
  /** e.g. `\Sent` (RFC 6154). */
  readonly specialUse: string | null
  readonly createdAt: number
  readonly uidValidity: number
  readonly uidNext: number
  readonly highestModSeq: number
  readonly keywords: readonly string[]
}

export class MailboxState {
  readonly id: string
  readonly #firstUse: string | null
  /** ms */
  readonly createdAt: number
  /** Unicode, `/` between levels; INBOX in capitals. */
  name: string
  subscribed = false
  uidValidity: number
  uidNext: number
  /** Sequence number of the last entry that changed this mailbox. */
  highestModSeq: number
  unseen = 0
  deletedCount = 0
  sizeBytes = 0
  readonly messages: MessageList
  readonly vanished: Vanished
  readonly annotations = new Annotations()
  readonly #acl = new Map<string, string>()
  readonly #sets: FlagSets
  readonly #keywords: Set<string>
  /** Flag sets whose keywords are in #keywords. */
  readonly #knownSets = new Set<number>()

  constructor(facts: MailboxFacts, sets: FlagSets, messages = new MessageList(), vanished = new Vanished()) {
    this.id = facts.id
    this.name = facts.name
    this.#firstUse = facts.specialUse
    this.createdAt = facts.createdAt
    this.uidValidity = facts.uidValidity
    this.uidNext = facts.uidNext
    this.highestModSeq = facts.highestModSeq
    this.messages = messages
    this.vanished = vanished
    this.#sets = sets
    this.#keywords = new Set(facts.keywords)
    for (const segment of messages.segments) this.#countAll(segment)
  }

  /** That with which it was made, unless it was given another one. */
  get specialUse(): string | null {
    const { specialUse } = this.annotations
    return specialUse === undefined ? this.#firstUse : specialUse || null
  }

  /** What each identifier may do (RFC 4314); nobody but the owner where there is nothing. */
  get acl(): ReadonlyMap<string, string> {
    return this.#acl
  }

  get count(): number {
    return this.messages.count
  }

  /** Ascending, as they are now and stay; shared, so nobody may change the list. */
  uids(): Uint32Array {
    return this.messages.uids()
  }

  /** -1 when there is no such message. */
  indexOf(uid: number): number {
    return this.messages.indexOf(uid)
  }

  uidAt(index: number): number {
    return this.messages.uidAt(index)
  }

  flagsAt(index: number): readonly string[] {
    return this.#sets.flags(this.messages.flagsAt(index))
  }

  /** The number of its flag set: equal for equal flags (flagSets.ts). */
  flagSetAt(index: number): number {
    return this.messages.flagsAt(index)
  }

  modSeqAt(index: number): number {
    return this.messages.modSeqAt(index)
  }

  sizeAt(index: number): number {
    return this.messages.sizeAt(index)
  }

  /** ms */
  internalDateAt(index: number): number {
    return this.messages.internalDateAt(index)
  }

  /** When it came into this mailbox (RFC 8514), ms. */
  savedAt(index: number): number {
    return this.messages.at(index, 'savedAt')
  }

  emailIdAt(index: number): string {
    const { sequence, index: place } = this.originAt(index)
    return emailId(sequence, place)
  }

  originAt(index: number): Origin {
    return { sequence: this.messages.at(index, 'originSequence'), index: this.messages.at(index, 'originIndex') }
  }

  /** All that messages of this mailbox ever bore, in the order of their first use. */
  keywords(): string[] {
    return [...this.#keywords]
  }

  /** UIDs of messages that came or changed after `modSeq`, ascending; without those whose last change is among `except`. */
  changedSince(modSeq: number, except?: ReadonlySet<number>): number[] {
    const uids: number[] = []
    if (this.highestModSeq <= modSeq) return uids
    for (const segment of this.messages.segments) {
      const { savedFacts } = segment
      if (savedFacts !== undefined && factOf(savedFacts, 'highestModSeq') <= modSeq) continue
      const { columns, count } = segment
      const modSeqs = columns.modSeq
      for (let row = 0; row < count; row++) {
        const at = modSeqs[row] ?? 0
        if (at > modSeq && except?.has(at) !== true) uids.push(columns.uid[row] ?? 0)
      }
    }
    return uids
  }

  /** UIDs of messages that left after `modSeq`, ascending. */
  vanishedSince(modSeq: number): number[] {
    return this.highestModSeq <= modSeq ? [] : this.vanished.since(modSeq)
  }

  /** The place of the first message without \Seen. */
  firstUnseen(): number | undefined {
    if (this.unseen === 0) return undefined
    let start = 0
    for (const segment of this.messages.segments) {
      const { savedFacts, count } = segment
      if (savedFacts === undefined || factOf(savedFacts, 'unseen') > 0) {
        const { flags } = segment.columns
        for (let row = 0; row < count; row++) if (!this.#sets.seen(flags[row] ?? 0)) return start + row
      }
      start += count
    }
    return undefined
  }

  /** Places of those UIDs that are there, ascending, each once. */
  placesOf(uids: readonly number[]): number[] {
    const sorted = isAscending(uids) ? uids : [...new Set(uids)].sort((a, b) => a - b)
    const places: number[] = []
    let next = 0
    for (const uid of sorted) {
      const place = next < this.count && this.uidAt(next) === uid ? next : this.indexOf(uid)
      if (place < 0) continue
      places.push(place)
      next = place + 1
    }
    return places
  }

  /** Neighbouring places become one run, also over UIDs that are gone between them: the fold passes those over. */
  runsOf(places: readonly number[]): number[] {
    const runs: number[] = []
    let before = -2
    for (const place of places) {
      const uid = this.uidAt(place)
      if (place === before + 1) runs[runs.length - 1] = uid
      else runs.push(uid, uid)
      before = place
    }
    return runs
  }

  // ---------------------------------------------------------------- changes

  add(row: Omit<MessageRow, 'uid'>): void {
    this.messages.append({ ...row, uid: this.uidNext++ })
    this.#count(row.flags, row.sizeBytes, 1)
    this.#learn(row.flags)
    this.highestModSeq = row.modSeq
  }

  grant(identifier: string, rights: string): void {
    if (rights === '') this.#acl.delete(identifier)
    else this.#acl.set(identifier, rights)
  }

  changeFlags(runs: UidRuns, transition: (set: number) => number, modSeq: number): void {
    this.messages.eachStretch(runs, (segment, from, to) => {
      const { flags, modSeq: modSeqs } = segment.columns
      segment.touch()
      for (let row = from; row < to; row++) {
        const before = flags[row] ?? 0
        const after = transition(before)
        if (after === before) continue
        flags[row] = after
        modSeqs[row] = modSeq
        this.#countFlags(before, after)
        this.#learn(after)
        this.highestModSeq = modSeq
      }
    })
  }

  /** Flags, mod-sequences and keywords as they are, not as they change. */
  settle(highestModSeq: number, keywords: readonly string[], messages: readonly { readonly set: number; readonly modSeq: number; readonly uids: UidRuns }[]): void {
    for (const { set, modSeq, uids } of messages) {
      this.messages.eachStretch(uids, (segment, from, to) => {
        const { flags, modSeq: modSeqs } = segment.columns
        segment.touch()
        for (let row = from; row < to; row++) {
          this.#countFlags(flags[row] ?? 0, set)
          flags[row] = set
          modSeqs[row] = modSeq
        }
      })
    }
    this.highestModSeq = highestModSeq
    this.#keywords.clear()
    for (const keyword of keywords) this.#keywords.add(keyword)
    this.#knownSets.clear()
  }

  remove(runs: UidRuns, modSeq: number, gone: (segment: MessageSegment, row: number) => void): void {
    const removed = this.messages.remove(runs, (segment, row) => {
      this.#count(segment.columns.flags[row] ?? 0, segment.columns.sizeBytes[row] ?? 0, -1)
      gone(segment, row)
    })
    if (removed.length === 0) return
    this.vanished.add(modSeq, removed)
    this.highestModSeq = modSeq
  }

  #countAll(segment: MessageSegment): void {
    const { outline, count } = segment
    if (outline === undefined) {
      const { columns } = segment
      for (let row = 0; row < count; row++) this.#count(columns.flags[row] ?? 0, columns.sizeBytes[row] ?? 0, 1)
      return
    }
    this.unseen += factOf(outline, 'unseen')
    this.deletedCount += factOf(outline, 'deleted')
    this.sizeBytes += factOf(outline, 'sizeBytes')
  }

  #countFlags(before: number, after: number): void {
    if (this.#sets.countAlike(before, after)) return
    this.unseen += Number(this.#sets.seen(before)) - Number(this.#sets.seen(after))
    this.deletedCount += Number(this.#sets.deleted(after)) - Number(this.#sets.deleted(before))
  }

  #count(set: number, sizeBytes: number, sign: 1 | -1): void {
    if (!this.#sets.seen(set)) this.unseen += sign
    if (this.#sets.deleted(set)) this.deletedCount += sign
    this.sizeBytes += sign * sizeBytes
  }

  #learn(set: number): void {
    if (this.#knownSets.has(set)) return
    this.#knownSets.add(set)
    for (const flag of this.#sets.flags(set)) if (!flag.startsWith('\\')) this.#keywords.add(flag)
  }
}

function isAscending(uids: readonly number[]): boolean {
  for (let at = 1; at < uids.length; at++) if ((uids[at] ?? 0) <= (uids[at - 1] ?? 0)) return false
  return true
}
