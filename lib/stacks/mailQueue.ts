/**
 * A queue of the pipeline with its dead letters and its alarms.
 *
 * A note that is never answered (its function crashes each time) is moved by SQS itself after `queue.maxReceives`; one
 * that is answered "failed" too often is put among the dead by the engine. Both are seen by `pennypost --aws queue list`.
 */
import { Duration } from 'aws-cdk-lib'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { defaultConfig } from '#lib/config.ts'
import type { QueueName } from '#lib/engine/ports.ts'
import { acknowledge } from './acknowledge.ts'
import { addAlarm, metricOf } from './alarms.ts'
import type { MailStack } from './mailStack.ts'
import { queueVerbs } from './names.ts'

/** The most SQS keeps, and takes: a note holds a compressed message of some 180 KB at most, a batch of ten is 1 MiB. */
const retention = Duration.days(14)
const maxMessageSizeBytes = 1024 * 1024

export interface QueueTimes {
  /** After which a batch whose function died is handed out again; at least the function's own time-out. */
  readonly visibility: Duration
  /** The oldest note that is no cause for concern. Notes that wait for their time are not in SQS beyond minutes. */
  readonly oldestMinutes: number
}

export function addMailQueue(stack: MailStack, name: QueueName, { visibility, oldestMinutes }: QueueTimes): Queue {
  const verb = queueVerbs[name]
  const dead = new Queue(stack, `Dead-${verb}`, { queueName: stack.names.deadLetters(name), encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: retention, maxMessageSizeBytes })
  acknowledge(dead, { 'Serverless-SQSRedrivePolicy': 'These are the dead letters.' })
  const queue = new Queue(stack, `Queue-${verb}`, {
    queueName: stack.names.queue(name),
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: retention,
    maxMessageSizeBytes,
    visibilityTimeout: visibility,
    deadLetterQueue: { queue: dead, maxReceiveCount: defaultConfig().queue.maxReceives },
  })
  addAlarm(stack, {
    name: stack.names.alarm(verb, 'age'),
    means: `The oldest note for ${verb} waits longer than ${oldestMinutes} minutes: the function fails, is throttled, or cannot keep up.`,
    metric: metricOf('AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName: stack.names.queue(name) }, 'Maximum'),
    above: oldestMinutes * 60,
    periods: 2,
  })
  return queue
}
