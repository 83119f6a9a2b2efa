/**
 * All segments of a state by the list they stand in, and what a snapshot's head says of each.
 *
 * Invariant: within one list, two segments with the same count and the same facts hold the same rows, whichever process folded them.
 */
import { deliveryFacts } from './deliveryMemory.ts'
import { messageFacts } from './messageList.ts'
import type { Layout, Segment, SegmentFacts } from './segment.ts'
import type { AccountState } from './state.ts'

/** What is alike in segments of every layout. */
export type AnySegment = Pick<Segment<Layout>, 'count' | 'full' | 'outline' | 'unread' | 'savedKey' | 'savedFacts' | 'revision' | 'markSaved'>

export interface ListedSegment {
  /** The same for the same list of every snapshot. */
  readonly list: string
  readonly segment: AnySegment
  /** Reads the rows unless they are written down already. */
  readonly facts: () => SegmentFacts
}

export function* listedSegments(state: AccountState): Generator<ListedSegment> {
  for (const { id, messages, vanished } of state.mailboxes()) {
    yield* listed(`messages ${id}`, messages.segments, (segment) => messageFacts(segment, state.flagSets))
    yield* listed(`vanished ${id}`, vanished.segments, endsOf)
  }
  yield* listed('deliveries', state.deliveries.segments, deliveryFacts)
  yield* listed('departed', state.departed.segments, endsOf)
}

function* listed<S extends AnySegment>(list: string, segments: readonly S[], factsOf: (segment: S) => SegmentFacts): Generator<ListedSegment> {
  for (const segment of segments) yield { list, segment, facts: () => segment.savedFacts ?? factsOf(segment) }
}

/** Of rows that only ever come behind others: the first and the last one. */
export function endsOf<L extends Layout>({ columns, count }: Segment<L>): SegmentFacts {
  return Object.values<Float64Array | Uint32Array | Uint16Array>(columns).flatMap((column) => [column[0] ?? 0, column[count - 1] ?? 0])
}
