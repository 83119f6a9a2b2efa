/**
 * From a batch of SQS to a handler's notes, and from its answers to what they ask of SQS and the index.
 *
 * Invariants: a message is forgotten only after everything that follows from its note is durable; what cannot be sent leaves
 * its message where it is, to be handed out again. `receives` of a note outlives its messages: each carries those before.
 */
import { ChangeMessageVisibilityBatchCommand } from '@aws-sdk/client-sqs'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { checkNote } from '../limits.ts'
import { EngineUnavailableError, portLimits } from '../ports.ts'
import type { NewNote, Note, NoteAnswer, NoteHandler, QueueName } from '../ports.ts'
import type { DueIndex } from './dueIndex.ts'
import type { SqsRecord } from './engine.ts'
import { noteOfText } from './noteText.ts'
import type { TravelNote } from './noteText.ts'
import { sendNotes } from './sqsSend.ts'
import type { Outgoing, SendParts } from './sqsSend.ts'
import { calling } from './unavailable.ts'

export interface AnswerParts extends SendParts {
  readonly log: Log
  readonly index: DueIndex
  readonly queues: Readonly<Record<QueueName, string>>
  readonly deadLetters: Readonly<Record<QueueName, string>>
  readonly backOff: { readonly firstMs: number; readonly mostMs: number }
  /** Notes due later than this go to the index. */
  readonly sqsDelayMs: number
}

/** A record and the note in it. */
export interface GivenNote {
  readonly record: SqsRecord
  readonly travel: TravelNote
  readonly note: Note
  /** Hand-outs that failed or were not answered, this one included. */
  readonly failures: number
}

/** A note that is to be sent for the sake of a record. */
interface Following {
  readonly record: SqsRecord
  readonly queue: QueueName
  readonly note: TravelNote
  readonly notBefore: number | undefined
}

export const freshNote = (note: NewNote, now: number): TravelNote => ({ id: note.id, body: note.body, sentAt: now, receives: 0, failures: 0, reason: '' })

/** What is no note goes straight to the dead letters. */
export function openRecords(records: readonly SqsRecord[]): { readonly given: readonly GivenNote[]; readonly unreadable: readonly SqsRecord[] } {
  const given: GivenNote[] = []
  const unreadable: SqsRecord[] = []
  for (const record of records) {
    try {
      const travel = noteOfText(record.body)
      const receives = Math.max(1, Number(record.attributes.ApproximateReceiveCount))
      given.push({ record, travel, failures: travel.failures + receives, note: { id: travel.id, body: travel.body, sentAt: travel.sentAt, receives: travel.receives + receives } })
    } catch {
      unreadable.push(record)
    }
  }
  return { given, unreadable }
}

/** One answer for each, whatever the handler does. */
export async function askHandler(handler: NoteHandler, notes: readonly Note[]): Promise<readonly NoteAnswer[]> {
  if (notes.length === 0) return []
  try {
    const answers = await handler(notes)
    return notes.map((_, index) => answers[index] ?? { kind: 'failed', reason: 'the handler gave no answer' })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return notes.map(() => ({ kind: 'failed', reason }))
  }
}

/** Does what the answers ask. The records that must be handed out again. */
export async function settleAnswers(parts: AnswerParts, queue: QueueName, given: readonly GivenNote[], answers: readonly NoteAnswer[], maxReceives: number): Promise<Set<SqsRecord>> {
  const following: Following[] = []
  const resting: GivenNote[] = []
  const dying: Outgoing[] = []
  const dyingRecords: SqsRecord[] = []
  const now = parts.clock.now()
  for (const [index, each] of given.entries()) {
    const { record, travel, note, failures } = each
    const answer = answers[index]
    if (answer?.kind === 'done') for (const { queue: onward, note: next } of answer.then ?? []) following.push({ record, queue: onward, note: freshNote(next, now), notBefore: next.notBefore })
    else if (answer?.kind === 'again') following.push({ record, queue, note: { ...travel, receives: note.receives, failures: failures - 1 }, notBefore: answer.notBefore })
    else if (failures < maxReceives) resting.push(each)
    else {
      const reason = answer?.reason ?? 'no answer'
      parts.log.error('note-dead', { queue, note: note.id, receives: note.receives, reason })
      dying.push({ note: { ...travel, receives: note.receives, failures, reason }, delayMs: 0 })
      dyingRecords.push(record)
    }
  }
  const stay = new Set<SqsRecord>(resting.map(({ record }) => record))
  await Promise.all([sendFollowing(parts, following, stay), bury(parts, queue, dying, dyingRecords, stay), rest(parts, queue, resting)])
  return stay
}

