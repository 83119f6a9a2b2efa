/** Events again, from any position of an account's log. */
import type { Table } from '#lib/engine/ports.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import type { Entry } from '#lib/mail/mailbox/entry.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { eventsOf } from './eventsOf.ts'

export interface Stretch {
  /** Sequence numbers, both ends inclusive. */
  readonly from: number
  readonly to?: number
  /** Empty for all. */
  readonly types: readonly string[]
  /** Hears of entries that are not in the log any more (lib/mail/mailbox/compact.ts): what they were about is not told. Both ends inclusive. */
  readonly onGone?: ((first: number, last: number) => void) | undefined
}

/** In their order, a page in memory. @throws {EntryFormatError} */
export async function* readEvents(table: Table, accountId: string, { from, to, types, onGone }: Stretch): AsyncGenerator<MailEvent> {
  const end = to === undefined ? undefined : to + 1
  let next = from
  for await (const { sequence, entry } of readEntries(table, accountId, from, end)) {
    // One that says nothing keeps its number taken (lib/mail/mailbox/erase.ts): what begins behind it tells of it.
    if (entry.changes.length === 0) continue
    tellGone(sequence, entry, { from: next, onGone })
    for (const event of eventsOf(accountId, sequence, entry)) if (types.length === 0 || types.includes(event.type)) yield event
    next = sequence + 1
  }
  // The entry that stands for the last ones may be behind them.
  if (end === undefined || next >= end) return
  for await (const { sequence, entry } of readEntries(table, accountId, end)) return void ((entry.first ?? sequence) < end && onGone?.(Math.max(entry.first ?? sequence, next), end - 1))
}

function tellGone(sequence: number, { first = sequence, changes }: Entry, { from, onGone }: Pick<Stretch, 'from' | 'onGone'>): void {
  // In the place of the last of them stands what all had made.
  const isSettling = changes.some(({ kind }) => kind === 'settle')
  const [gone, last] = [Math.max(first, from), isSettling ? sequence : sequence - 1]
  if (gone <= last) onGone?.(gone, last)
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
