/** Which messages of the selected mailbox a command means. */
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { SequenceRange, SequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import { demandRights } from './places.ts'
import type { Selected, Session } from './session.ts'
import type { MailboxView } from './view.ts'

/**
 * Sequence numbers, ascending. Unknown UIDs are left out (RFC 9051 §6.4.9), an unknown sequence number is the
 * client's mistake (RFC 9051 §9, seq-number).
 * @throws bad
 */
export function resolveMessages(selected: Selected, set: SequenceSet, byUid: boolean): number[] {
  return expandRanges(resolveMessageRanges(selected, set, byUid))
}

/** The same as ranges, ascending, some perhaps empty: a million messages are one of them. @throws bad */
export function resolveMessageRanges({ view, saved }: Selected, set: SequenceSet, byUid: boolean): SequenceRange[] {
  if (set.saved) return saved.map((uid) => view.sequenceNumberOf(uid)).filter((number) => number > 0).map((number) => [number, number])
  if (byUid) return resolveRanges(set, Math.max(view.lastUid, 1)).map((range) => numbersOfUids(view, range))
  const ranges = resolveRanges(set, Math.max(view.count, 1))
  if ((ranges.at(-1)?.[1] ?? 0) > view.count) throw bad('There is no message with such a number')
  return ranges
}

export function countOf(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, [low, high]) => sum + Math.max(0, high - low + 1), 0)
}

export function* eachNumber(ranges: readonly SequenceRange[]): Generator<number> {
  for (const [low, high] of ranges) for (let number = low; number <= high; number++) yield number
}

export function expandRanges(ranges: readonly SequenceRange[]): number[] {
  // Made in its size: of a million, growing would leave three times as much behind.
  const numbers = new Array<number>(countOf(ranges))
  let at = 0
  for (const [low, high] of ranges) for (let number = low; number <= high; number++) numbers[at++] = number
  return numbers
}

/** Empty when the first is above the second. */
function numbersOfUids(view: MailboxView, [low, high]: SequenceRange): SequenceRange {
  return [view.countBelow(low) + 1, view.countBelow(high + 1)]
}

/** Their UIDs. */
export function resolveUids(selected: Selected, set: SequenceSet, byUid: boolean): number[] {
  return resolveMessages(selected, set, byUid).map((number) => selected.view.uidOf(number))
}

/** RFC 4314 §4 @throws no when the client lacks one of these rights to the selected mailbox */
export function demandSelectedRights(session: Session, wanted: string): void {
  demandRights({ rights: session.rights }, wanted)
}

/** RFC 9051 §6.3.3: nothing changes in a mailbox opened by EXAMINE. */
export function demandWritable(session: Session): void {
  if (session.selected.readOnly) throw no('The mailbox is open read-only', 'CANNOT')
}
