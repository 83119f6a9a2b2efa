import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { pack } from 'msgpackr'
import type { LogEvent } from '#lib/base/log.ts'
import { eventSource, makeEventBridgeClient, makeEventBus } from '#lib/engine/aws/eventBus.ts'
import type { BusEntry, EventBus } from '#lib/engine/aws/eventBus.ts'
import type { StreamRecord } from '#lib/engine/aws/stream.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { entrySort, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { makeHandler } from '../../functions/record-events/handler.ts'
import { fileText, makeSetting } from '../mail/mailbox/setting.ts'
import { context, silentVoice } from './fakes.ts'

function recordOf(partition: string, sort: string, value: Uint8Array, eventName = 'INSERT'): StreamRecord {
  return { eventName, dynamodb: { SequenceNumber: `n-${partition}-${sort}`, NewImage: { pk: { S: partition }, sk: { S: sort }, v: { B: Buffer.from(value).toString('base64') } } } }
}

/** An account with so many messages, as the stream tells of it: entry 1 has made its mailboxes. */
async function recordsOf(account: string, messages: number): Promise<StreamRecord[]> {
  const setting = makeSetting()
  const mail = await setting.store().open(account)
  for (let n = 0; n < messages; n++) await fileText(mail)
  return [...(setting.engine.rows.get(partitionOf(account)) ?? [])].filter(([sort]) => sort.startsWith('e')).map(([sort, value]) => recordOf(partitionOf(account), sort, value))
}

const numberOf = (record: StreamRecord | undefined) => record?.dynamodb?.SequenceNumber
const idsOf = (entries: readonly BusEntry[]) => entries.map(({ detail }) => (JSON.parse(detail) as MailEvent).id)

function openFunction({ put = async () => undefined, types = [] }: { put?: EventBus['put']; types?: readonly string[] } = {}) {
  const events: LogEvent[] = []
  const taken: BusEntry[] = []
  const voice = silentVoice(events)
  const bus: EventBus = {
    put: async (entries) => {
      const untaken = await put(entries)
      taken.push(...entries.slice(0, untaken?.place))
      return untaken
    },
  }
  return { events, taken, run: makeHandler(async () => ({ bus, types, voice, log: voice.log })) }
}

describe('record-events', () => {
  it('tells the bus of every entry, in order', async () => {
    const { taken, run } = openFunction()
    const records = await recordsOf('anna', 25)
    assert.deepEqual(await run({ Records: records }, context()), { batchItemFailures: [] })
    assert.deepEqual(idsOf(taken), Array.from({ length: 25 }, (_, n) => `anna.${n + 2}.0.filed`))
    assert.deepEqual([taken[0]?.type, taken[0]?.at.toISOString()], ['filed', '2026-11-24T12:00:00.000Z'])
  })

  it('passes over what is no new entry', async () => {
    const { taken, run } = openFunction()
    const [record = assert.fail()] = (await recordsOf('anna', 1)).slice(1)
    const { v } = record.dynamodb?.NewImage ?? {}
    const value = Buffer.from(v?.B ?? '', 'base64')
    // A sweep takes metadata out of old entries; deletions have no new image.
    const others: StreamRecord[] = [recordOf(partitionOf('anna'), entrySort(2), value, 'MODIFY'), recordOf('sweep', 'anna', value), recordOf(partitionOf('anna'), 'snapshot', value), { eventName: 'REMOVE', dynamodb: { SequenceNumber: '9' } }, {}]
    assert.deepEqual(await run({ Records: others }, context()), { batchItemFailures: [] })
    assert.deepEqual(taken, [])
  })

  it('tells only the types that are wanted', async () => {
    const { taken, run } = openFunction({ types: ['received'] })
    await run({ Records: await recordsOf('anna', 3) }, context())
    assert.deepEqual(taken, [])
  })

  it('begins again with the record of the first event that the bus did not take', async () => {
    const records = await recordsOf('anna', 30)
    const { run } = openFunction({ put: async () => ({ place: 12, reason: 'ThrottlingException' }) })
    assert.deepEqual(await run({ Records: records }, context()), { batchItemFailures: [{ itemIdentifier: numberOf(records[13]) }] })
  })

  it('fails whole when the bus cannot be reached, so that all of it comes again', async () => {
    const { run } = openFunction({ put: async () => Promise.reject(new Error('ECONNRESET')) })
    await assert.rejects(run({ Records: await recordsOf('anna', 1) }, context()), /ECONNRESET/)
  })

  it('tells what stands before an entry that it cannot read, then begins again with that one', async () => {
    const { taken, run, events } = openFunction()
    const records = await recordsOf('anna', 5)
    const newer = recordOf(partitionOf('bert'), entrySort(7), pack([1, 0, 'newer', [['pin', 'F1']]]))
    assert.deepEqual(await run({ Records: [...records.slice(0, 4), newer, ...records.slice(4)] }, context()), { batchItemFailures: [{ itemIdentifier: numberOf(newer) }] })
    assert.equal(taken.length, 3)
    assert.match(String(events.find(({ event }) => event === 'entry-unread')?.fields['error']), /unknown kind pin/)
  })
})