/** What is no note of ours: SQS moves it to the dead letters as it is, after it was handed out often enough. */
export function reportUnreadable(log: Log, queue: QueueName, unreadable: readonly SqsRecord[]): void {
  for (const { messageId, attributes } of unreadable) log.error('note-unreadable', { queue, message: messageId, receives: attributes.ApproximateReceiveCount })
}

async function sendFollowing(parts: AnswerParts, following: readonly Following[], stay: Set<SqsRecord>): Promise<void> {
  const now = parts.clock.now()
  const direct = new Map<QueueName, Following[]>()
  const later: Following[] = []
  for (const each of following) {
    try {
      checkNote(each.note)
    } catch (error) {
      // A handler's mistake: its note ends among the dead letters, where the reason is not lost.
      parts.log.error('note-refused', { queue: each.queue, note: each.note.id, ...errorFields(error) })
      stay.add(each.record)
      continue
    }
    if (isLater(parts, each.notBefore, now)) later.push(each)
    else direct.set(each.queue, [...(direct.get(each.queue) ?? []), each])
  }
  const guarded = async (records: readonly SqsRecord[], work: () => Promise<readonly number[]>): Promise<void> => {
    try {
      for (const index of await work()) stay.add(records[index] as SqsRecord)
    } catch (error) {
      parts.log.warn('answer-not-written', { notes: records.length, ...errorFields(error) })
      for (const record of records) stay.add(record)
    }
  }
  await Promise.all([
    ...later.map(async ({ record, queue, note, notBefore = now }) =>
      guarded([record], async () => {
        await parts.index.put(queue, note, { state: 'waiting', dueAt: notBefore })
        return []
      }),
    ),
    ...[...direct].map(async ([queue, notes]) =>
      guarded(
        notes.map(({ record }) => record),
        async () => sendNotes(parts, parts.queues[queue], notes.map(({ note, notBefore = now }) => ({ note, delayMs: notBefore - now }))),
      ),
    ),
  ])
}

export function isLater({ sqsDelayMs }: Pick<AnswerParts, 'sqsDelayMs'>, notBefore: number | undefined, now: number): boolean {
  return notBefore !== undefined && notBefore > now + sqsDelayMs
}

async function bury(parts: AnswerParts, queue: QueueName, dying: readonly Outgoing[], records: readonly SqsRecord[], stay: Set<SqsRecord>): Promise<void> {
  try {
    for (const index of await sendNotes(parts, parts.deadLetters[queue], dying)) stay.add(records[index] as SqsRecord)
  } catch (error) {
    parts.log.warn('answer-not-written', { notes: records.length, ...errorFields(error) })
    for (const record of records) stay.add(record)
  }
}

/** Failed notes come back after a while; when SQS cannot be told, they come back with the visibility they have. */
async function rest(parts: AnswerParts, queue: QueueName, resting: readonly GivenNote[]): Promise<void> {
  for (let at = 0; at < resting.length; at += portLimits.batchNotes) {
    const entries = resting.slice(at, at + portLimits.batchNotes).map(({ record, failures }, index) => ({ Id: String(index), ReceiptHandle: record.receiptHandle, VisibilityTimeout: Math.ceil(restMs(parts, failures) / 1000) }))
    try {
      await calling(parts.sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: parts.queues[queue], Entries: entries })))
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error
      parts.log.warn('rest-not-written', { queue, notes: entries.length, ...errorFields(error) })
    }
  }
}

function restMs({ backOff }: AnswerParts, failures: number): number {
  return Math.min(backOff.mostMs, backOff.firstMs * 2 ** (failures - 1))
}
