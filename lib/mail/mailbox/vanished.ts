/** The UIDs that left a mailbox, in the order of the mod-sequences of their leaving (QRESYNC, RFC 7162 §3.2). */
import type { UidRuns } from './uidRuns.ts'
import { Segment } from './segment.ts'

export const vanishedLayout = { modSeq: 'u32', first: 'u32', last: 'u32' } as const
export const vanishedLimit = 4096

export type VanishedSegment = Segment<typeof vanishedLayout>

export class Vanished {
  readonly segments: VanishedSegment[]

  constructor(segments: VanishedSegment[] = []) {
    this.segments = segments
  }

  add(modSeq: number, runs: UidRuns): void {
    for (let at = 0; at < runs.length; at += 2) {
      let segment = this.segments.at(-1)
      if (segment === undefined || segment.full) this.segments.push((segment = new Segment(vanishedLayout, vanishedLimit)))
      const row = segment.add()
      segment.columns.modSeq[row] = modSeq
      segment.columns.first[row] = runs[at] ?? 0
      segment.columns.last[row] = runs[at + 1] ?? 0
    }
  }

  /** Ascending. */
  since(modSeq: number): number[] {
    const uids: number[] = []
    for (const segment of this.segments) {
      const { count, outline } = segment
      // The head of a snapshot tells the ends of each column (endsOf in segments.ts).
      if (outline !== undefined && Number(outline[1] ?? 0) <= modSeq) continue
      const { columns } = segment
      if (count === 0 || (columns.modSeq[count - 1] ?? 0) <= modSeq) continue
      for (let row = 0; row < count; row++) {
        if ((columns.modSeq[row] ?? 0) <= modSeq) continue
        const last = columns.last[row] ?? 0
        for (let uid = columns.first[row] ?? 1; uid <= last; uid++) uids.push(uid)
      }
    }
    return uids.sort((a, b) => a - b)
  }
}
