/** Events again, from any position of an account's log. */
import type { Table } from '#lib/engine/ports.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { eventsOf } from './eventsOf.ts'

export interface Stretch {
  /** Sequence numbers, both ends inclusive. */
  readonly from: number
  readonly to?: number
  /** Empty for all. */
  readonly types: readonly string[]
}

/** In their order, a page in memory. @throws {EntryFormatError} */
export async function* readEvents(table: Table, accountId: string, { from, to, types }: Stretch): AsyncGenerator<MailEvent> {
  for await (const { sequence, entry } of readEntries(table, accountId, from, to === undefined ? undefined : to + 1)) {
    for (const event of eventsOf(accountId, sequence, entry)) if (types.length === 0 || types.includes(event.type)) yield event
  }
}

/** Takes events in their order, or says why it did not take them. */
export type TakeEvents = (events: readonly MailEvent[]) => Promise<string | undefined>

export interface Replayed {
  readonly events: number
  /** Where it stopped, and why; begin there again. */
  readonly stopped?: { readonly sequence: number; readonly reason: string }
}

export async function replayEvents(events: AsyncIterable<MailEvent>, take: TakeEvents, batch: number): Promise<Replayed> {
  let waiting: MailEvent[] = []
  let done = 0
  const flush = async (): Promise<Replayed | undefined> => {
    const [first] = waiting
    const reason = first === undefined ? undefined : await take(waiting)
    if (first !== undefined && reason !== undefined) return { events: done, stopped: { sequence: first.sequence, reason } }
    done += waiting.length
    waiting = []
    return undefined
  }
  for await (const event of events) {
    waiting.push(event)
    const stopped = waiting.length < batch ? undefined : await flush()
    if (stopped !== undefined) return stopped
  }
  return (await flush()) ?? { events: done }
}
