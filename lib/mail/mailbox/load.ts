/** An account's state, from its latest snapshot and the entries after it. */
import { errorFields } from '#lib/base/log.ts'
import { endsLog } from './entry.ts'
import { MailboxRefusal } from './refusal.ts'
import { SnapshotKeeper } from './snapshotKeeper.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import { AccountState, applyEntry } from './state.ts'
import { readEnd, readEntries } from './tail.ts'
import type { LogEnd, LogRow } from './tail.ts'

export interface Loaded {
  readonly state: AccountState
  readonly snapshots: SnapshotKeeper
}

/** Tries to meet a snapshot that no other process replaces meanwhile. */
const tries = 3

/** One look at the end of the log, the snapshot's blobs, and only after a long tail further looks. @throws {EntryFormatError}; {MailboxRefusal} NONEXISTENT when the account was deleted */
export async function loadAccount(deps: SnapshotDeps, accountId: string): Promise<Loaded> {
  const snapshots = new SnapshotKeeper(deps, accountId)
  let end = await readEnd(deps.table, accountId)
  const last = end.rows.at(-1)
  // A deletion may have taken away what stood before.
  if (last !== undefined && endsLog(last.entry)) throw new MailboxRefusal('NONEXISTENT', 'The account was deleted')
  for (let left = tries; ; left--) {
    try {
      const state = (await snapshots.load(end.pointer)) ?? new AccountState()
      return { snapshots, state: await foldTail(deps, accountId, state, end, snapshots) }
    } catch (error) {
      // Without a snapshot there is nothing that could be wrong but the log itself.
      if (end.pointer === undefined) throw error
      if (left > 1) end = await readEnd(deps.table, accountId)
      else {
        deps.log.warn('snapshot-unreadable', { account: accountId, ...errorFields(error) })
        return { snapshots, state: await foldTail(deps, accountId, new AccountState(), end, snapshots) }
      }
    }
  }
}

/** To look at only: nothing is written, and an account that never was opened stays so (sequence 0). @throws {EntryFormatError}; {MailboxRefusal} NONEXISTENT */
export async function readState(deps: SnapshotDeps, accountId: string): Promise<AccountState> {
  return (await loadAccount(onlyReading(deps), accountId)).state
}

export function onlyReading(deps: SnapshotDeps): SnapshotDeps {
  return { ...deps, settings: { ...deps.settings, snapshotEntries: 0 } }
}

async function foldTail(deps: SnapshotDeps, accountId: string, state: AccountState, end: LogEnd, snapshots: SnapshotKeeper): Promise<AccountState> {
  let entries = 0
  let bytes = 0
  const fold = ({ sequence, entry, sizeBytes }: LogRow) => {
    if (sequence <= state.sequence) return
    applyEntry(state, sequence, entry)
    entries++
    bytes += sizeBytes
  }
  const first = end.rows[0]?.sequence ?? 1
  if (first > state.sequence + 1) for await (const row of readEntries(deps.table, accountId, state.sequence + 1, first)) fold(row)
  end.rows.forEach(fold)
  // Told once, so that a long log without a snapshot leads to one, not to one every so many entries.
  if (entries > 0) snapshots.folded(state, bytes, entries)
  const last = end.rows.at(-1)?.sequence ?? 0
  if (last < state.sequence) throw new Error(`the log of account ${accountId} ends at entry ${last}, before its snapshot of entry ${state.sequence}`)
  return state
}
