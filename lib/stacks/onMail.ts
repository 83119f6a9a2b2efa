/**
 * For other people's apps: a function that is called with each message which comes in, or with those it asks for.
 *
 * Invariants: the function may read messages and nothing else; what it fails on three times waits in a queue of its own. The
 * deployment must have been made with `events=true`. functions/onMail.ts is the other half: what the function's code uses.
 */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { EventBus, Match, Rule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda'
import type { Code } from 'aws-cdk-lib/aws-lambda'
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { acknowledge, wildcardRule } from './acknowledge.ts'
import { namesOf } from './names.ts'

export interface OnMailProps {
  /** One file `handler.mjs` that exports `handler`. */
  readonly code: Code
  /** The addresses whose mail is wanted; absent: all. */
  readonly to?: readonly string[]
  /** Name of the deployment; absent: `pennypost`. */
  readonly deployment?: string
  readonly memoryMiB?: number
  readonly timeout?: Duration
  readonly environment?: Readonly<Record<string, string>>
}

export function onMail(scope: Construct, id: string, { code, to, deployment = 'pennypost', memoryMiB = 256, timeout = Duration.minutes(1), environment = {} }: OnMailProps): LambdaFunction {
  const { account, region } = Stack.of(scope)
  const names = namesOf(deployment)
  const bucket = names.bucket(account, region)
  const logGroup = new LogGroup(scope, `${id}Log`, { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY })
  const made = new LambdaFunction(scope, id, {
    description: 'Called by Pennypost with mail',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'handler.handler',
    code,
    memorySize: memoryMiB,
    timeout,
    role: addReader(scope, `${id}Role`, bucket, logGroup),
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    environment: { ...environment, PENNYPOST_BUCKET: bucket },
  })
  const missed = new Queue(scope, `${id}Missed`, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) })
  made.configureAsyncInvoke({ onFailure: new SqsDestination(missed), retryAttempts: 2, maxEventAge: Duration.hours(6) })
  new Rule(scope, `${id}Rule`, {
    eventBus: EventBus.fromEventBusName(scope, `${id}Bus`, names.bus),
    description: `Mail for ${to?.join(', ') ?? 'anyone'}`.slice(0, 500),
    eventPattern: { source: ['pennypost'], detailType: ['received'], ...(to === undefined ? {} : { detail: { detail: { to: Match.anyOf(...to.map((address) => Match.equalsIgnoreCase(address))) } } }) },
    targets: [new FunctionTarget(made, { deadLetterQueue: missed, retryAttempts: 20, maxEventAge: Duration.days(1) })],
  })
  acknowledge(missed, { 'AwsSolutions-SQS3': 'These are the dead letters.', 'Serverless-SQSRedrivePolicy': 'These are the dead letters.' })
  acknowledge(made, { 'Serverless-LambdaDLQ': 'A failure goes to the destination of its asynchronous invocations, which says more than a dead letter does.', 'Serverless-LambdaTracing': 'The id of an event leads from log to log.' })
  return made
}

/** Each message is an object below this prefix; a link that the function makes can give no more than the function may read. */
function addReader(scope: Construct, id: string, bucket: string, logGroup: LogGroup): Role {
  const role = new Role(scope, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logGroup.grantWrite(role)
  const messages = `arn:${Stack.of(scope).partition}:s3:::${bucket}/mail/*`
  role.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: [messages] }))
  acknowledge(role, { [wildcardRule(role, messages)]: 'Keys of messages are made at run time; the function is made for reading them.' })
  return role
}
