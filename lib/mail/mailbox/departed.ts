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

  forget(time: number): void {
    const kept = new Departed()
    for (const { origin, at } of this.all()) if (at >= time) kept.add(origin, at)
    this.segments = kept.segments
  }
}
