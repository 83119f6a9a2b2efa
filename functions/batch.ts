/**
 * A function that consumes a queue: a batch of SQS in, the ids of what SQS must hand out again out.
 *
 * Invariants: one note's fault is its own (partial batch response); the engine has done what each answer asks before the
 * function returns; nothing is left in writing when the environment is frozen.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import type { NoteHandler, QueueName } from '#lib/engine/ports.ts'
import { once } from './once.ts'
import type { Voice } from './voice.ts'

export interface BatchRoom {
  readonly engine: Pick<AwsEngine, 'answerBatch'>
  readonly handle: NoteHandler
  readonly voice: Voice
  /** Failures after which a note is put among the dead letters. */
  readonly maxReceives: number
  /** Waits for what is written behind the answers. */
  readonly settle: () => Promise<void>
}

export type BatchFunction = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>

export function makeBatchFunction(queue: QueueName, open: () => Promise<BatchRoom>): BatchFunction {
  const processor = new BatchProcessor(EventType.SQS)
  const opened = once(open)
  return async (event, context) => {
    const { engine, handle, voice, maxReceives, settle } = await opened()
    voice.begin(context)
    try {
      const failed = new Set(await engine.answerBatch(queue, event.Records, handle, { maxReceives }))
      await settle()
      return await processPartialResponse(event, async ({ messageId }: { messageId: string }) => demandAnswered(messageId, failed), processor, { throwOnFullBatchFailure: false })
    } finally {
      voice.end()
    }
  }
}

function demandAnswered(messageId: string, failed: ReadonlySet<string>): void {
  if (failed.has(messageId)) throw new Error('to be handed out again')
}
