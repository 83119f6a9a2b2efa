/**
 * Consuming without an event source: one poll at a time, batches worked on side by side.
 *
 * Invariants: nothing is taken from SQS that cannot be worked on at once; an answer that comes after the batch's time is
 * not written, for its notes may be in other hands.
 */
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { errorFields } from '#lib/base/log.ts'
import { portLimits } from '../ports.ts'
import type { ConsumeOptions, Consumer, NoteHandler, QueueName } from '../ports.ts'
import { askHandler, openRecords, reportUnreadable, settleAnswers } from './answerBatch.ts'
import type { AnswerParts } from './answerBatch.ts'
import type { SqsRecord } from './engine.ts'
import { calling, pauseBefore } from './unavailable.ts'

/** Between polls that do not wait themselves. */
const shortPauseMs = 50

export interface PollParts extends AnswerParts {
  /** How long a poll waits for notes; `stop` waits for it to end. */
  readonly pollMs: number
}

export function pollQueue(parts: PollParts, queue: QueueName, options: ConsumeOptions, handler: NoteHandler): Consumer {
  const batches = new Set<Promise<void>>()
  let stopping = false
  const run = async (): Promise<void> => {
    let failures = 0
    while (!stopping) {
      if (batches.size >= options.concurrency) {
        await Promise.race(batches)
        continue
      }
      try {
        const records = await receive(parts, queue, options)
        failures = 0
        if (records.length === 0 && parts.pollMs < 1000) await parts.clock.sleep(shortPauseMs)
        if (records.length === 0) continue
        const batch: Promise<void> = work(parts, queue, records, options, handler).finally(() => batches.delete(batch))
        batches.add(batch)
      } catch (error) {
        parts.log.warn('poll-failed', { queue, ...errorFields(error) })
        await pauseBefore(parts.clock, ++failures)
      }
    }
    await Promise.all(batches)
  }
  const running = run()
  return {
    stop: async () => {
      stopping = true
      await running
    },
  }
}

async function receive({ sqs, queues, pollMs }: PollParts, queue: QueueName, { batchNotes, visibilityMs }: ConsumeOptions): Promise<SqsRecord[]> {
  const { Messages = [] } = await calling(
    sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queues[queue],
        MaxNumberOfMessages: Math.min(batchNotes, portLimits.batchNotes),
        WaitTimeSeconds: Math.floor(pollMs / 1000),
        VisibilityTimeout: Math.ceil(visibilityMs / 1000),
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    ),
  )
  return Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => ({ messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, attributes: { ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? '1' } }))
}

async function work(parts: PollParts, queue: QueueName, records: readonly SqsRecord[], options: ConsumeOptions, handler: NoteHandler): Promise<void> {
  try {
    const { given, unreadable } = openRecords(records)
    reportUnreadable(parts.log, queue, unreadable)
    const late = new AbortController()
    const answers = await Promise.race([askHandler(handler, given.map(({ note }) => note)), parts.clock.sleep(options.visibilityMs, late.signal).then(() => undefined)])
    late.abort()
    if (answers === undefined) return parts.log.warn('batch-given-up', { queue, notes: given.map(({ note }) => note.id) })
    const stay = await settleAnswers(parts, queue, given, answers, options.maxReceives)
    await forget(parts, queue, given.map(({ record }) => record).filter((record) => !stay.has(record)))
  } catch (error) {
    parts.log.error('batch-not-answered', { queue, ...errorFields(error) })
  }
}

/** What cannot be deleted is handed out again: handlers take a note twice. */
async function forget({ sqs, queues, clock, tries }: PollParts, queue: QueueName, records: readonly SqsRecord[]): Promise<void> {
  let left = records
  for (let tried = 1; left.length > 0; tried++) {
    const entries = left.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }))
    const { Failed = [] } = await calling(sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queues[queue], Entries: entries })))
    const ids = new Set(Failed.map(({ Id }) => Id))
    left = left.filter((_, index) => ids.has(String(index)))
    if (tried >= tries) return
    if (left.length > 0) await pauseBefore(clock, tried)
  }
}
