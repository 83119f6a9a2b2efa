/**
 * The Queue on SQS, with the due-time index beside it for what SQS cannot keep: long delays, held and dead notes.
 * What SQS has (due, or due within `sqsDelayMs`) nobody can list, change or replace.
 */
import { checkBatch, checkNote } from '../limits.ts'
import { EngineUnavailableError } from '../ports.ts'
import type { Consumer, Queue } from '../ports.ts'
import { freshNote, isLater } from './answerBatch.ts'
import { collectDead } from './deadLetters.ts'
import type { FoundNote } from './dueIndex.ts'
import { pollQueue } from './poll.ts'
import type { PollParts } from './poll.ts'
import { sendNotes } from './sqsSend.ts'
import type { SweepParts } from './sweepDue.ts'

export type QueueParts = PollParts & SweepParts

export function sqsQueue(parts: QueueParts): Queue & { close(): Promise<void> } {
  const { index, queues, clock } = parts
  const consumers = new Set<Consumer>()
  const sendFound = async (found: FoundNote, delayMs: number): Promise<boolean> => {
    const { queue, note } = found
    const body = await index.bodyOf(note)
    if (body === undefined) return false
    const failures = note.state === 'dead' ? 0 : note.failures
    const failed = await sendNotes(parts, queues[queue], [{ note: { ...note, body, failures }, delayMs }])
    if (failed.length > 0) throw new EngineUnavailableError(`SQS did not take note ${note.id}`)
    await index.remove(found)
    return true
  }
  return {
    async send(queue, notes) {
      checkBatch(notes)
      for (const note of notes) checkNote(note)
      const now = clock.now()
      const later = notes.filter(({ notBefore }) => isLater(parts, notBefore, now))
      const direct = notes.filter((note) => !later.includes(note)).map((note) => ({ note: freshNote(note, now), delayMs: (note.notBefore ?? now) - now }))
      await Promise.all(later.map(async (note) => index.put(queue, freshNote(note, now), { state: 'waiting', dueAt: note.notBefore ?? now })))
      const failed = await sendNotes(parts, queues[queue], direct)
      if (failed.length > 0) throw new EngineUnavailableError(`SQS did not take ${failed.length} of ${direct.length} notes`)
    },
    consume(queue, options, handler) {
      const consumer = pollQueue(parts, queue, options, handler)
      consumers.add(consumer)
      return consumer
    },
    async list(queue, cursor) {
      if (cursor === undefined) await collectDead(parts, queue)
      return await index.list(queue, cursor)
    },
    async find(queue, id) {
      await collectDead(parts, queue)
      const found = await index.find(queue, id)
      return found && (await index.describe(found.note))
    },
    async retime(queue, id, notBefore) {
      return await index.alter(queue, id, async (found) => {
        const now = clock.now()
        if (!isLater(parts, notBefore, now)) return await sendFound(found, notBefore - now)
        return await index.change(found, { state: 'waiting', dueAt: notBefore, ...(found.note.state === 'dead' ? { failures: 0 } : {}) })
      })
    },
    hold: async (queue, id) => index.alter(queue, id, async (found) => index.change(found, { state: 'held', dueAt: found.note.dueAt })),
    drop: async (queue, id) => index.alter(queue, id, async (found) => index.remove(found)),
    async close() {
      await Promise.all([...consumers].map(async (consumer) => consumer.stop()))
    },
  }
}
