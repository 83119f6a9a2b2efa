/**
 * The AWS engine as entry points see it: the four ports, and what only AWS asks for.
 *
 * Invariants: clients are passed in, so that whoever opens an engine owns credentials, region, time-outs and tests' faults;
 * names are those the stacks gave. Functions answer through `answerBatch`; only the front's tests and one-task setups `consume`.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Engine, NoteHandler, QueueName } from '../ports.ts'
import type { Meter } from './meter.ts'

export interface AwsClients {
  readonly dynamo: DynamoDBClient
  readonly s3: S3Client
  readonly sqs: SQSClient
}

export interface AwsNames {
  readonly table: string
  readonly bucket: string
  /** URLs. */
  readonly queues: Readonly<Record<QueueName, string>>
  /** URLs of the queues that SQS itself moves a message to which was handed out too often and never answered. */
  readonly deadLetters: Readonly<Record<QueueName, string>>
  /** The name of this task's own queue, made at the first `listen` and deleted by `close`. Absent: a name of its own with `pennypost-bell-` before it. */
  readonly bellQueue?: string
}

/** The `aws` section of the settings (lib/config.ts), which engines do not import. */
export interface AwsSettings {
  readonly backOffFirstMs: number
  readonly backOffMostMs: number
  readonly sqsDelayMs: number
  readonly sweepAheadMs: number
  readonly pollMs: number
  readonly rowBodyBytes: number
  readonly partBytes: number
  readonly tries: number
  readonly bellMs: number
}

export interface AwsEngineOptions {
  readonly clients: AwsClients
  readonly names: AwsNames
  readonly clock: Clock
  readonly log: Log
  readonly settings: AwsSettings
  /** Counts every call by what AWS bills. */
  readonly meter?: Meter
}

/** What a function is given of a message: the parts of Lambda's SQSRecord that matter here. */
export interface SqsRecord {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: { readonly ApproximateReceiveCount: string }
}

export interface AwsEngine extends Engine {
  /** Bells rung until now are sent, and accounts listened to are registered. */
  settled(): Promise<void>
  /**
   * Lets the handler answer for a batch of an event source and does what the answers ask: sends what follows, sends again,
   * lengthens the rest of what failed, moves to the dead letters. Bells rung meanwhile are sent when it resolves.
   * The caller reports the message ids returned as failed; SQS forgets the others. Never rejects for a note's sake.
   */
  answerBatch(queue: QueueName, records: readonly SqsRecord[], handler: NoteHandler, options: { readonly maxReceives: number }): Promise<readonly string[]>
  /**
   * Once a minute: what is due soon goes from the Table to SQS, and what SQS put among its dead letters into the Table.
   * `more`: time ran out before all was moved. `dead`: dead notes found this time.
   */
  sweepDue(until?: number): Promise<{ readonly sent: number; readonly dead: number; readonly more: boolean }>
}
