/** The messages of one segment, by their origins, ascending: a message's place among them is its number in all columns. */
import type { Origin } from '../origin.ts'

export interface Docs {
  readonly sequence: Uint32Array
  readonly index: Uint16Array
}

export function makeDocs(origins: readonly Origin[]): Docs {
  return { sequence: Uint32Array.from(origins, ({ sequence }) => sequence), index: Uint16Array.from(origins, ({ index }) => index) }
}

/** Where each message of a mailbox stands: a segment (-1 for none) and a number in it. */
export interface DocPlaces {
  readonly segment: Int16Array
  readonly doc: Uint32Array
}

/** `segments` in the order of the log. Messages mostly came in the order in which they were filed, so the next is mostly the next. */
export function placeDocs(origins: Docs, segments: readonly { readonly docs: Docs }[]): DocPlaces {
  const count = origins.sequence.length
  const segment = new Int16Array(count).fill(-1)
  const doc = new Uint32Array(count)
  const starts = segments.map(({ docs }) => docs.sequence[0] ?? 0)
  let near = 0
  let next = 0
  for (let at = 0; at < count; at++) {
    const sequence = origins.sequence[at] as number
    const index = origins.index[at] as number
    let docs = segments[near]?.docs
    if (docs === undefined) break
    if (docs.sequence[next] !== sequence || docs.index[next] !== index) {
      near = segmentOf(starts, sequence)
      docs = segments[near]?.docs ?? docs
      next = lowerBound(docs, sequence, index)
      if (docs.sequence[next] !== sequence || docs.index[next] !== index) continue
    }
    segment[at] = near
    doc[at] = next++
  }
  return { segment, doc }
}

/** The last one that begins at or before this entry. */
function segmentOf(starts: readonly number[], sequence: number): number {
  let low = 0
  for (let high = starts.length; high - low > 1; ) {
    const middle = (low + high) >>> 1
    if ((starts[middle] as number) <= sequence) low = middle
    else high = middle
  }
  return low
}

function lowerBound({ sequence: sequences, index: indexes }: Docs, sequence: number, index: number): number {
  let low = 0
  for (let high = sequences.length; low < high; ) {
    const middle = (low + high) >>> 1
    const here = sequences[middle] as number
    if (here < sequence || (here === sequence && (indexes[middle] as number) < index)) low = middle + 1
    else high = middle
  }
  return low
}
