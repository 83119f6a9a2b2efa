/**
 * Rows in packed columns: a typed array for each word of a row, so that a million messages cost tens of megabytes and
 * a loop over all of them costs milliseconds.
 *
 * Invariants: rows `0` to `count - 1` hold; what is behind is spare room. Whoever changes a column calls {@link Segment.touch},
 * for a snapshot writes a segment again only when it has changed since the last one.
 */
const kinds = { u16: Uint16Array, u32: Uint32Array, f64: Float64Array } as const

export type Layout = Readonly<Record<string, keyof typeof kinds>>
export type Columns<L extends Layout> = { readonly [W in keyof L]: InstanceType<(typeof kinds)[L[W]]> }

/** What a snapshot's head says of rows that it does not hold; which fact stands where is the matter of each list of segments. */
export type SegmentFacts = readonly (number | Uint8Array)[]

/** Where a segment lies in the Blobs, as of which change. */
interface Saved {
  readonly key: string
  readonly revision: number
  readonly facts: SegmentFacts
}

/** What a snapshot's head says of a segment that lies in a blob. */
export interface SegmentOutline {
  readonly count: number
  readonly key: string
  readonly facts: SegmentFacts
}

/** Somebody looked at rows that were not read: a state that was opened for filing has only what filing needs. */
export class UnreadError extends Error {
  override readonly name = 'UnreadError'
  /** Of the blob that holds them. */
  readonly key: string

  constructor(key = '') {
    super(`the rows of ${key} were not read`)
    this.key = key
  }
}

const leastCapacity = 8

export class Segment<L extends Layout> {
  readonly layout: L
  /** Most rows. */
  readonly limit: number
  count = 0
  #columns: Columns<L>
  /** Makes the columns of a packed segment, the first time that somebody wants them. */
  #unpack: (() => Columns<L>) | undefined
  #capacity: number
  #revision = 0
  #saved: Saved | undefined
  #outline: SegmentFacts | undefined

  constructor(layout: L, limit: number, capacity = 0) {
    this.layout = layout
    this.limit = limit
    this.#capacity = Math.min(Math.max(capacity, leastCapacity), limit)
    this.#columns = makeColumns(layout, this.#capacity)
  }

  get columns(): Columns<L> {
    const unpack = this.#unpack
    if (unpack !== undefined) {
      this.#columns = unpack()
      this.#unpack = undefined
      this.#outline = undefined
    }
    return this.#columns
  }

