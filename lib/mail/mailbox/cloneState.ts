/** A state of its own, equal to another: what is folded into the one is not in the other. */
import { freezeState, thawState, unpackHead } from './snapshot.ts'
import type { AccountState } from './state.ts'

/** Of a state that was folded from its log, never of one that a snapshot stands for. */
export function cloneState(state: AccountState): AccountState {
  const frozen = freezeState(state)
  const parts = new Map(frozen.parts.map((part, place) => [(part.key = `part ${place}`), <T>(use: (bytes: Uint8Array) => T) => use(part.bytes)] as const))
  const clone = thawState(unpackHead(frozen.head().bytes), parts)
  // Those keys lead nowhere.
  for (const { messages, vanished } of clone.mailboxes()) for (const segment of [...messages.segments, ...vanished.segments]) segment.markSaved(undefined, 0)
  for (const segment of [...clone.deliveries.segments, ...clone.departed.segments]) segment.markSaved(undefined, 0)
  return clone
}
