/** Where in an account's log a time is. */
import type { Table } from '#lib/engine/ports.ts'
import { entriesEnd, entrySort, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { readRow } from '#lib/mail/mailbox/tail.ts'

/** Entries bear the clock of whoever wrote them, and clocks differ: so much further back is looked. */
const clocksDifferMs = 10 * 60 * 1000
const pageRows = 100

/**
 * The position of the first entry of that time or later; undefined when there is none. Read from the end, so that a long log
 * costs only what is new in it.
 * @param since ms
 * @throws {EntryFormatError}
 */
export async function positionOf(table: Table, accountId: string, since: number): Promise<number | undefined> {
  let found: number | undefined
  let cursor: string | undefined
  do {
    const page = await table.range({ partition: partitionOf(accountId), from: entrySort(0), to: entriesEnd, backward: true, limit: pageRows, ...(cursor === undefined ? {} : { cursor }) })
    for (const { sequence, entry } of page.items.map(readRow)) {
      if (entry.at >= since) found = sequence
      else if (entry.at < since - clocksDifferMs) return found
    }
    cursor = page.next
  } while (cursor !== undefined)
  return found
}