  /** Rows that are here, but are taken out of their octets only when somebody looks at them: most never are. */
  static packed<L extends Layout>(layout: L, limit: number, { count, key, facts }: SegmentOutline, unpack: () => Segment<L>): Segment<L> {
    const segment = new Segment(layout, limit)
    segment.count = count
    segment.#unpack = () => {
      const { count: found, columns } = unpack()
      if (found !== count) throw new Error(`a segment has ${found} rows instead of ${count}`)
      return columns
    }
    segment.#capacity = count
    segment.#outline = facts
    segment.#saved = { key, revision: segment.#revision, facts }
    return segment
  }

  /** Rows that stay in the Blobs until {@link fill}. Whoever looks at them gets an {@link UnreadError}. */
  static unread<L extends Layout>(layout: L, limit: number, { count, key, facts }: SegmentOutline): Segment<L> {
    const segment = new Segment(layout, limit)
    segment.count = count
    segment.#columns = unreadColumns(layout, () => new UnreadError(key))
    segment.#outline = facts
    segment.#saved = { key, revision: segment.#revision, facts }
    return segment
  }

  /** What is known of rows that are not laid out in columns, because they are packed or unread; undefined when they are. */
  get outline(): SegmentFacts | undefined {
    return this.#outline
  }

  /** What is known of rows that are not here; undefined when they are. */
  get unread(): SegmentFacts | undefined {
    return this.#unpack === undefined ? this.#outline : undefined
  }

  /** Takes over the rows that were read for it. */
  fill(read: Segment<L>): void {
    if (this.unread === undefined) return
    if (read.count !== this.count) throw new Error(`a segment has ${read.count} rows instead of ${this.count}`)
    this.#columns = read.columns
    this.#capacity = read.#capacity
    this.#outline = undefined
  }

  get full(): boolean {
    return this.count >= this.limit
  }

  get revision(): number {
    return this.#revision
  }

  /** The blob that holds these very rows. */
  get savedKey(): string | undefined {
    return this.#saved?.revision === this.#revision ? this.#saved.key : undefined
  }

  /** Of the blob that holds these very rows. */
  get savedFacts(): SegmentFacts | undefined {
    return this.#saved?.revision === this.#revision ? this.#saved.facts : undefined
  }

  /** `revision` is that of the rows which were written there; without arguments, no blob is sure to hold them. */
  markSaved(saved?: Saved): void {
    this.#saved = saved
  }

  touch(): void {
    this.#revision++
  }

  /** The index of a new row, to be filled by the caller. */
  add(): number {
    if (this.unread !== undefined) throw new UnreadError(this.savedKey)
    if (this.full) throw new Error('a segment is full')
    if (this.count >= this.#capacity) this.#resize(Math.min(this.limit, this.#capacity * 2))
    this.touch()
    return this.count++
  }

  /** Keeps the first `count` rows, and gives back room when little of it is used. */
  truncate(count: number): void {
    this.count = count
    this.touch()
    const wanted = Math.max(leastCapacity, count)
    if (wanted * 2 <= this.#capacity) this.#resize(wanted)
  }

  #resize(capacity: number): void {
    const columns = makeColumns(this.layout, capacity)
    for (const word in this.layout) columns[word].set(this.columns[word].subarray(0, this.count))
    this.#columns = columns
    this.#capacity = capacity
  }
}

function makeColumns<L extends Layout>(layout: L, capacity: number): Columns<L> {
  // Object.fromEntries forgets which word has which type; kinds[layout[word]] has just given it.
  return Object.fromEntries(Object.entries(layout).map(([word, kind]) => [word, new kinds[kind](capacity)])) as unknown as Columns<L>
}

function unreadColumns<L extends Layout>(layout: L, fault: () => UnreadError): Columns<L> {
  const refuse = { enumerable: true, get: (): never => { throw fault() } }
  // As in makeColumns, and nobody gets to see what the type promises.
  return Object.defineProperties({}, Object.fromEntries(Object.keys(layout).map((word) => [word, refuse]))) as Columns<L>
}

/** The octets of each column in the order of the layout, copied, so that the segment may go on changing. Little-endian, as every machine Node runs on in practice. */
export function packColumns<L extends Layout>(segment: Segment<L>): Uint8Array[] {
  return Object.keys(segment.layout).map((word) => {
    const used = (segment.columns[word] as Float64Array).subarray(0, segment.count)
    return new Uint8Array(used.buffer.slice(used.byteOffset, used.byteOffset + used.byteLength))
  })
}

/** @throws when the octets do not fit the layout */
export function unpackColumns<L extends Layout>(layout: L, limit: number, count: number, packed: readonly Uint8Array[]): Segment<L> {
  const segment = new Segment(layout, limit, count)
  Object.keys(layout).forEach((word, place) => {
    const column = segment.columns[word] as Float64Array
    const bytes = packed[place]
    if (bytes === undefined || count > limit || bytes.length !== count * column.BYTES_PER_ELEMENT) throw new Error(`a segment's column ${word} has the wrong length`)
    new Uint8Array(column.buffer).set(bytes)
  })
  segment.count = count
  return segment
}

/** The same rows once more; no blob is known to hold them. */
export function copySegment<L extends Layout>({ layout, limit, count, columns }: Segment<L>): Segment<L> {
  const copy = new Segment(layout, limit, count)
  for (const word in layout) copy.columns[word].set(columns[word].subarray(0, count))
  copy.count = count
  return copy
}