// ---------------------------------------------------------------- the bus

interface Call {
  readonly target: string | undefined
  readonly Entries: readonly { readonly EventBusName: string; readonly Source: string; readonly DetailType: string; readonly Detail: string; readonly Time: number }[]
}

/** EventBridge as far as PutEvents goes. `refuse` gives the place of an entry that is not taken. */
async function openBus(refuse: (call: number) => number | undefined) {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      calls.push({ ...(JSON.parse(body) as Call), target: request.headers['x-amz-target'] as string })
      const place = refuse(calls.length)
      const Entries = calls.at(-1)?.Entries.map((_, at) => (at === place ? { ErrorCode: 'InternalFailure', ErrorMessage: 'not now' } : { EventId: `id${at}` }))
      response.setHeader('content-type', 'application/x-amz-json-1.1')
      response.end(JSON.stringify({ FailedEntryCount: place === undefined ? 0 : 1, Entries }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = makeEventBridgeClient({ region: 'us-east-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, tries: 1, timeoutMs: 5000 })
  const close = () => {
    client.destroy()
    server.closeAllConnections()
    server.close()
  }
  return { calls, bus: makeEventBus({ client, bus: 'mail', source: eventSource }), close }
}

const entries = (count: number, bytes = 2): BusEntry[] => Array.from({ length: count }, (_, n) => ({ type: 'filed', at: new Date(0), detail: JSON.stringify({ n, fill: 'x'.repeat(bytes) }) }))

describe('the bus', () => {
  it('takes ten entries a call, in their order', async () => {
    const { calls, bus, close } = await openBus(() => undefined)
    assert.equal(await bus.put(entries(23)), undefined)
    close()
    assert.deepEqual(calls.map((call) => call.Entries.length), [10, 10, 3])
    assert.deepEqual(calls.flatMap((call) => call.Entries.map(({ Detail }) => (JSON.parse(Detail) as { n: number }).n)), Array.from({ length: 23 }, (_, n) => n))
    assert.deepEqual([calls[0]?.target, calls[0]?.Entries[0]?.EventBusName, calls[0]?.Entries[0]?.Source, calls[0]?.Entries[0]?.DetailType], ['AWSEvents.PutEvents', 'mail', 'pennypost', 'filed'])
  })

  it('takes fewer where they are large', async () => {
    const { calls, bus, close } = await openBus(() => undefined)
    assert.equal(await bus.put(entries(9, 60_000)), undefined)
    close()
    assert.deepEqual(calls.map((call) => call.Entries.length), [4, 4, 1])
    for (const call of calls) assert.ok(JSON.stringify(call.Entries).length < 256 * 1024)
  })

  it('says which entry was not taken, and puts none of a later call', async () => {
    const { calls, bus, close } = await openBus((call) => (call === 2 ? 4 : undefined))
    assert.deepEqual(await bus.put(entries(35)), { place: 14, reason: 'InternalFailure not now' })
    close()
    assert.equal(calls.length, 2)
  })

  it('makes no call for nothing', async () => {
    const { calls, bus, close } = await openBus(() => undefined)
    assert.equal(await bus.put([]), undefined)
    close()
    assert.equal(calls.length, 0)
  })
})
