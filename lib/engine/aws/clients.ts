/** The SDK's clients as this system wants them: bounded in time, tries and connections, connections kept. For entry points and tests. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { AwsClients } from './engine.ts'

export interface ClientOptions {
  /** Absent: as the environment says. */
  readonly region?: string
  /** Of an emulator, where buckets are paths. */
  readonly endpoint?: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Tries of one call, the first one included. */
  readonly tries: number
  /** How long one try may take; waiting for notes comes on top of it. */
  readonly timeoutMs: number
  /** How long a poll for notes waits at most. */
  readonly pollMs: number
}

/** Connections to one service at once; more calls wait their turn. */
const mostSockets = 100
const connectMs = 3000

export function makeAwsClients(options: ClientOptions): AwsClients {
  const { region, endpoint, credentials, tries, timeoutMs, pollMs } = options
  const common = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: tries,
  }
  const handler = (requestTimeout: number) => {
    const agent = { keepAlive: true, maxSockets: mostSockets }
    return { connectionTimeout: connectMs, requestTimeout, throwOnRequestTimeout: true, httpAgent: agent, httpsAgent: agent }
  }
  return {
    dynamo: new DynamoDBClient({ ...common, requestHandler: handler(timeoutMs) }),
    s3: new S3Client({ ...common, requestHandler: handler(timeoutMs), forcePathStyle: endpoint !== undefined }),
    // Queues are those of this region, wherever its endpoint is: an emulator's too, when the environment names it.
    sqs: new SQSClient({ ...common, useQueueUrlAsEndpoint: false, requestHandler: handler(timeoutMs + pollMs) }),
  }
}
