/** The records of a stream as events on a bus, up to the first one that cannot be told. */
import type { Log } from '#lib/base/log.ts'
import { errorFields } from '#lib/base/log.ts'
import type { BusEntry, EventBus } from '#lib/engine/aws/eventBus.ts'
import { newRowOf } from '#lib/engine/aws/stream.ts'
import type { StreamRecord } from '#lib/engine/aws/stream.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { eventsOfRow } from '#lib/mail/events/eventsOfRow.ts'

export interface TellDeps {
  readonly bus: EventBus
  /** Empty for all. */
  readonly types: readonly string[]
  readonly log: Log
}

/** The record to begin again with; undefined when all are told. Rejects when the bus cannot be reached. */
export async function tellRecords({ bus, types, log }: TellDeps, records: readonly StreamRecord[]): Promise<StreamRecord | undefined> {
  const entries: { readonly entry: BusEntry; readonly record: StreamRecord }[] = []
  let unread: StreamRecord | undefined
  for (const record of records) {
    try {
      const row = newRowOf(record)
      const events = row === undefined ? [] : eventsOfRow(row)
      for (const event of events) if (types.length === 0 || types.includes(event.type)) entries.push({ entry: busEntryOf(event), record })
    } catch (error) {
      // A newer program wrote it, or it is damaged: what stands before it is told.
      log.error('entry-unread', errorFields(error))
      unread = record
      break
    }
  }
  const untaken = await bus.put(entries.map(({ entry }) => entry))
  if (untaken === undefined) return unread
  log.warn('events-untaken', { reason: untaken.reason, events: entries.length, taken: untaken.place })
  return entries[untaken.place]?.record
}

export function busEntryOf(event: MailEvent): BusEntry {
  return { type: event.type, at: new Date(event.time), detail: JSON.stringify(event) }
}
