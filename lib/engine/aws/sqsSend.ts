/** Sending to SQS: in batches as full as its limits allow, entries that fail alone sent again alone. */
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import type { SendMessageBatchRequestEntry, SQSClient } from '@aws-sdk/client-sqs'
import type { Clock } from '#lib/base/clock.ts'
import { portLimits } from '../ports.ts'
import { noteToText } from './noteText.ts'
import type { TravelNote } from './noteText.ts'
import { calling, pauseBefore } from './unavailable.ts'

/** Of one message, and of a batch in all (Amazon SQS developer guide, "Message quotas"). */
const batchBytes = 1024 * 1024
/** The longest DelaySeconds. */
export const sqsMostDelayMs = 15 * 60 * 1000

export interface SendParts {
  readonly sqs: SQSClient
  readonly clock: Clock
  readonly tries: number
}

export interface Outgoing {
  readonly note: TravelNote
  readonly delayMs: number
}

/** The indexes of those that could not be sent; the others are durable. */
export async function sendNotes(parts: SendParts, url: string, outgoing: readonly Outgoing[]): Promise<readonly number[]> {
  const entries = outgoing.map(({ note, delayMs }, index): SendMessageBatchRequestEntry => {
    const delay = Math.ceil(Math.min(Math.max(0, delayMs), sqsMostDelayMs) / 1000)
    return { Id: String(index), MessageBody: noteToText(note), ...(delay === 0 ? {} : { DelaySeconds: delay }) }
  })
  const failed: number[] = []
  for (const batch of fill(entries)) failed.push(...(await sendBatch(parts, url, batch)))
  return failed
}

function fill(entries: readonly SendMessageBatchRequestEntry[]): SendMessageBatchRequestEntry[][] {
  const batches: SendMessageBatchRequestEntry[][] = []
  let bytes = Infinity
  for (const entry of entries) {
    const size = entry.MessageBody?.length ?? 0
    const last = batches.at(-1)
    if (last === undefined || last.length >= portLimits.batchNotes || bytes + size > batchBytes) {
      batches.push([entry])
      bytes = size
    } else {
      last.push(entry)
      bytes += size
    }
  }
  return batches
}

async function sendBatch({ sqs, clock, tries }: SendParts, url: string, batch: readonly SendMessageBatchRequestEntry[]): Promise<number[]> {
  let left = batch
  for (let tried = 1; ; tried++) {
    try {
      const { Failed = [] } = await calling(sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: [...left] })))
      const ids = new Set(Failed.map(({ Id }) => Id))
      left = left.filter(({ Id }) => ids.has(Id))
    } catch (error) {
      // Those of an earlier batch are on their way: whoever waits for this one is told which are not.
      if (tried >= tries || left.length === batch.length) throw error
    }
    if (left.length === 0 || tried >= tries) return left.map(({ Id }) => Number(Id))
    await pauseBefore(clock, tried)
  }
}
