/** Reading an account's log: a stretch of it, or its end together with what stands behind it. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Row, Table } from '#lib/engine/ports.ts'
import { decodeEntry, EntryFormatError } from './entry.ts'
import type { Entry } from './entry.ts'
import { entriesEnd, entrySort, partitionOf, sequenceOf, snapshotSort } from './logKeys.ts'

export interface LogRow {
  readonly sequence: number
  readonly entry: Entry
  readonly sizeBytes: number
}

/** Entries from `first` to before `end`, in order, a page in memory. @throws {EntryFormatError} */
export async function* readEntries(table: Table, accountId: string, first: number, end?: number): AsyncGenerator<LogRow> {
  for await (const row of readRows(table, accountId, first, end)) yield readRow(row)
}

/** The same before anything is read into them. Between pages others have their turn: an engine may answer without waiting for anything. */
export async function* readRows(table: Table, accountId: string, first: number, end?: number): AsyncGenerator<Row> {
  let cursor: string | undefined
  do {
    const page = await table.range({ partition: partitionOf(accountId), from: entrySort(first), to: end === undefined ? entriesEnd : entrySort(end), ...(cursor === undefined ? {} : { cursor }) })
    yield* page.items
    cursor = page.next
    if (cursor !== undefined) await turn()
  } while (cursor !== undefined)
}

/** The pointer to the latest snapshot and the last entries, ascending, by one read. */
export interface LogEnd {
  readonly pointer: Uint8Array | undefined
  readonly rows: readonly LogRow[]
}

/** Rows looked at from the end: most accounts have fewer changes between two openings. */
const endRows = 64

export async function readEnd(table: Table, accountId: string): Promise<LogEnd> {
  const { items } = await table.range({ partition: partitionOf(accountId), backward: true, limit: endRows })
  const pointer = items.find((row) => row.sort === snapshotSort)?.value
  const rows = items.filter((row) => sequenceOf(row.sort) !== undefined).map(readRow)
  return { pointer, rows: rows.reverse() }
}

/** @throws {EntryFormatError} */
export function readRow({ sort, value }: Row): LogRow {
  const sequence = sequenceOf(sort)
  if (sequence === undefined || !Number.isSafeInteger(sequence)) throw new EntryFormatError(0, `the row ${sort} is no entry`)
  return { sequence, entry: decodeEntry(sequence, value), sizeBytes: value.length }
}
