/** What functions are called with and speak to, for tests. */
import type { Context } from 'aws-lambda'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import type { Voice } from '../../functions/voice.ts'

export function context(remainingMs = 60_000): Context {
  const never = (): never => {
    throw new Error('callbacks are not used')
  }
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'pennypost-test',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:pennypost-test',
    memoryLimitInMB: '512',
    awsRequestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
    logGroupName: '/pennypost/test',
    logStreamName: '2026/11/25/[$LATEST]test',
    getRemainingTimeInMillis: () => remainingMs,
    done: never,
    fail: never,
    succeed: never,
  }
}

export function silentVoice(events: LogEvent[] = []): Voice {
  return { log: makeLog((event) => events.push(event), { now: () => 0, level: 'debug' }), begin: () => undefined, end: () => undefined }
}
