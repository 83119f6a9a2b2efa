/** An account's state, from its latest snapshot and the entries after it. */
import { errorFields } from '#lib/base/log.ts'
import { endsLog } from './entry.ts'
import { partitionOf, snapshotSort } from './logKeys.ts'
import { AnewRefusal, MailboxRefusal } from './refusal.ts'
import { SnapshotKeeper } from './snapshotKeeper.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import { AccountState, applyEntry } from './state.ts'
import { readEnd, readEntries } from './tail.ts'
import type { LogEnd, LogRow } from './tail.ts'
import { unreadFor } from './unread.ts'

export interface Loaded {
  readonly state: AccountState
  readonly snapshots: SnapshotKeeper
}

/** Clocks of other processes may differ by so much. */
const marginMs = 60 * 60 * 1000

/** Tries to meet a snapshot that no other process replaces meanwhile. */
const tries = 3

/** One look at the end of the log, the snapshot's blobs, and only after a long tail further looks. @throws {EntryFormatError}; {MailboxRefusal} NONEXISTENT when the account was deleted */
export async function loadAccount(deps: SnapshotDeps, accountId: string): Promise<Loaded> {
  return await loadWhole(deps, accountId)
}

/** After `enough` entries behind the snapshot the next one is written. */
async function loadWhole(deps: SnapshotDeps, accountId: string, enough?: number): Promise<Loaded> {
  const snapshots = new SnapshotKeeper(deps, accountId)
  let end = await readEnd(deps.table, accountId)
  const last = end.rows.at(-1)
  // A deletion may have taken away what stood before.
  if (last !== undefined && endsLog(last.entry)) throw new MailboxRefusal('NONEXISTENT', 'The account was deleted')
  for (let left = tries; ; left--) {
    try {
      const state = (await snapshots.load(end.pointer)) ?? new AccountState()
      return { snapshots, state: await foldTail(deps, accountId, state, end, snapshots, enough) }
    } catch (error) {
      // Without a snapshot there is nothing that could be wrong but the log itself.
      if (end.pointer === undefined) throw error
      if (left > 1) end = await readEnd(deps.table, accountId)
      else {
        deps.log.warn('snapshot-unreadable', { account: accountId, ...errorFields(error) })
        return { snapshots, state: await foldTail(deps, accountId, new AccountState(), end, snapshots, enough) }
      }
    }
  }
}

/** So many entries behind a snapshot are cheaper to read than a new snapshot is to write, where each opening is one of many. */
const filingEntries = 24
/** So many blobs read for the tail's sake are dearer. */
const filingBlobs = 4

/**
 * A state to file messages with: the snapshot's head and what was appended since; rows of large mailboxes stay in the Blobs until
 * an entry wants them. What it costs does not grow with the account. @throws as {@link loadAccount}
 */
export async function loadForFiling(deps: SnapshotDeps, accountId: string): Promise<Loaded> {
  const pointer = await deps.table.get({ partition: partitionOf(accountId), sort: snapshotSort })
  if (pointer === undefined) return await loadWhole(deps, accountId, filingEntries)
  const snapshots = new SnapshotKeeper(deps, accountId)
  try {
    return { snapshots, state: await foldForFiling(deps, accountId, snapshots, pointer) }
  } catch (error) {
    // What was made anew has left a snapshot of before at most.
    if (error instanceof MailboxRefusal && !(error instanceof AnewRefusal)) throw error
    // Replaced meanwhile, or damaged: the other way looks into that.
    return await loadWhole(deps, accountId, filingEntries)
  }
}

async function foldForFiling(deps: SnapshotDeps, accountId: string, snapshots: SnapshotKeeper, pointer: Uint8Array): Promise<AccountState> {
  const state = (await snapshots.load(pointer, true)) ?? new AccountState()
  let entries = 0
  let bytes = 0
  let blobs = 0
  let last = 0
  // From the snapshot's own entry on, which shows that this is the log it was made of.
  for await (const { sequence, entry, sizeBytes } of readEntries(deps.table, accountId, state.sequence)) {
    last = sequence
    if (sequence <= state.sequence) continue
    const wanted = unreadFor(state, entry.changes)
    await snapshots.readRows(state, wanted)
    applyEntry(state, sequence, entry)
    blobs += wanted.length
    entries++
    bytes += sizeBytes
  }
  if (last < state.sequence) throw new Error(`the log of account ${accountId} ends before its snapshot of entry ${state.sequence}`)
  if (entries > 0) snapshots.folded(state, bytes, entries, blobs < filingBlobs ? filingEntries : 1)
  return state
}

/** To look at only: nothing is written, and an account that never was opened stays so (sequence 0). @throws {EntryFormatError}; {MailboxRefusal} NONEXISTENT */
export async function readState(deps: SnapshotDeps, accountId: string): Promise<AccountState> {
  return (await loadAccount(onlyReading(deps), accountId)).state
}

export function onlyReading(deps: SnapshotDeps): SnapshotDeps {
  return { ...deps, settings: { ...deps.settings, snapshotEntries: 0 } }
}

async function foldTail(deps: SnapshotDeps, accountId: string, state: AccountState, end: LogEnd, snapshots: SnapshotKeeper, enough: number | undefined): Promise<AccountState> {
  let entries = 0
  let bytes = 0
  let last = 0
  const fold = ({ sequence, entry, sizeBytes }: LogRow) => {
    last = Math.max(last, sequence)
    if (sequence <= state.sequence) return
    applyEntry(state, sequence, entry)
    entries++
    bytes += sizeBytes
  }
  const first = end.rows[0]?.sequence ?? 1
  if (first > state.sequence + 1) {
    // What was read from the end may have been compacted since: its settling entry has to be met after what it stands for.
    const isOld = end.rows.some(({ entry }) => entry.at <= deps.clock.now() - deps.settings.retentionMs + marginMs)
    for await (const row of readEntries(deps.table, accountId, state.sequence + 1, isOld ? undefined : first)) fold(row)
  }
  end.rows.forEach(fold)
  // Told once, so that a long log without a snapshot leads to one, not to one every so many entries.
  if (entries > 0) snapshots.folded(state, bytes, entries, enough)
  if (last < state.sequence) throw new Error(`the log of account ${accountId} ends at entry ${last}, before its snapshot of entry ${state.sequence}`)
  return state
}
