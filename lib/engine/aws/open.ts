/**
 * The AWS engine: Table on DynamoDB, Blobs on S3, Queue on SQS with a due-time index in the Table, Bell by session registry.
 * Table, bucket and queues are there already (lib/stacks made them); only a task's bell queue is made here.
 */
import { portLimits } from '../ports.ts'
import { askHandler, openRecords, reportUnreadable, settleAnswers } from './answerBatch.ts'
import { DueIndex } from './dueIndex.ts'
import { dynamoTable } from './dynamoTable.ts'
import type { AwsEngine, AwsEngineOptions, SqsRecord } from './engine.ts'
import { RegistryBell } from './registryBell.ts'
import { s3Blobs } from './s3Blobs.ts'
import { sqsMostDelayMs } from './sqsSend.ts'
import { sqsQueue } from './sqsQueue.ts'
import type { QueueParts } from './sqsQueue.ts'
import { sweepIndex } from './sweepDue.ts'

/** How long a sweep takes at most when its caller does not say. */
const sweepMs = 50_000

export async function openAwsEngine(options: AwsEngineOptions): Promise<AwsEngine> {
  const { clients, names, clock, log, settings, meter } = options
  for (const client of [clients.dynamo, clients.s3, clients.sqs]) meter?.attach(client)
  const { tries, pollMs } = settings
  const tableParts = { dynamo: clients.dynamo, table: names.table, clock, tries }
  const table = dynamoTable(tableParts)
  const blobs = s3Blobs({ s3: clients.s3, bucket: names.bucket, log, partBytes: settings.partBytes, tries })
  const index = new DueIndex({ ...tableParts, rows: table, blobs, rowBodyBytes: settings.rowBodyBytes })
  const parts: QueueParts = {
    sqs: clients.sqs, clock, log, tries, index, pollMs,
    queues: names.queues,
    deadLetters: names.deadLetters,
    urls: names.deadLetters,
    waitSeconds: Math.min(1, Math.floor(pollMs / 1000)),
    backOff: { firstMs: settings.backOffFirstMs, mostMs: settings.backOffMostMs },
    sqsDelayMs: Math.min(settings.sqsDelayMs, sqsMostDelayMs),
    sweepAheadMs: settings.sweepAheadMs,
  }
  const queue = sqsQueue(parts)
  const bell = new RegistryBell({ ...tableParts, sqs: clients.sqs, log, rows: table, queueName: names.bellQueue, bellMs: settings.bellMs, pollMs })
  return {
    table, blobs, queue, bell,
    settled: () => bell.settled(),
    async answerBatch(name, records, handler, { maxReceives }) {
      const { given, unreadable } = openRecords(records)
      reportUnreadable(log, name, unreadable)
      const stay = new Set<SqsRecord>(unreadable)
      for (let at = 0; at < given.length; at += portLimits.batchNotes) {
        const batch = given.slice(at, at + portLimits.batchNotes)
        const answers = await askHandler(handler, batch.map(({ note }) => note))
        for (const record of await settleAnswers(parts, name, batch, answers, maxReceives)) stay.add(record)
      }
      await bell.settled()
      return [...stay].map(({ messageId }) => messageId)
    },
    sweepDue: async (until = clock.now() + sweepMs) => sweepIndex(parts, until),
    async close() {
      await queue.close()
      await bell.close()
    },
  }
}
