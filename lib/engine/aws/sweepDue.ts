/**
 * Once a minute: notes whose time is near go from the index to SQS with the rest of their delay, so that a minute's
 * tick keeps seconds. Whoever calls makes sure that one sweep runs at a time; two would send some notes twice, no more.
 */
import { errorFields } from '#lib/base/log.ts'
import type { QueueName } from '../ports.ts'
import { collectDead } from './deadLetters.ts'
import type { DeadLetterParts } from './deadLetters.ts'
import type { FoundNote } from './dueIndex.ts'
import { sendNotes } from './sqsSend.ts'
import type { Outgoing } from './sqsSend.ts'

/** Each look costs a request, and an alarm has rung when there is something to see. */
const lookForDeadEveryMinutes = 15
/** Bodies of notes that are in memory at once. */
const atOnce = 20
const names = ['inbound', 'outbound', 'delivery'] as const

export interface SweepParts extends DeadLetterParts {
  readonly queues: Readonly<Record<QueueName, string>>
  /** How far a sweep looks ahead: the time to the next one and some. */
  readonly sweepAheadMs: number
}

export async function sweepIndex(parts: SweepParts, until: number): Promise<{ sent: number; dead: number; more: boolean }> {
  const { clock, index } = parts
  const began = clock.now()
  let sent = 0
  for await (const page of index.due(began + parts.sweepAheadMs + 1)) {
    for (let at = 0; at < page.length; at += atOnce) {
      sent += await sendDue(parts, page.slice(at, at + atOnce))
      if (clock.now() > until) return { sent, dead: 0, more: true }
    }
  }
  return { sent, dead: Math.floor(began / 60_000) % lookForDeadEveryMinutes === 0 ? await lookForDead(parts) : 0, more: false }
}

async function lookForDead(parts: SweepParts): Promise<number> {
  const counts = await Promise.all(names.map(async (queue) => collectDead(parts, queue)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** First sent, then forgotten: what falls between is sent again by the next sweep. */
async function sendDue(parts: SweepParts, found: readonly FoundNote[]): Promise<number> {
  let sent = 0
  for (const queue of names) {
    const mine = found.filter((each) => each.queue === queue)
    const notes: FoundNote[] = []
    const outgoing: Outgoing[] = []
    for (const each of mine) {
      const body = await parts.index.bodyOf(each.note)
      if (body === undefined) {
        // Dropped or sent since it was found, or its blob is lost: the row tells which.
        if (await parts.index.remove(each)) parts.log.error('note-without-body', { queue, note: each.note.id })
        continue
      }
      notes.push(each)
      outgoing.push({ note: { ...each.note, body }, delayMs: each.note.dueAt - parts.clock.now() })
    }
    if (outgoing.length === 0) continue
    const failed = await sendNotes(parts, parts.queues[queue], outgoing)
    if (failed.length > 0) parts.log.warn('due-notes-not-sent', { queue, notes: failed.length })
    const gone = notes.filter((_, index) => !failed.includes(index))
    await Promise.all(gone.map(async (each) => parts.index.remove(each).catch((error: unknown) => parts.log.warn('due-note-left', { queue, note: each.note.id, ...errorFields(error) }))))
    sent += gone.length
  }
  return sent
}
