/**
 * The messages of one mailbox in the order of their UIDs, in segments of packed columns.
 *
 * Invariants: UIDs ascend through all segments; no segment is empty; a message's place (index) is found from its UID
 * by binary search, and its segment from its place.
 */
import type { FlagSets } from './flagSets.ts'
import { Segment, UnreadError } from './segment.ts'
import type { SegmentFacts } from './segment.ts'
import { extendRuns } from './uidRuns.ts'
import type { UidRuns } from './uidRuns.ts'

export const messageLayout = {
  uid: 'u32',
  flags: 'u32',
  modSeq: 'u32',
  sizeBytes: 'u32',
  internalDate: 'f64',
  savedAt: 'f64',
  originSequence: 'u32',
  originIndex: 'u16',
} as const

/** A segment of 4096 messages takes 156 KB in memory, and about 60 KB in a snapshot. */
export const messageLimit = 4096

export type MessageSegment = Segment<typeof messageLayout>

/** Where each fact of a segment stands; {@link messageFacts} gives them in this order. */
const factPlaces = { firstUid: 0, lastUid: 1, highestModSeq: 2, unseen: 3, deleted: 4, sizeBytes: 5 } as const

/** Of a segment that was not read. */
export function factOf(facts: SegmentFacts, fact: keyof typeof factPlaces): number {
  return Number(facts[factPlaces[fact]] ?? 0)
}

/**
 * What filing has to know of rows that it does not read. Two segments of one mailbox with the same facts and the same count hold the
 * same rows: UIDs only ascend, whoever changes a row gives it a higher mod-sequence than any before, and who leaves does not come back.
 */
export function messageFacts({ columns, count }: MessageSegment, sets: FlagSets): SegmentFacts {
  let highestModSeq = 0
  let unseen = 0
  let deleted = 0
  let sizeBytes = 0
  for (let row = 0; row < count; row++) {
    const set = columns.flags[row] ?? 0
    highestModSeq = Math.max(highestModSeq, columns.modSeq[row] ?? 0)
    unseen += Number(!sets.seen(set))
    deleted += Number(sets.deleted(set))
    sizeBytes += columns.sizeBytes[row] ?? 0
  }
  return [columns.uid[0] ?? 0, columns.uid[count - 1] ?? 0, highestModSeq, unseen, deleted, sizeBytes]
}

export interface MessageRow {
  readonly uid: number
  readonly flags: number
  readonly modSeq: number
  readonly sizeBytes: number
  readonly internalDate: number
  readonly savedAt: number
  readonly originSequence: number
  readonly originIndex: number
}

export class MessageList {
  readonly segments: MessageSegment[]
  /** The place of each segment's first message. */
  #starts: number[] = []
  #count = 0
  /** The segment found last: neighbours are asked for one after the other. */
  #near = 0
  /** What {@link uids} gives, with room behind it; made when somebody asks. */
  #uids: Uint32Array | undefined

  constructor(segments: MessageSegment[] = []) {
    this.segments = segments
    this.#recount()
  }

  get count(): number {
    return this.#count
  }

  get lastUid(): number {
    return this.#count === 0 ? 0 : this.uidAt(this.#count - 1)
  }

