/** A function as the consumer of its queue, and the alarm for notes that it gave up. */
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { portLimits } from '#lib/engine/ports.ts'
import type { QueueName } from '#lib/engine/ports.ts'
import { acknowledge } from './acknowledge.ts'
import { addDeathAlarm } from './deaths.ts'
import { Places } from './mailStack.ts'
import type { MailStack } from './mailStack.ts'
import { queueVerbs } from './names.ts'

/**
 * Up to ten notes an invocation, answered one by one. No batching window: it would hold back a single message, and
 * under load batches fill by themselves.
 */
export function addConsumer(stack: MailStack, queue: QueueName, consumer: LambdaFunction, atOnce: number): void {
  const verb = queueVerbs[queue]
  const source = new EventSourceMapping(stack, `Source-${verb}`, {
    target: consumer,
    eventSourceArn: new Places(stack).queue(queue),
    batchSize: portLimits.batchNotes,
    maxConcurrency: atOnce,
    reportBatchItemFailures: true,
  })
  acknowledge(source, { 'Serverless-LambdaEventSourceMappingDestination': 'The queue itself moves what fails again and again to its dead letters.' })
  acknowledge(consumer, { 'Serverless-LambdaDLQ': 'Called by its queue alone, which has dead letters.' })
  addDeathAlarm(stack, verb, consumer)
}
