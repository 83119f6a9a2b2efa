/** What calls a function now and then: the clock, or an event of AWS. What cannot be delivered or fails is kept and rings. */
import { Duration } from 'aws-cdk-lib'
import { Rule } from 'aws-cdk-lib/aws-events'
import type { EventPattern, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { acknowledge } from './acknowledge.ts'
import { addAlarm, metricOf } from './alarms.ts'
import type { MailStack } from './mailStack.ts'
import type { FunctionVerb } from './names.ts'

export interface Cause {
  readonly when: { readonly schedule: Schedule } | { readonly eventPattern: EventPattern }
  readonly why: string
  /** Tries after the first one; 0 where the next tick is the better try. */
  readonly retryAttempts: number
  /** Failures in 15 minutes from which on someone is told. */
  readonly failuresBorne: number
  readonly means: string
}

export function addCause(stack: MailStack, verb: FunctionVerb, called: LambdaFunction, { when, why, retryAttempts, failuresBorne, means }: Cause): Rule {
  const missed = addMissedQueue(stack, verb)
  called.configureAsyncInvoke({ onFailure: new SqsDestination(missed), retryAttempts, maxEventAge: Duration.hours(1) })
  acknowledge(called, { 'Serverless-LambdaDLQ': 'A failure goes to the destination of its asynchronous invocations, which says more than a dead letter does.' })
  addAlarm(stack, { name: stack.names.alarm(verb, 'errors'), means, metric: metricOf('AWS/Lambda', 'Errors', { FunctionName: stack.names.function(verb) }, 'Sum', 15), above: failuresBorne })
  return new Rule(stack, `Rule-${verb}`, { ruleName: stack.names.function(verb), description: why, ...when, targets: [new LambdaTarget(called, { deadLetterQueue: missed, retryAttempts, maxEventAge: Duration.hours(1) })] })
}

/** Where what a function was not told, or failed on, lies to be looked at. */
export function addMissedQueue(stack: MailStack, verb: FunctionVerb): Queue {
  const missed = new Queue(stack, `Missed-${verb}`, { queueName: stack.names.missed(verb), encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(4) })
  acknowledge(missed, { 'AwsSolutions-SQS3': 'These are what could not be delivered or failed.', 'Serverless-SQSRedrivePolicy': 'These are what could not be delivered or failed.' })
  return missed
}
