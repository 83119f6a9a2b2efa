/**
 * Which deliveries this account has filed already, so that a repeated one changes nothing.
 *
 * How long: a note can come again after its message was filed when its worker died in between, or when another
 * recipient of it failed: SQS keeps it 14 days at most, then 14 more among the dead letters, from where an operator may
 * send it on its way again; mail is tried for 5 days. 60 days are beyond all of that together. Ids go in blocks of
 * {@link deliveryLimit}, the newest block stays for ever, so quiet accounts remember longer.
 *
 * The time is no setting: every process has to come to the same history from the same log.
 * An id is kept as 128 bits of its SHA-256: two ids are taken for one with a probability of 2^-64 among four thousand million.
 */
import { hash } from 'node:crypto'
import { Segment, UnreadError } from './segment.ts'
import type { SegmentFacts } from './segment.ts'

export const deliveryMemoryMs = 60 * 24 * 60 * 60 * 1000
export const deliveryLayout = { a: 'u32', b: 'u32', c: 'u32', d: 'u32', filedSecond: 'u32' } as const
export const deliveryLimit = 4096

export type DeliverySegment = Segment<typeof deliveryLayout>

export class DeliveryMemory {
  readonly segments: DeliverySegment[]
  /** Rows by the first word of their hash. Made again from the segments, so it is no part of a snapshot. */
  readonly #places = new WeakMap<DeliverySegment, Places>()

  constructor(segments: DeliverySegment[] = []) {
    this.segments = segments
  }

  has(id: string): boolean {
    const words = hashWords(id)
    return this.segments.some((segment) => this.#holds(segment, words))
  }

  /** Blocks that were not read and may hold this id. */
  unreadFor(id: string): DeliverySegment[] {
    const words = hashWords(id)
    return this.segments.filter(({ unread }) => unread !== undefined && mayHold(unread, words))
  }

  #holds(segment: DeliverySegment, words: Words): boolean {
    const { outline, unread, savedKey } = segment
    if (outline !== undefined && !mayHold(outline, words)) return false
    if (unread !== undefined) throw new UnreadError(savedKey)
    return this.#placesOf(segment).find(segment, words)
  }

  /** `now` is the log's own time, which never goes back. */
  add(id: string, now: number): void {
    let segment = this.segments.at(-1)
    if (segment === undefined || segment.full) this.segments.push((segment = new Segment(deliveryLayout, deliveryLimit)))
    const places = this.#placesOf(segment)
    const [a, b, c, d] = hashWords(id)
    const row = segment.add()
    const { columns } = segment
    columns.a[row] = a
    columns.b[row] = b
    columns.c[row] = c
    columns.d[row] = d
    columns.filedSecond[row] = Math.floor(now / 1000)
    places.add(segment, row)
    this.#forget(now)
  }

  #forget(now: number): void {
    const before = Math.floor((now - deliveryMemoryMs) / 1000)
    while (this.segments.length > 1) {
      const oldest = this.segments[0]
      if (oldest === undefined || lastSecondIn(oldest) >= before) return
      this.segments.shift()
    }
  }

  #placesOf(segment: DeliverySegment): Places {
    let places = this.#places.get(segment)
    if (places === undefined) {
      places = new Places(segment)
      this.#places.set(segment, places)
    }
    return places
  }
}

function lastSecondIn(segment: DeliverySegment): number {
  const { count, outline } = segment
  return outline === undefined ? (segment.columns.filedSecond[count - 1] ?? 0) : Number(outline[0] ?? 0)
}

/**
 * Twenty-four bits and seventeen looks for an id: of a hundred thousand ids that are not in a full block, one seems to be. With ten
 * bits, some entry of most tails would make each opening read a block.
 */
const filterBytes = deliveryLimit * 3
const filterLooks = 17

/** When the last one was filed, and a filter of all (B. H. Bloom, CACM 13(7), 1970), so that a block need not be read to know what is not in it. */
export function deliveryFacts({ columns, count }: DeliverySegment): SegmentFacts {
  const filter = new Uint8Array(filterBytes)
  for (let row = 0; row < count; row++) {
    everyFilterBit(columns.a[row] ?? 0, columns.b[row] ?? 0, (bit) => {
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7))
      return true
    })
  }
  return [columns.filedSecond[count - 1] ?? 0, filter]
}

function mayHold([, filter]: SegmentFacts, [a, b]: Words): boolean {
  if (!(filter instanceof Uint8Array)) return true
  return everyFilterBit(a, b, (bit) => ((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0)
}

const filterSize = filterBytes * 8

/** Two words of the hash make as many looks as are wanted. A list of them for each of a million ids would take a second. */
function everyFilterBit(a: number, b: number, test: (bit: number) => boolean): boolean {
  const step = ((b | 1) >>> 0) % filterSize
  let bit = a % filterSize
  for (let look = 0; look < filterLooks; look++) {
    if (!test(bit)) return false
    bit += step
    if (bit >= filterSize) bit -= filterSize
  }
  return true
}

type Words = readonly [number, number, number, number]

function hashWords(id: string): Words {
  const digest = hash('sha256', id, 'buffer')
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12)]
}

/** An open-addressed table of rows plus one, at most half full. */
class Places {
  #slots: Uint16Array

  constructor(segment: DeliverySegment) {
    this.#slots = new Uint16Array(slotsFor(segment.count))
    for (let row = 0; row < segment.count; row++) this.#put(segment, row)
  }

  add(segment: DeliverySegment, row: number): void {
    const wanted = slotsFor(segment.count)
    if (wanted > this.#slots.length) {
      this.#slots = new Uint16Array(wanted)
      for (let each = 0; each < segment.count; each++) this.#put(segment, each)
    } else this.#put(segment, row)
  }

  find({ columns }: DeliverySegment, [a, b, c, d]: Words): boolean {
    const mask = this.#slots.length - 1
    for (let at = a & mask; ; at = (at + 1) & mask) {
      const row = (this.#slots[at] ?? 0) - 1
      if (row < 0) return false
      if (columns.a[row] === a && columns.b[row] === b && columns.c[row] === c && columns.d[row] === d) return true
    }
  }

  #put({ columns }: DeliverySegment, row: number): void {
    const mask = this.#slots.length - 1
    let at = (columns.a[row] ?? 0) & mask
    while (this.#slots[at] !== 0) at = (at + 1) & mask
    this.#slots[at] = row + 1
  }
}

function slotsFor(count: number): number {
  let slots = 16
  while (slots < count * 2) slots *= 2
  return slots
}
