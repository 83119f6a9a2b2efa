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

/** Where a segment lies in the Blobs, as of which change. */
interface Saved {
  readonly key: string
  readonly revision: number
}

const leastCapacity = 8

export class Segment<L extends Layout> {
  readonly layout: L
  /** Most rows. */
  readonly limit: number
  columns: Columns<L>
  count = 0
  #capacity: number
  #revision = 0
  #saved: Saved | undefined

  constructor(layout: L, limit: number, capacity = 0) {
    this.layout = layout
    this.limit = limit
    this.#capacity = Math.min(Math.max(capacity, leastCapacity), limit)
    this.columns = makeColumns(layout, this.#capacity)
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

  /** `revision` is that of the rows which were written there. */
  markSaved(key: string | undefined, revision: number): void {
    this.#saved = key === undefined ? undefined : { key, revision }
  }

  touch(): void {
    this.#revision++
  }

  /** The index of a new row, to be filled by the caller. */
  add(): number {
    if (this.full) throw new Error('a segment is full')
    if (this.count === this.#capacity) this.#resize(Math.min(this.limit, this.#capacity * 2))
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
    this.columns = columns
    this.#capacity = capacity
  }
}

function makeColumns<L extends Layout>(layout: L, capacity: number): Columns<L> {
  // Object.fromEntries forgets which word has which type; kinds[layout[word]] has just given it.
  return Object.fromEntries(Object.entries(layout).map(([word, kind]) => [word, new kinds[kind](capacity)])) as unknown as Columns<L>
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
