/**
 * Who may do what, resource by resource. A star stands only where AWS knows no narrower resource, or where names are
 * made at run time; each carries its reason into the acknowledgements of cdk-nag.
 */
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Role } from 'aws-cdk-lib/aws-iam'
import type { QueueName } from '#lib/engine/ports.ts'
import { acknowledge, wildcardRule } from './acknowledge.ts'
import { Places } from './mailStack.ts'
import type { MailStack } from './mailStack.ts'

export interface Allowance {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly conditions?: Readonly<Record<string, unknown>>
  /** Why a resource has a star in it. */
  readonly because?: string
}

/** @throws {Error} for a star without a reason */
export function allow(role: Role, allowances: readonly Allowance[]): void {
  for (const { actions, resources, conditions, because } of allowances) {
    role.addToPrincipalPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions === undefined ? {} : { conditions }) }))
    for (const resource of resources.filter((one) => one.includes('*'))) {
      if (because === undefined) throw new Error(`${role.node.path}: a star in ${resource} needs a reason`)
      acknowledge(role, { [wildcardRule(role, resource)]: because })
    }
  }
}

/** Rows are read, written and deleted one by one or in a transaction; the table itself cannot be touched. */
export function useTable(stack: MailStack): Allowance {
  return { actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'], resources: [new Places(stack).table] }
}

/** Messages in mailboxes, and what is made of them: folded states, and indexes to search in. */
export const ofMailboxes = ['mail/', 'snapshot/', 'index/'] as const
/** Contents on their way. */
export const ofTransit = ['transit/'] as const
/** Notes that wait and are too large for a row. */
export const ofNotes = ['queue/'] as const
type BlobPrefix = (typeof ofMailboxes | typeof ofTransit | typeof ofNotes)[number]

/** Objects below these prefixes and no others: the keys of TLS lie in the same bucket. */
export function useBlobs(stack: MailStack, prefixes: readonly BlobPrefix[]): Allowance[] {
  const { bucket } = new Places(stack)
  return [
    { actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], resources: prefixes.map((prefix) => `${bucket}/${prefix}*`), because: 'Keys of objects are made at run time, below a prefix for each kind.' },
    // Without it S3 answers 403 for an object that is not there. It tells keys alone, which are made of ids.
    { actions: ['s3:ListBucket'], resources: [bucket] },
  ]
}

export function sendTo(stack: MailStack, queues: readonly QueueName[]): Allowance {
  return { actions: ['sqs:SendMessage'], resources: queues.map((name) => new Places(stack).queue(name)) }
}

/** Bells are queues that front tasks make for themselves, so their names end in what only the task knows. */
export function ringBells(stack: MailStack): Allowance {
  return { actions: ['sqs:GetQueueUrl', 'sqs:SendMessage'], resources: [new Places(stack).bells], because: 'Front tasks make these queues for themselves, with names of their own behind this prefix.' }
}

/** What Lambda does on behalf of a function that consumes a queue, and the function itself: what failed too often goes to the dead letters with its reason. */
export function consume(stack: MailStack, queue: QueueName): Allowance[] {
  const places = new Places(stack)
  return [
    { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'], resources: [places.queue(queue)] },
    { actions: ['sqs:SendMessage'], resources: [places.deadLetters(queue)] },
  ]
}
