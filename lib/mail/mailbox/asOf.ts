/**
 * An account as it was at a time: the fold of its entries up to then. The time of a log is the latest of its entries' so far, so the
 * first entry of later ends the reading, whatever clocks said behind it.
 *
 * Which messages were where is known for ever. Flags are known back to the last settling entry (compact.ts): of a time before it,
 * what is missing are changes of flags that were taken out.
 */
import type { Entry } from './entry.ts'
import { partitionOf, snapshotSort } from './logKeys.ts'
import { SnapshotKeeper } from './snapshotKeeper.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import { AccountState, applyEntry } from './state.ts'
import { readEntries } from './tail.ts'

export interface PastState {
  /** Sequence 0 when there was no account yet. */
  readonly state: AccountState
  /** False when flags and unseen counts are not, or not surely, those of then. */
  readonly flagsKnown: boolean
}

/** `time` in ms. Reads the log from its beginning, if no snapshot is older, to its end. @throws {EntryFormatError}; {MailboxRefusal} NONEXISTENT when the account was deleted */
export async function readStateAsOf(deps: SnapshotDeps, accountId: string, time: number): Promise<PastState> {
  const state = (await readOlderSnapshot(deps, accountId, time)) ?? new AccountState()
  let end: number | undefined
  let flagsKnown = true
  for await (const { sequence, entry } of readEntries(deps.table, accountId, state.sequence + 1)) {
    if (end === undefined && entry.at <= time) applyEntry(state, sequence, entry)
    else {
      end ??= sequence
      if (settlesBefore(entry, end)) flagsKnown = false
    }
  }
  return { state, flagsKnown }
}

/** Whether flag changes of entries before this number may have been taken out. */
function settlesBefore({ changes }: Entry, end: number): boolean {
  return changes.some((change) => change.kind === 'settle' && change.since < end)
}

async function readOlderSnapshot(deps: SnapshotDeps, accountId: string, time: number): Promise<AccountState | undefined> {
  try {
    const state = await new SnapshotKeeper(deps, accountId).load(await deps.table.get({ partition: partitionOf(accountId), sort: snapshotSort }))
    return state !== undefined && state.time <= time ? state : undefined
  } catch {
    // It is only a cache: replaced meanwhile, or damaged, which a check tells of.
    return undefined
  }
}
