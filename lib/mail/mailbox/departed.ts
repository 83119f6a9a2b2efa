/**
 * Messages that are in no mailbox any more, in the order of their leaving. Their content is kept until a sweep, so that
 * they can be brought back.
 */
import { Segment } from './segment.ts'
import type { Origin } from './origin.ts'

export const departedLayout = { originSequence: 'u32', originIndex: 'u16', departedAt: 'f64' } as const
export const departedLimit = 4096

export type DepartedSegment = Segment<typeof departedLayout>

export interface DepartedMessage {
  readonly origin: Origin
  /** ms */
  readonly at: number
}

export class Departed {
  segments: DepartedSegment[]

  constructor(segments: DepartedSegment[] = []) {
    this.segments = segments
  }

  /** `at` is the log's own time, which never goes back. */
  add(origin: Origin, at: number): void {
    let segment = this.segments.at(-1)
    if (segment === undefined || segment.full) this.segments.push((segment = new Segment(departedLayout, departedLimit)))
    const row = segment.add()
    segment.columns.originSequence[row] = origin.sequence
    segment.columns.originIndex[row] = origin.index
    segment.columns.departedAt[row] = at
  }

  /** The earliest first. */
  *all(): Generator<DepartedMessage> {
    for (const { columns, count } of this.segments) {
      for (let row = 0; row < count; row++) yield { origin: { sequence: columns.originSequence[row] ?? 0, index: columns.originIndex[row] ?? 0 }, at: columns.departedAt[row] ?? 0 }
    }
  }

  /** When the first of them left; undefined without any. */
  get since(): number | undefined {
    return this.segments[0]?.columns.departedAt[0]
  }

  /** ms; undefined when it did not leave, or was given up. */
  leftAt(origin: Origin): number | undefined {
    for (const { columns, count } of this.segments) {
      for (let row = 0; row < count; row++) if (columns.originSequence[row] === origin.sequence && columns.originIndex[row] === origin.index) return columns.departedAt[row]
    }
    return undefined
  }

  /** The message is in a mailbox again; false when it is none of these. Segments stay as they were for who goes through them. */
  takeBack(origin: Origin): boolean {
    for (const [place, segment] of this.segments.entries()) {
      const { originSequence, originIndex } = segment.columns
      for (let row = 0; row < segment.count; row++) {
        if (originSequence[row] !== origin.sequence || originIndex[row] !== origin.index) continue
        this.segments = this.segments.toSpliced(place, 1, ...without(segment, row))
        return true
      }
    }
    return false
  }

  forget(time: number): void {
    const kept = new Departed()
    for (const { origin, at } of this.all()) if (at >= time) kept.add(origin, at)
    this.segments = kept.segments
  }
}

function without({ columns, count }: DepartedSegment, out: number): DepartedSegment[] {
  if (count === 1) return []
  const rest = new Segment(departedLayout, departedLimit, count - 1)
  for (let row = 0; row < count; row++) {
    if (row === out) continue
    const at = rest.add()
    rest.columns.originSequence[at] = columns.originSequence[row] ?? 0
    rest.columns.originIndex[at] = columns.originIndex[row] ?? 0
    rest.columns.departedAt[at] = columns.departedAt[row] ?? 0
  }
  return [rest]
}
