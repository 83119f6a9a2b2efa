/**
 * Dead notes: first in SQS's own dead letter queues, whose depth an alarm watches, then as rows of the due-time index,
 * where they stay until somebody decides. SQS keeps its own for 14 days at most, so the sweep looks in time.
 */
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import type { Message } from '@aws-sdk/client-sqs'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { portLimits } from '../ports.ts'
import type { QueueName } from '../ports.ts'
import type { DueIndex } from './dueIndex.ts'
import { noteOfText, NoteTextError } from './noteText.ts'
import type { TravelNote } from './noteText.ts'
import type { SendParts } from './sqsSend.ts'
import { calling } from './unavailable.ts'

const holdSeconds = 60

export interface DeadLetterParts extends SendParts {
  readonly log: Log
  readonly index: DueIndex
  readonly urls: Readonly<Record<QueueName, string>>
  /** How long an answer is waited for: 0 asks only some of SQS's machines. */
  readonly waitSeconds: number
}

/** Puts what SQS has among its dead letters into the index. How many those were. */
export async function collectDead(parts: DeadLetterParts, queue: QueueName): Promise<number> {
  let collected = 0
  for (;;) {
    const { Messages = [] } = await calling(parts.sqs.send(new ReceiveMessageCommand({ QueueUrl: parts.urls[queue], MaxNumberOfMessages: portLimits.batchNotes, WaitTimeSeconds: parts.waitSeconds, VisibilityTimeout: holdSeconds, MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'] })))
    if (Messages.length === 0) return collected
    for (const message of Messages) await parts.index.put(queue, deadNote(parts.log, queue, message), { state: 'dead', dueAt: 0 })
    collected += Messages.length
    const entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
    await calling(parts.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: parts.urls[queue], Entries: entries })))
  }
}

/** What is no note of ours is kept under the message's own id, so that somebody can look at it. */
function deadNote(log: Log, queue: QueueName, { Body = '', MessageId = '', Attributes }: Message): TravelNote {
  try {
    const note = noteOfText(Body)
    return note.reason === '' ? { ...note, reason: 'handed out too often and never answered' } : note
  } catch (error) {
    if (!(error instanceof NoteTextError)) throw error
    log.error('dead-letter-unknown', { queue, message: MessageId, ...errorFields(error) })
    return { id: MessageId, body: Buffer.from(Body), sentAt: Number(Attributes?.SentTimestamp ?? 0), receives: 0, failures: 0, reason: error.message }
  }
}
