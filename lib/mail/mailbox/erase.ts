/**
 * The end of an account: nothing of it is left in the Table and the Blobs but one small entry that says so.
 *
 * That entry goes into the log first and stays. Processes that have the account in memory meet it at their next look and
 * let go, and who opens what an interrupted deletion has left is told that the account is gone, not shown a part of it.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import { portLimits } from '#lib/engine/ports.ts'
import type { Bell, Blobs, RangeRequest, Table } from '#lib/engine/ports.ts'
import { decodeEntry, encodeEntry, EntryFormatError, endsLog } from './entry.ts'
import type { EntryFeed } from './feed.ts'
import { blobPrefix, entriesEnd, entryKey, entrySort, indexPrefix, partitionOf, sequenceOf, snapshotPrefix } from './logKeys.ts'
import { sharesOf } from './shares.ts'
import { sweepKey } from './sweepTurns.ts'
import { forgetIndexes } from './textIndex/forget.ts'

export interface EraseDeps {
  readonly table: Table
  readonly blobs: Blobs
  readonly bell: Bell
  readonly clock: Clock
  readonly feed?: EntryFeed | undefined
}

/** Also of an account that cannot be read. Repeats what an interrupted call has left. */
export async function eraseAccount(deps: EraseDeps, accountId: string): Promise<void> {
  const end = await endLog(deps, accountId)
  deps.bell.ring(accountId)
  await eraseRows(deps.table, accountId, end)
  // What others have shared with it; the rows that say what it shared go when a visitor looks (shares.ts).
  await eraseRange(deps.table, { partition: sharesOf(accountId) })
  await eraseBlobs(deps.blobs, snapshotPrefix(accountId))
  await eraseBlobs(deps.blobs, indexPrefix(accountId))
  await eraseBlobs(deps.blobs, blobPrefix(accountId))
  await deps.table.commit([{ delete: sweepKey(accountId) }])
}

/** A process that has an account in memory looks at its log far more often. */
const latelyMs = 24 * 60 * 60 * 1000
/** Whatever their age: one that works for long, a sweep for example, may have looked before all that. */
const leastTaken = 100

/**
 * What a log that begins anew leaves behind (rebuild.ts): entries and other rows before that entry, snapshots and indexes. The numbers
 * of the last entries stay taken by empty ones: a process that has not looked since would put its next entry
 * there, find nobody in its way, and believe it written. Each stands for all before it, for two may do this at the same time.
 * @param at of the new beginning, ms
 */
export async function eraseBefore({ table, blobs }: Pick<EraseDeps, 'table' | 'blobs'>, accountId: string, { sequence, at }: { readonly sequence: number; readonly at: number }): Promise<void> {
  const first = await firstTaken(table, accountId, sequence, at - latelyMs)
  const places = Array.from({ length: sequence - first }, (_, back) => sequence - 1 - back)
  // From the end, so that until all is done readers still find the old beginning, and after it that it is worth nothing.
  for (let from = 0; from < places.length; from += portLimits.commitChanges) {
    await table.commit(places.slice(from, from + portLimits.commitChanges).map((place) => ({ put: entryKey(accountId, place), value: encodeEntry({ at, writer: '', changes: [], first: 1 }) })))
  }
  await eraseRange(table, { partition: partitionOf(accountId), to: entrySort(first) })
  await forgetIndexes({ table, blobs }, accountId)
  await eraseBlobs(blobs, snapshotPrefix(accountId))
}

/** Whose number stays taken; entries that cannot be read count too. */
async function firstTaken(table: Table, accountId: string, sequence: number, since: number): Promise<number> {
  let first = Math.max(1, sequence - leastTaken)
  let cursor: string | undefined
  do {
    const { items, next } = await table.range({ partition: partitionOf(accountId), from: entrySort(1), to: entrySort(sequence), backward: true, ...(cursor === undefined ? {} : { cursor }) })
    for (const { sort, value } of items) {
      const number = sequenceOf(sort) ?? first
      if (isOlder(number, value, since)) return first
      first = Math.min(first, number)
    }
    cursor = next
  } while (cursor !== undefined)
  return first
}

function isOlder(sequence: number, value: Uint8Array, than: number): boolean {
  try {
    return decodeEntry(sequence, value).at < than
  } catch (error) {
    if (error instanceof EntryFormatError) return false
    throw error
  }
}

/** The sequence number of the entry that ends the log. */
async function endLog({ table, clock, feed }: EraseDeps, accountId: string): Promise<number> {
  for (;;) {
    const { items } = await table.range({ partition: partitionOf(accountId), to: entriesEnd, backward: true, limit: 1 })
    const last = items[0]
    const sequence = last === undefined ? 0 : (sequenceOf(last.sort) ?? 0)
    if (last !== undefined && isEnd(sequence, last.value)) return sequence
    const value = encodeEntry({ at: clock.now(), writer: randomBytes(6).toString('base64url'), changes: [{ kind: 'end' }] })
    if (!(await table.commit([{ put: entryKey(accountId, sequence + 1), value, onlyIf: 'absent' }, ...(feed?.rows(accountId, sequence + 1) ?? [])])).committed) continue
    feed?.told()
    return sequence + 1
  }
}

function isEnd(sequence: number, value: Uint8Array): boolean {
  try {
    return endsLog(decodeEntry(sequence, value))
  } catch (error) {
    if (error instanceof EntryFormatError) return false
    throw error
  }
}

/** All but that entry, from the log's end. */
async function eraseRows(table: Table, accountId: string, end: number): Promise<void> {
  const partition = partitionOf(accountId)
  await eraseRange(table, { partition, from: entrySort(end + 1) })
  await eraseRange(table, { partition, to: entrySort(end) })
}

async function eraseRange(table: Table, request: RangeRequest): Promise<void> {
  for (;;) {
    const { items } = await table.range({ ...request, backward: true, limit: portLimits.commitChanges })
    if (items.length === 0) return
    await table.commit(items.map(({ sort }) => ({ delete: { partition: request.partition, sort } })))
  }
}

async function eraseBlobs(blobs: Blobs, prefix: string): Promise<void> {
  for (;;) {
    const { items } = await blobs.list(prefix)
    if (items.length === 0) return
    await Promise.all(items.map(({ key }) => blobs.delete(key)))
  }
}
