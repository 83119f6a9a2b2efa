import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import type { SQSEvent } from 'aws-lambda'
import { defaultConfig } from '#lib/config.ts'
import type { NoteHandler } from '#lib/engine/ports.ts'
import { makeHandler as makeCheckInbound } from '../../functions/check-inbound/handler.ts'
import { makeHandler as makeDeliverOutbound } from '../../functions/deliver-outbound/handler.ts'
import { limitDelivery } from '../../functions/deliver-outbound/limits.ts'
import { makeHandler as makeLookUpMx } from '../../functions/look-up-mx/handler.ts'
import type { BatchRoom } from '../../functions/batch.ts'
import { makeHandler as makeSweepDue } from '../../functions/sweep-due/handler.ts'
import type { SweepRoom } from '../../functions/sweep-due/handler.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { context, silentVoice } from './fakes.ts'

function eventOf(...ids: string[]): SQSEvent {
  const Records = ids.map((id) => ({ messageId: id, receiptHandle: `handle-${id}`, body: '{}', attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: '', ApproximateFirstReceiveTimestamp: '0' }, messageAttributes: {}, md5OfBody: '', eventSource: 'aws:sqs', eventSourceARN: 'arn', awsRegion: 'us-east-1' }))
  return { Records }
}

const handle: NoteHandler = async (notes) => notes.map(() => ({ kind: 'done' }))

function roomWith(answerBatch: BatchRoom['engine']['answerBatch'], settle = async () => undefined): BatchRoom {
  return { engine: { answerBatch }, handle, voice: silentVoice(), maxReceives: 7, settle }
}

const failing = (...failed: string[]) => mock.fn<BatchRoom['engine']['answerBatch']>(async () => failed)

describe('a function that consumes a queue', () => {
  for (const [queue, makeHandler] of [['inbound', makeCheckInbound], ['outbound', makeLookUpMx], ['delivery', makeDeliverOutbound]] as const)
    it(`answers for the notes of ${queue} and names only those that must come again`, async () => {
      const answerBatch = failing('b')
      const result = await makeHandler(async () => roomWith(answerBatch))(eventOf('a', 'b', 'c'), context())
      assert.deepEqual(result, { batchItemFailures: [{ itemIdentifier: 'b' }] })
      const [asked, records, handler, options] = answerBatch.mock.calls[0]?.arguments ?? []
      assert.deepEqual([asked, records?.map(({ messageId }) => messageId), handler, options], [queue, ['a', 'b', 'c'], handle, { maxReceives: 7 }])
    })

  it('names none when all were answered, in the invocation after one that failed whole', async () => {
    const answers = [['a', 'b'], []]
    const handler = makeCheckInbound(async () => roomWith(async () => answers.shift() ?? []))
    assert.deepEqual(await handler(eventOf('a', 'b'), context()), { batchItemFailures: [{ itemIdentifier: 'a' }, { itemIdentifier: 'b' }] })
    assert.deepEqual(await handler(eventOf('a', 'b'), context()), { batchItemFailures: [] })
  })

  it('opens its rooms once for all invocations, and again after an opening that failed', async () => {
    let tries = 0
    const handler = makeCheckInbound(async () => {
      if (++tries === 1) throw new Error('no table just now')
      return roomWith(async () => [])
    })
    await assert.rejects(handler(eventOf('a'), context()), /no table just now/)
    await Promise.all([handler(eventOf('a'), context()), handler(eventOf('b'), context())])
    await handler(eventOf('c'), context())
    assert.equal(tries, 2)
  })

  it('returns only when what is written behind the answers is written', async () => {
    const order: string[] = []
    const answerBatch = async () => {
      order.push('answered')
      return []
    }
    const settle = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      order.push('settled')
      return undefined
    }
    await makeCheckInbound(async () => roomWith(answerBatch, settle))(eventOf('a'), context())
    assert.deepEqual(order, ['answered', 'settled'])
  })
})

describe('sweep-due', () => {
  const sweep = async (found: { sent: number; dead: number; more: boolean }, remainingMs: number) => {
    const events: LogEvent[] = []
    const sweepDue = mock.fn<SweepRoom['engine']['sweepDue']>(async () => found)
    await makeSweepDue(async () => ({ engine: { sweepDue }, voice: silentVoice(events) }))({}, context(remainingMs))
    return { until: sweepDue.mock.calls[0]?.arguments[0] ?? 0, events: events.map(({ event, fields }) => ({ event, ...fields })) }
  }

  it('sweeps until a little before its time is over', async () => {
    const { until, events } = await sweep({ sent: 0, dead: 0, more: false }, 50_000)
    assert.ok(Math.abs(until - Date.now() - 45_000) < 2000)
    assert.deepEqual(events, [])
  })

  it('tells of what it sent, of dead notes, and of what it had no time for', async () => {
    assert.deepEqual((await sweep({ sent: 3, dead: 2, more: false }, 50_000)).events, [{ event: 'died', notes: 2 }, { event: 'swept', sent: 3 }])
    assert.deepEqual((await sweep({ sent: 3, dead: 0, more: true }, 50_000)).events, [{ event: 'sweep-unfinished', sent: 3 }])
  })
})

describe('an attempt', () => {
  const attemptMs = (placeMs: number, most: number): number => {
    const config = defaultConfig()
    return limitDelivery({ ...config, outbound: { ...config.outbound, placeMs, attemptMs: most } }, '1').outbound.attemptMs
  }
  it('is over a minute before its invocation is, with the wait for its place', () => assert.equal(attemptMs(60_000, 14 * 60_000), 13 * 60_000))
  it('keeps a shorter limit', () => assert.equal(attemptMs(60_000, 5 * 60_000), 5 * 60_000))
})

describe('connections to one destination', () => {
  const shared = (most: number, environments: string | undefined): number => {
    const config = defaultConfig()
    return limitDelivery({ ...config, outbound: { ...config.outbound, connectionsPerDestination: most } }, environments).outbound.connectionsPerDestination
  }

  for (const [most, environments, each] of [[5, undefined, 5], [5, '1', 5], [20, '4', 5], [20, '3', 6], [5, '20', 1], [5, 'nonsense', 5]] as const)
    it(`are ${each} in each of ${environments ?? 'an unknown number of'} environments when there may be ${most}`, () => assert.equal(shared(most, environments), each))
})
