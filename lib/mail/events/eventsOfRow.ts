/** Rows of the Table as events: what the stream of a table brings has no reader that would know what it is. */
import type { RowKey } from '#lib/engine/ports.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { accountOf } from '#lib/mail/mailbox/logKeys.ts'
import { readRow } from '#lib/mail/mailbox/tail.ts'
import { eventsOf } from './eventsOf.ts'

/** None of rows that are no entries of an account's log. @throws {EntryFormatError} */
export function eventsOfRow({ partition, sort, value }: RowKey & { readonly value: Uint8Array }): MailEvent[] {
  const accountId = accountOf(partition)
  if (accountId === undefined || !sort.startsWith('e')) return []
  const { sequence, entry } = readRow({ sort, value })
  return eventsOf(accountId, sequence, entry)
}
