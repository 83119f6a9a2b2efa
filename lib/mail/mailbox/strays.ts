/**
 * Blobs of an account that nobody refers to: a writer died, or lost its engine, between the blob and the entry.
 *
 * Invariants:
 * - a blob is a stray only when the whole log was read without a gap and no entry of it wants the blob: a damaged log has none;
 * - a young blob is none, for its entry may be on its way still; callers choose an age far beyond that;
 * - memory is one window of keys and 8 octets for each message.
 */
import type { BlobInfo, Blobs, Table } from '#lib/engine/ports.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { EntryFormatError } from './entry.ts'
import type { FileChange } from './entry.ts'
import { blobPrefix, indexPrefix, partitionOf, snapshotPrefix, snapshotSort } from './logKeys.ts'
import { OriginSet } from './originSet.ts'
import { SnapshotKeeper } from './snapshotKeeper.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import type { AccountState } from './state.ts'
import { readEntries } from './tail.ts'
import { indexKinds, pointerKey, unpackPointer } from './textIndex/pointer.ts'

/** Keys looked for in one reading of the log. */
const windowBlobs = 50_000
const leastAgeMs = 24 * 60 * 60 * 1000

/** Blobs made before this time have had every chance to be referred to. Not younger than the retention: should the Table be lost or be set back, the Blobs know more than it does. */
export function strayBefore({ clock, settings }: SnapshotDeps): number {
  return clock.now() - Math.max(settings.retentionMs, leastAgeMs)
}

/** Of messages, of snapshots and of indexes. `state` is that of the account's log as it is. @throws {EntryFormatError} when the log cannot be read from its first entry to its last */
export async function* findStrays(deps: SnapshotDeps, accountId: string, state: AccountState, before: number): AsyncGenerator<BlobInfo> {
  yield* strayMessages(deps, accountId, state, before)
  yield* straySnapshots(deps, accountId, before)
  yield* strayIndexes(deps, accountId, before)
}

async function* strayMessages({ table, blobs }: SnapshotDeps, accountId: string, state: AccountState, before: number): AsyncGenerator<BlobInfo> {
  const origins = new OriginSet(state, -Infinity)
  for await (const window of windows(oldBlobs(blobs, blobPrefix(accountId), before))) {
    await strikeOut(table, accountId, state, origins, window)
    yield* window.values()
  }
}

/** Takes out of the window what the log refers to. */
async function strikeOut(table: Table, accountId: string, state: AccountState, origins: OriginSet, window: Map<string, BlobInfo>): Promise<void> {
  let last = 0
  for await (const { sequence, entry } of readEntries(table, accountId, 1)) {
    if ((entry.first ?? sequence) > last + 1) throw new EntryFormatError(sequence, `it does not follow entry ${last}`)
    last = sequence
    for (const [index, change] of entry.changes.entries()) {
      // What came after the state is wanted in any case.
      if (change.kind === 'file' && (sequence > state.sequence || origins.has(sequence, index))) for (const key of blobKeysOf(change)) window.delete(key)
    }
  }
  if (last < state.sequence) throw new EntryFormatError(last + 1, 'it is missing')
}

/** The blobs that hold a message's octets and, when large, its metadata. */
export function blobKeysOf({ blob, metadata }: FileChange): string[] {
  return metadata !== null && 'blob' in metadata ? [blob.key, metadata.blob.key] : [blob.key]
}

/** The pointer is read first: what a later snapshot is made of stands in the one before, or is young. */
async function* straySnapshots(deps: SnapshotDeps, accountId: string, before: number): AsyncGenerator<BlobInfo> {
  const keeper = new SnapshotKeeper(deps, accountId)
  try {
    await keeper.load(await deps.table.get({ partition: partitionOf(accountId), sort: snapshotSort }))
  } catch {
    // Nobody knows what an unreadable snapshot refers to. The next one replaces it.
    return
  }
  for await (const info of oldBlobs(deps.blobs, snapshotPrefix(accountId), before)) if (!keeper.keys.has(info.key)) yield info
}

/** As with snapshots: the rows are read first. */
async function* strayIndexes({ table, blobs }: SnapshotDeps, accountId: string, before: number): AsyncGenerator<BlobInfo> {
  const wanted = new Set<string>()
  for (const kind of indexKinds) {
    const row = await table.get(pointerKey(accountId, kind))
    if (row === undefined) continue
    const pointer = unpackPointer(row)
    // Another program's: nobody knows here what it refers to.
    if (pointer === undefined) return
    for (const { key } of pointer.infos) wanted.add(key)
  }
  for await (const info of oldBlobs(blobs, indexPrefix(accountId), before)) if (!wanted.has(info.key)) yield info
}

/** Keys begin with the time of their making, so the old ones come first. */
async function* oldBlobs(blobs: Blobs, prefix: string, before: number): AsyncGenerator<BlobInfo> {
  const end = prefix + newQueueId(before)
  let cursor: string | undefined
  do {
    const page = await blobs.list(prefix, cursor)
    for (const info of page.items) {
      if (info.key >= end) return
      yield info
    }
    cursor = page.next
  } while (cursor !== undefined)
}

async function* windows(infos: AsyncIterable<BlobInfo>): AsyncGenerator<Map<string, BlobInfo>> {
  let window = new Map<string, BlobInfo>()
  for await (const info of infos) {
    window.set(info.key, info)
    if (window.size < windowBlobs) continue
    yield window
    window = new Map()
  }
  if (window.size > 0) yield window
}
