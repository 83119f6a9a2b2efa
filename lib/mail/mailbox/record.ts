/**
 * Appends to a log what no mailbox depends on: submissions and their outcomes. One small read and one put, and the account
 * is not opened, so that a function which delivers mail to others never reads the mailboxes of those who sent it.
 *
 * Invariants: like every entry these are written by a conditional put at the next sequence number; an account that is deleted gets
 * none; a log that ends with what this program does not know is not written to.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Table } from '#lib/engine/ports.ts'
import { encodeEntry, endsLog } from './entry.ts'
import type { OutcomeChange, SubmitChange } from './entry.ts'
import type { EntryFeed } from './feed.ts'
import { entriesEnd, entryKey, entrySort, partitionOf } from './logKeys.ts'
import { readRow } from './tail.ts'
import type { LogRow } from './tail.ts'

export type RecordedChange = SubmitChange | OutcomeChange

/** Durable when it resolves. @throws {EntryFormatError}; the engine's errors */
export type RecordChanges = (accountId: string, changes: readonly RecordedChange[]) => Promise<void>

export interface RecordDeps {
  readonly table: Table
  readonly clock: Pick<Clock, 'now'>
  readonly feed?: EntryFeed | undefined
}

/** Octets of changes in one entry, well below its limit. */
const changesLimitBytes = 48 * 1024
/** Others may be faster so often. */
const tries = 20

export function makeRecordChanges(deps: RecordDeps): RecordChanges {
  const writer = randomBytes(6).toString('base64url')
  return async (accountId, changes) => {
    for (const part of inEntries(changes)) await append(deps, writer, accountId, part)
  }
}

async function append({ table, clock, feed }: RecordDeps, writer: string, accountId: string, wanted: readonly RecordedChange[]): Promise<void> {
  for (let left = tries; left > 0; left--) {
    const last = await readLast(table, accountId)
    const changes = wanted.filter((change) => !last?.entry.changes.some((known) => isSame(known, change)))
    if (changes.length === 0 || (last !== undefined && endsLog(last.entry))) return
    const sequence = (last?.sequence ?? 0) + 1
    const value = encodeEntry({ at: clock.now(), writer, changes })
    const { committed } = await table.commit([{ put: entryKey(accountId, sequence), value, onlyIf: 'absent' }, ...(feed?.rows(accountId, sequence) ?? [])])
    if (committed) return feed?.told()
  }
  throw new EngineUnavailableError(`others were faster ${tries} times`)
}

async function readLast(table: Table, accountId: string): Promise<LogRow | undefined> {
  const { items } = await table.range({ partition: partitionOf(accountId), from: entrySort(0), to: entriesEnd, backward: true, limit: 1 })
  return items[0] === undefined ? undefined : readRow(items[0])
}

/** A step that is repeated at once finds what it wrote: this also tells apart a put that the engine sent twice. */
function isSame(known: { readonly kind: string }, change: RecordedChange): boolean {
  return keyOf(known) === keyOf(change)
}

function keyOf(change: { readonly kind: string; readonly key?: string; readonly queueId?: string; readonly recipients?: readonly string[] }): string {
  return change.kind === 'submit' ? `${change.queueId} ${change.recipients?.[0]}` : change.kind === 'outcome' ? (change.key ?? '') : change.kind
}

function inEntries(changes: readonly RecordedChange[]): RecordedChange[][] {
  const entries: RecordedChange[][] = []
  let bytes = Infinity
  for (const change of changes) {
    const more = encodeEntry({ at: 0, writer: '', changes: [change] }).length
    if (bytes + more > changesLimitBytes) {
      entries.push([])
      bytes = 0
    }
    entries.at(-1)?.push(change)
    bytes += more
  }
  return entries
}