  uidAt(index: number): number {
    const near = this.#locate(index)
    const segment = this.segments[near]
    if (segment === undefined) return 0
    const row = index - (this.#starts[near] ?? 0)
    const first = firstOfRun(segment)
    return first === undefined ? (segment.columns.uid[row] ?? 0) : first + row
  }

  /**
   * Ascending, as they are now. All who ask get the same list, which nobody may change: what comes later is written behind it,
   * and where one is taken out the next one to ask gets a new list.
   */
  uids(): Uint32Array {
    if (this.#uids === undefined) {
      this.#uids = new Uint32Array(Math.ceil(this.#count * 1.02) + 16)
      let at = 0
      for (const segment of this.segments) {
        writeUids(segment, this.#uids, at)
        at += segment.count
      }
    }
    return this.#uids.subarray(0, this.#count)
  }

  // Each word that is asked for all messages has a method of its own: through one for all, V8 takes several times as long.

  flagsAt(index: number): number {
    const near = this.#locate(index)
    return this.segments[near]?.columns.flags[index - (this.#starts[near] ?? 0)] ?? 0
  }

  modSeqAt(index: number): number {
    const near = this.#locate(index)
    return this.segments[near]?.columns.modSeq[index - (this.#starts[near] ?? 0)] ?? 0
  }

  sizeAt(index: number): number {
    const near = this.#locate(index)
    return this.segments[near]?.columns.sizeBytes[index - (this.#starts[near] ?? 0)] ?? 0
  }

  internalDateAt(index: number): number {
    const near = this.#locate(index)
    return this.segments[near]?.columns.internalDate[index - (this.#starts[near] ?? 0)] ?? 0
  }

  at(index: number, word: keyof typeof messageLayout): number {
    const near = this.#locate(index)
    return this.segments[near]?.columns[word][index - (this.#starts[near] ?? 0)] ?? 0
  }

  row(index: number): MessageRow {
    const near = this.#locate(index)
    const segment = this.segments[near]
    if (segment === undefined || index < 0 || index >= this.#count) throw new RangeError(`there is no message at place ${index}`)
    return rowOf(segment, index - (this.#starts[near] ?? 0))
  }

  /** -1 when there is none. */
  indexOf(uid: number): number {
    const index = this.lowerBound(uid)
    return index < this.#count && this.uidAt(index) === uid ? index : -1
  }

  /** The place of the first message with this UID or a higher one. */
  lowerBound(uid: number): number {
    let low = 0
    for (let high = this.segments.length; low < high; ) {
      const middle = (low + high) >>> 1
      const segment = this.segments[middle]
      if (segment !== undefined && lastUidIn(segment) < uid) low = middle + 1
      else high = middle
    }
    const segment = this.segments[low]
    return segment === undefined ? this.#count : (this.#starts[low] ?? 0) + lowerBoundIn(segment, uid)
  }

  append(row: MessageRow): void {
    let segment = this.segments.at(-1)
    if (segment === undefined || segment.full) {
      this.segments.push((segment = new Segment(messageLayout, messageLimit)))
      this.#starts.push(this.#count)
    }
    const place = segment.add()
    const { columns } = segment
    columns.uid[place] = row.uid
    columns.flags[place] = row.flags
    columns.modSeq[place] = row.modSeq
    columns.sizeBytes[place] = row.sizeBytes
    columns.internalDate[place] = row.internalDate
    columns.savedAt[place] = row.savedAt
    columns.originSequence[place] = row.originSequence
    columns.originIndex[place] = row.originIndex
    if (this.#uids !== undefined && this.#count < this.#uids.length) this.#uids[this.#count] = row.uid
    else this.#uids = undefined
    this.#count++
  }

  /** The stretches of rows whose UIDs are in the runs: the loops over many messages run inside `visit`. */
  eachStretch(runs: UidRuns, visit: (segment: MessageSegment, from: number, to: number) => void): void {
    for (let at = 0; at < runs.length; at += 2) {
      let from = this.lowerBound(runs[at] ?? 0)
      const to = this.lowerBound((runs[at + 1] ?? 0) + 1)
      while (from < to) {
        const near = this.#locate(from)
        const segment = this.segments[near]
        if (segment === undefined) break
        const start = this.#starts[near] ?? 0
        const end = Math.min(to, start + segment.count)
        visit(segment, from - start, end - start)
        from = end
      }
    }
  }

  /** Takes the rows out; `gone` sees each of them first. Returns the runs of UIDs that were really there. */
  remove(runs: UidRuns, gone: (segment: MessageSegment, row: number) => void): number[] {
    this.#uids = undefined
    const marks = new Map<MessageSegment, Uint8Array>()
    const removed: number[] = []
    this.eachStretch(runs, (segment, from, to) => {
      let mark = marks.get(segment)
      if (mark === undefined) marks.set(segment, (mark = new Uint8Array(segment.count)))
      mark.fill(1, from, to)
      for (let row = from; row < to; row++) {
        gone(segment, row)
        extendRuns(removed, segment.columns.uid[row] ?? 0)
      }
    })
    for (const [segment, mark] of marks) closeUp(segment, mark)
    this.#tidy()
    return removed
  }

  /** Joins neighbours that have become small, so that many expunges do not leave many small segments. */
  #tidy(): void {
    const kept: MessageSegment[] = []
    for (const segment of this.segments) {
      if (segment.count === 0) continue
      const before = kept.at(-1)
      if (before !== undefined && before.count + segment.count <= messageLimit / 2) pour(segment, before)
      else kept.push(segment)
    }
    this.segments.splice(0, this.segments.length, ...kept)
    this.#recount()
  }

  #recount(): void {
    this.#count = 0
    this.#near = 0
    this.#starts = this.segments.map((segment) => {
      const start = this.#count
      this.#count += segment.count
      return start
    })
  }

  #locate(index: number): number {
    const near = this.#near
    const start = this.#starts[near] ?? 0
    if (index >= start) {
      const count = this.segments[near]?.count ?? 0
      if (index < start + count) return near
      const next = this.segments[near + 1]
      if (next !== undefined && index < start + count + next.count) return (this.#near = near + 1)
    }
    return (this.#near = this.#search(index))
  }

  #search(index: number): number {
    let low = 0
    for (let high = this.#starts.length; high - low > 1; ) {
      const middle = (low + high) >>> 1
      if ((this.#starts[middle] ?? 0) <= index) low = middle
      else high = middle
    }
    return low
  }
}

function writeUids(segment: MessageSegment, to: Uint32Array, at: number): void {
  const { count } = segment
  const first = firstOfRun(segment)
  if (first === undefined) to.set(segment.columns.uid.subarray(0, count), at)
  else for (let row = 0; row < count; row++) to[at + row] = first + row
}

function rowOf({ columns }: MessageSegment, row: number): MessageRow {
  return {
    uid: columns.uid[row] ?? 0,
    flags: columns.flags[row] ?? 0,
    modSeq: columns.modSeq[row] ?? 0,
    sizeBytes: columns.sizeBytes[row] ?? 0,
    internalDate: columns.internalDate[row] ?? 0,
    savedAt: columns.savedAt[row] ?? 0,
    originSequence: columns.originSequence[row] ?? 0,
    originIndex: columns.originIndex[row] ?? 0,
  }
}

function lastUidIn(segment: MessageSegment): number {
  const { outline } = segment
  return outline === undefined ? (segment.columns.uid[segment.count - 1] ?? 0) : factOf(outline, 'lastUid')
}

/** The first UID of rows that are not laid out, where it is plain that the rest follow without a gap, as they mostly do. */
function firstOfRun({ outline, count }: MessageSegment): number | undefined {
  if (outline === undefined) return undefined
  const first = factOf(outline, 'firstUid')
  return factOf(outline, 'lastUid') - first + 1 === count ? first : undefined
}

function lowerBoundIn(segment: MessageSegment, uid: number): number {
  const { count, unread } = segment
  const start = firstOfRun(segment)
  if (start !== undefined) return Math.min(Math.max(uid - start, 0), count)
  if (unread !== undefined) {
    if (uid <= factOf(unread, 'firstUid')) return 0
    throw new UnreadError(segment.savedKey)
  }
  const { columns } = segment
  let low = 0
  for (let high = count; low < high; ) {
    const middle = (low + high) >>> 1
    if ((columns.uid[middle] ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return low
}

/** Moves the rows without a mark together. */
function closeUp(segment: MessageSegment, mark: Uint8Array): void {
  const { columns, count } = segment
  let to = 0
  for (let from = 0; from < count; from++) {
    if (mark[from] === 1) continue
    if (to !== from) copyRow(columns, from, columns, to)
    to++
  }
  segment.truncate(to)
}

function pour(from: MessageSegment, to: MessageSegment): void {
  for (let row = 0; row < from.count; row++) {
    const place = to.add()
    copyRow(from.columns, row, to.columns, place)
  }
}

function copyRow(from: MessageSegment['columns'], row: number, to: MessageSegment['columns'], place: number): void {
  to.uid[place] = from.uid[row] ?? 0
  to.flags[place] = from.flags[row] ?? 0
  to.modSeq[place] = from.modSeq[row] ?? 0
  to.sizeBytes[place] = from.sizeBytes[row] ?? 0
  to.internalDate[place] = from.internalDate[row] ?? 0
  to.savedAt[place] = from.savedAt[row] ?? 0
  to.originSequence[place] = from.originSequence[row] ?? 0
  to.originIndex[place] = from.originIndex[row] ?? 0
}

