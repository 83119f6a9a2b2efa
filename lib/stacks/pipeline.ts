/**
 * The way of a message through the account: the three queues, who checks and files what arrives, and what runs by the
 * clock. Who looks up and delivers is in outbound.ts, beside the network they need.
 */
import { Duration } from 'aws-cdk-lib'
import { Schedule, EventBus } from 'aws-cdk-lib/aws-events'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { addAlarm, metricOf } from './alarms.ts'
import { addCause, addMissedQueue } from './cause.ts'
import { addConsumer } from './consumer.ts'
import { addDeathAlarm } from './deaths.ts'
import { changeRecords } from './domainNames.ts'
import { mailEnvironment } from './environment.ts'
import { addMailFunction } from './mailFunction.ts'
import type { CodeOf } from './mailFunction.ts'
import { addMailQueue } from './mailQueue.ts'
import { MailStack, Places } from './mailStack.ts'
import type { Setting } from './mailStack.ts'
import { consume, ofMailboxes, ofNotes, ofTransit, ringBells, sendTo, useBlobs, useTable } from './permissions.ts'
import { shared } from './shared.ts'
import { zoneId } from './storage.ts'
import type { MailZone, StorageStack } from './storage.ts'

/** Only entries of account logs (lib/mail/mailbox/logKeys.ts) wake record-events; sessions, notes and settings do not. */
const accountLogEntries: Record<string, unknown> = { eventName: FilterRule.isEqual('INSERT'), dynamodb: { Keys: { pk: { S: FilterRule.beginsWith('mail/') }, sk: { S: FilterRule.beginsWith('e') } } } }

export class PipelineStack extends MailStack {
  readonly #code: CodeOf

  constructor(scope: Construct, setting: Setting, { code, storage }: { readonly code: CodeOf; readonly storage: StorageStack }) {
    super(scope, 'pipeline', setting, { terminationProtection: true, description: 'Pennypost: queues, checking and filing. Its queues hold mail on its way.' })
    this.#code = code
    this.addStackDependency(storage)
    addMailQueue(this, 'inbound', { visibility: Duration.minutes(12), oldestMinutes: 15 })
    addMailQueue(this, 'outbound', { visibility: Duration.minutes(12), oldestMinutes: 15 })
    // Its function may take fifteen minutes over hosts that are slow to answer.
    addMailQueue(this, 'delivery', { visibility: Duration.minutes(20), oldestMinutes: 60 })
    this.#addCheckInbound()
    this.#addSweepDue()
    this.#addRenewCertificate(storage.zone)
    if (this.choices.events) this.#addRecordEvents(shared(this, 'table-stream'))
  }

