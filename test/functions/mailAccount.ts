/** A mail system on an emulated AWS account: the functions' own rooms, and what event sources would call them with. */
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import type { Context, SQSEvent, SQSBatchResponse, SQSRecord } from 'aws-lambda'
import type { AwsClients, AwsNames } from '#lib/engine/aws/engine.ts'
import { nameVariables } from '#lib/engine/aws/environment.ts'
import type { QueueName } from '#lib/engine/ports.ts'
import { context } from './fakes.ts'

/** What the stacks put into a function's environment, and the SDK's own variables for an emulator. */
export function environmentOf(endpoint: string, names: AwsNames, settings: Readonly<Record<string, string>>): Record<string, string> {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    [nameVariables.table]: names.table,
    [nameVariables.bucket]: names.bucket,
    [nameVariables.inbound]: names.queues.inbound,
    [nameVariables.outbound]: names.queues.outbound,
    [nameVariables.delivery]: names.queues.delivery,
    [nameVariables.deadInbound]: names.deadLetters.inbound,
    [nameVariables.deadOutbound]: names.deadLetters.outbound,
    [nameVariables.deadDelivery]: names.deadLetters.delivery,
    PENNYPOST_SETTINGS: lines.join('\n'),
  }
}

/** What lies in the queue, as an event source gives it. */
export async function receive({ sqs }: AwsClients, names: AwsNames, queue: QueueName, most = 10): Promise<SQSEvent> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: names.queues[queue], MaxNumberOfMessages: most, VisibilityTimeout: 30, MessageSystemAttributeNames: ['All'] }))
  const Records = Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes = {}, MD5OfBody = '' }): SQSRecord => ({
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: { ApproximateReceiveCount: Attributes.ApproximateReceiveCount ?? '1', SentTimestamp: Attributes.SentTimestamp ?? '0', SenderId: '', ApproximateFirstReceiveTimestamp: Attributes.ApproximateFirstReceiveTimestamp ?? '0' },
    messageAttributes: {},
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:us-east-1:123456789012:${queue}`,
    awsRegion: 'us-east-1',
  }))
  return { Records }
}

/** Takes them out of the queue. */
export async function forget({ sqs }: AwsClients, names: AwsNames, queue: QueueName, { Records }: SQSEvent): Promise<void> {
  for (const { receiptHandle } of Records) await sqs.send(new DeleteMessageCommand({ QueueUrl: names.queues[queue], ReceiptHandle: receiptHandle }))
}

/** Calls the function with what lies in its queue, as an event source does: what it does not name as failed is forgotten. */
export async function runOn(clients: AwsClients, names: AwsNames, queue: QueueName, handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>): Promise<SQSBatchResponse & { readonly received: number }> {
  const event = await receive(clients, names, queue)
  if (event.Records.length === 0) return { received: 0, batchItemFailures: [] }
  const { batchItemFailures } = await handler(event, context())
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
  await forget(clients, names, queue, { Records: event.Records.filter(({ messageId }) => !failed.has(messageId)) })
  return { received: event.Records.length, batchItemFailures }
}
