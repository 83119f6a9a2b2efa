/** An AWS account on an emulator, with what the stacks would have made in it: a table, a bucket, queues. */
import { randomUUID } from 'node:crypto'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import type { AwsClients, AwsEngine, AwsNames, AwsSettings } from '#lib/engine/aws/engine.ts'
import type { Meter } from '#lib/engine/aws/meter.ts'
import { openAwsEngine } from '#lib/engine/aws/open.ts'
import type { QueueName } from '#lib/engine/ports.ts'

export const testSettings: AwsSettings = { backOffFirstMs: 1000, backOffMostMs: 4000, sqsDelayMs: 15 * 60_000, sweepAheadMs: 90_000, pollMs: 0, rowBodyBytes: 3 * 1024, partBytes: 5 * 1024 * 1024, tries: 6, bellMs: 60_000 }

export interface Account {
  readonly clients: AwsClients
  readonly names: AwsNames
  readonly events: readonly LogEvent[]
  /** Clients of their own, so that a test's middleware is its own. */
  makeClients(): AwsClients
  open(options?: { readonly clients?: AwsClients; readonly settings?: Partial<AwsSettings>; readonly meter?: Meter; readonly clock?: Clock; readonly bellQueue?: string }): Promise<AwsEngine>
  emptyQueues(): Promise<void>
}

export async function makeAccount(endpoint: string, more: { readonly tries?: number } = {}): Promise<Account> {
  const makeClients = () => makeAwsClients({ region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, tries: more.tries ?? 4, timeoutMs: 10_000, pollMs: 20_000 })
  const clients = makeClients()
  const name = `pennypost-${randomUUID().slice(0, 8)}`
  await clients.dynamo.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
  }))
  await clients.s3.send(new CreateBucketCommand({ Bucket: name }))
  const makeQueue = async (queue: string): Promise<string> => (await clients.sqs.send(new CreateQueueCommand({ QueueName: `${name}-${queue}` }))).QueueUrl ?? ''
  const threeQueues = async (suffix: string): Promise<Record<QueueName, string>> => ({ inbound: await makeQueue(`inbound${suffix}`), outbound: await makeQueue(`outbound${suffix}`), delivery: await makeQueue(`delivery${suffix}`) })
  const names: AwsNames = { table: name, bucket: name, queues: await threeQueues(''), deadLetters: await threeQueues('-dead') }
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { level: 'debug', now: Date.now })
  return {
    clients, names, events, makeClients,
    open: async ({ settings, bellQueue, ...options } = {}) =>
      openAwsEngine({ clients, clock: systemClock, log, ...options, names: { ...names, ...(bellQueue === undefined ? {} : { bellQueue }) }, settings: { ...testSettings, ...settings } }),
    async emptyQueues() {
      // SQS purges a queue once a minute at most.
      await Promise.all([...Object.values(names.queues), ...Object.values(names.deadLetters)].map(async (QueueUrl) => {
        for (;;) {
          const { Messages = [] } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
          if (Messages.length === 0) return
          await clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })) }))
        }
      }))
    },
  }
}