  /** Judges and files: the most memory of all, because a message of 50 MB is checked in chunks but accounts are folded whole. */
  #addCheckInbound(): void {
    const checker = addMailFunction(this, 'check-inbound', {
      code: this.#code,
      memoryMiB: 1024,
      timeout: Duration.minutes(2),
      environment: mailEnvironment(this),
      allowances: [...consume(this, 'inbound'), useTable(this), ...useBlobs(this, [...ofMailboxes, ...ofTransit, ...ofNotes]), sendTo(this, ['inbound', 'outbound']), ringBells(this)],
    })
    addConsumer(this, 'inbound', checker, this.choices.checkAtOnce)
  }

  #addSweepDue(): void {
    const places = new Places(this)
    const dead = (['inbound', 'outbound', 'delivery'] as const).map((name) => places.deadLetters(name))
    const sweeper = addMailFunction(this, 'sweep-due', {
      code: this.#code,
      memoryMiB: 256,
      timeout: Duration.seconds(50),
      environment: mailEnvironment(this),
      allowances: [useTable(this), ...useBlobs(this, ofNotes), sendTo(this, ['inbound', 'outbound', 'delivery']), { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], resources: dead }],
    })
    addDeathAlarm(this, 'sweep-due', sweeper)
    addCause(this, 'sweep-due', sweeper, {
      when: { schedule: Schedule.rate(Duration.minutes(1)) },
      why: 'Notes whose time has come go back to their queues',
      retryAttempts: 0,
      failuresBorne: 5,
      means: 'Deferred mail is not tried again: sweep-due failed more than five times in 15 minutes. See its log.',
    })
  }

  /** Daily, though a certificate is renewed every two months: a failure is tried again the next day, and the first one comes soon. */
  #addRenewCertificate(zone: MailZone): void {
    const { choices } = this
    const places = new Places(this)
    const renewer = addMailFunction(this, 'renew-certificate', {
      code: this.#code,
      memoryMiB: 256,
      timeout: Duration.minutes(10),
      environment: { ...mailEnvironment(this), PENNYPOST_ZONE: zoneId(this, zone), PENNYPOST_ACME_DIRECTORY: choices.acmeDirectory, PENNYPOST_ACME_CONTACT: choices.contact },
      allowances: [
        { actions: ['s3:GetObject', 's3:PutObject'], resources: [`${places.bucket}/tls/*`], because: 'The certificate, its key and the account with the authority lie under this prefix and nothing else does.' },
        // Without it the first run could not tell that there is none (lib/engine/aws/tlsObjects.ts).
        { actions: ['s3:ListBucket'], resources: [places.bucket], conditions: { StringLike: { 's3:prefix': 'tls/*' } } },
        changeRecords(this, zone, { names: [`_acme-challenge.${choices.hostname}`], type: 'TXT' }),
        { actions: ['route53:GetChange'], resources: [`arn:${this.partition}:route53:::change/*`], because: 'A change has a name only once it is made, and it tells nothing but whether it has spread.' },
      ],
    })
    addCause(this, 'renew-certificate', renewer, {
      when: { schedule: Schedule.rate(Duration.days(1)) },
      why: 'The certificate is renewed when a third of its life is left',
      retryAttempts: 2,
      failuresBorne: 0,
      means: 'The certificate could not be renewed; it is tried every day, from 30 days before it ends. See the log of renew-certificate.',
    })
  }

  /** The table's stream tells what was appended to account logs; replays read the logs themselves. */
  #addRecordEvents(streamArn: string): void {
    new EventBus(this, 'Bus', { eventBusName: this.names.bus, description: 'What happens to messages' })
    const missed = addMissedQueue(this, 'record-events')
    const recorder = addMailFunction(this, 'record-events', {
      code: this.#code,
      memoryMiB: 256,
      timeout: Duration.minutes(1),
      environment: { ...mailEnvironment(this), PENNYPOST_BUS: this.names.bus },
      allowances: [{ actions: ['events:PutEvents'], resources: [new Places(this).bus] }, { actions: ['dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:DescribeStream'], resources: [streamArn] }, { actions: ['dynamodb:ListStreams'], resources: ['*'], because: 'Lambda lists streams to find the shards; AWS knows no resource for that.' }, { actions: ['sqs:SendMessage'], resources: [missed.queueArn] }],
    })
    this.#addEventSource(recorder, streamArn, missed)
    addAlarm(this, { name: this.names.alarm('record-events', 'age'), means: 'Events are more than 15 minutes late: record-events fails. After 24 hours the stream forgets; replay them then with `pennypost --aws events replay`.', metric: metricOf('AWS/Lambda', 'IteratorAge', { FunctionName: this.names.function('record-events') }, 'Maximum'), above: 15 * 60 * 1000 })
    addAlarm(this, { name: this.names.alarm('record-events', 'missed'), means: 'Events were given up after 20 tries and are not told: the queue of what was missed says since when. When the cause is gone: `pennypost --aws events replay --all --since TIME`.', metric: metricOf('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: this.names.missed('record-events') }, 'Maximum'), above: 0 })
    acknowledge(recorder, { 'Serverless-LambdaDLQ': 'Called by the stream alone; what fails goes to the destination of the event source.' })
  }

  #addEventSource(recorder: LambdaFunction, eventSourceArn: string, missed: ReturnType<typeof addMissedQueue>): void {
    new EventSourceMapping(this, 'Source-record-events', {
      target: recorder,
      eventSourceArn,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      maxBatchingWindow: Duration.seconds(5),
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: 20,
      onFailure: new SqsDlq(missed),
      filters: [FilterCriteria.filter(accountLogEntries)],
    })
  }
}
