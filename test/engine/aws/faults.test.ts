/** What only AWS can do to us: throttling, lost answers, conflicts, partial failures, doubles, broken streams, lost bells. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import type { AwsEngine, SqsRecord } from '#lib/engine/aws/engine.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Condition, NoteAnswer, NoteHandler, QueueName } from '#lib/engine/ports.ts'
import { bytes, collect, text, until } from '../contract/setup.ts'
import { makeAccount } from './account.ts'
import type { Account } from './account.ts'
import { startEmulator } from './emulators.ts'
import { awsError, brokenLine, injectFaults, throttled } from './faults.ts'
import type { Faults } from './faults.ts'

const emulator = await startEmulator('moto')
const skip = typeof emulator === 'string' && emulator
const endpoint = typeof emulator === 'string' ? '' : emulator.endpoint
const done: NoteAnswer = { kind: 'done' }

describe('The AWS engine on a bad day', { skip }, () => {
  let account: Account
  let engine: AwsEngine
  let faults: Faults
  let offset = 0
  const clock: Clock = { now: () => Date.now() + offset, sleep: (ms, signal) => systemClock.sleep(ms, signal) }

  before(async () => {
    account = await makeAccount(endpoint, { tries: 2 })
    const clients = account.makeClients()
    faults = injectFaults(clients.dynamo, clients.s3, clients.sqs)
    engine = await account.open({ clients, clock, settings: { tries: 3 } })
  })
  beforeEach(async () => {
    faults.plan = () => undefined
    faults.tries.length = 0
    offset = 0
    await account.emptyQueues()
  })
  after(async () => {
    faults.plan = () => undefined
    await engine.close()
    if (typeof emulator !== 'string') await emulator.stop()
  })

  const on = (operation: string, times: number, fault: ReturnType<Faults['plan']>): void => {
    let left = times
    faults.plan = (called) => (called === operation && left-- > 0 ? fault : undefined)
  }
  const receive = async (queue: QueueName): Promise<SqsRecord[]> => {
    const { Messages = [] } = await account.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: account.names.queues[queue], MaxNumberOfMessages: 10, VisibilityTimeout: 60, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }))
    return Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => ({ messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, attributes: { ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? '1' } }))
  }
  const answer = async (records: readonly SqsRecord[], handler: NoteHandler, maxReceives = 5) => engine.answerBatch('inbound', records, handler, { maxReceives })

  const calls: Record<string, { readonly operation: string; readonly call: () => Promise<unknown> }> = {
    'reading a row': { operation: 'GetItem', call: async () => engine.table.get({ partition: 'p', sort: 's' }) },
    'reading a range': { operation: 'Query', call: async () => engine.table.range({ partition: 'p' }) },
    'writing a row': { operation: 'PutItem', call: async () => engine.table.commit([{ put: { partition: 'p', sort: 's' }, value: bytes('v') }]) },
    'deleting a row': { operation: 'DeleteItem', call: async () => engine.table.commit([{ delete: { partition: 'p', sort: 's' } }]) },
    'writing several rows': { operation: 'TransactWriteItems', call: async () => engine.table.commit([{ put: { partition: 'p', sort: 's' }, value: bytes('v') }, { put: { partition: 'p', sort: 't' }, value: bytes('v') }]) },
    'putting a blob': { operation: 'PutObject', call: async () => engine.blobs.put('calls', bytes('v')) },
    'reading a blob': { operation: 'GetObject', call: async () => engine.blobs.readBytes('calls') },
    'looking at a blob': { operation: 'HeadObject', call: async () => engine.blobs.info('calls') },
    'listing blobs': { operation: 'ListObjectsV2', call: async () => engine.blobs.list('calls') },
    'deleting a blob': { operation: 'DeleteObject', call: async () => engine.blobs.delete('calls') },
    'sending a note': { operation: 'SendMessageBatch', call: async () => engine.queue.send('inbound', [{ id: 'n', body: bytes('v') }]) },
  }
  for (const [what, { operation, call }] of Object.entries(calls)) {
    it(`${what} is tried again when throttled, and refused as unavailable when that does not end`, async () => {
      const error = operation.includes('Object') ? awsError('SlowDown', 503) : throttled
      on(operation, 1, { before: error })
      await call()
      assert.equal(faults.tries.filter((tried) => tried === operation).length, 2)
      on(operation, Infinity, { before: error })
      await assert.rejects(call(), EngineUnavailableError)
    })
  }

  it('says unavailable for a broken line, for 5xx and for a conflict of S3, and passes on what is a mistake', async () => {
    for (const error of [brokenLine, awsError('InternalServerError', 500), awsError('ConditionalRequestConflict', 409)]) {
      on('PutObject', Infinity, { before: error })
      await assert.rejects(engine.blobs.put('x', bytes('x')), EngineUnavailableError)
    }
    on('PutItem', Infinity, { before: awsError('AccessDeniedException') })
    await assert.rejects(engine.table.commit([{ put: { partition: 'p', sort: 's' }, value: bytes('v') }]), { name: 'AccessDeniedException' })
  })

  it('a write whose answer was lost does not fail its own condition, and one that others overtook does', async () => {
    const key = { partition: 'lost', sort: 'answer' }
    const put = async (value: string, onlyIf: Condition) => engine.table.commit([{ put: key, value: bytes(value), onlyIf }])
    on('PutItem', 1, { after: brokenLine })
    assert.deepEqual(await put('mine', 'absent'), { committed: true })
    on('PutItem', 1, { after: brokenLine })
    assert.deepEqual(await put('mine too', { equals: bytes('mine') }), { committed: true })
    on('PutItem', 1, { before: brokenLine })
    assert.deepEqual(await put('other', 'absent'), { committed: false, failed: 0 })
    assert.deepEqual(await put('mine too', 'absent'), { committed: false, failed: 0 })
    assert.equal(text(await engine.table.get(key)), 'mine too')
    on('DeleteItem', 1, { after: brokenLine })
    assert.deepEqual(await engine.table.commit([{ delete: key, onlyIf: 'present' }]), { committed: true })
    assert.deepEqual(await engine.table.commit([{ delete: key, onlyIf: 'present' }]), { committed: false, failed: 0 })
  })

  it('a transaction that others collide with is tried again, then given up, and its own condition is told from that', async () => {
    const changes = [{ put: { partition: 'collide', sort: 'a' }, value: bytes('v') }, { put: { partition: 'collide', sort: 'b' }, value: bytes('v'), onlyIf: 'absent' }] as const
    const collision = awsError('TransactionCanceledException', 400, { CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }] })
    on('TransactWriteItems', Infinity, { before: collision })
    await assert.rejects(engine.table.commit(changes), EngineUnavailableError)
    on('TransactWriteItems', 2, { before: collision })
    assert.deepEqual(await engine.table.commit(changes), { committed: true })
    assert.deepEqual(await engine.table.commit(changes), { committed: false, failed: 1 })
  })

  it('one change is a plain write, several are a transaction, and reads are strongly consistent', async () => {
    const consistent: unknown[] = []
    faults.plan = (operation, input) => {
      if (operation === 'GetItem' || operation === 'Query') consistent.push(input['ConsistentRead'])
      return undefined
    }
    await engine.table.commit([{ put: { partition: 'price', sort: 'a' }, value: bytes('v'), onlyIf: 'absent' }])
    await engine.table.commit([{ delete: { partition: 'price', sort: 'a' }, onlyIf: 'present' }])
    await engine.table.commit([{ put: { partition: 'price', sort: 'a' }, value: bytes('v') }, { put: { partition: 'price', sort: 'b' }, value: bytes('v') }])
    await engine.table.get({ partition: 'price', sort: 'a' })
    await engine.table.range({ partition: 'price' })
    assert.deepEqual(faults.tries, ['PutItem', 'DeleteItem', 'TransactWriteItems', 'GetItem', 'Query'])
    assert.deepEqual(consistent, [true, true])
  })

  it('takes up a broken-off read where it broke, but never goes on with another object', async () => {
    const content = randomBytes(300_000)
    await engine.blobs.put('broken', content)
    async function* half(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      let given = 0
      for await (const chunk of body) {
        const part = chunk.subarray(0, 100_000 - given)
        given += part.length
        if (part.length > 0) yield part
        if (given >= 100_000) throw brokenLine
      }
    }
    const breakOff = { output: (output: object) => ({ ...output, Body: half((output as { Body: AsyncIterable<Uint8Array> }).Body) }) }
    on('GetObject', 2, breakOff)
    assert.ok(content.equals(await collect(engine.blobs.readStream('broken'))))
    assert.equal(faults.tries.filter((tried) => tried === 'GetObject').length, 3)
    on('GetObject', Infinity, breakOff)
    await assert.rejects(collect(engine.blobs.readStream('broken')), EngineUnavailableError)
    on('GetObject', 1, breakOff)
    const stream = engine.blobs.readStream('broken')[Symbol.asyncIterator]()
    await stream.next()
    await engine.blobs.put('broken', randomBytes(300_000))
    await assert.rejects(async () => { while ((await stream.next()).done !== true); }, EngineUnavailableError)
  })

  it('leaves no parts behind when an upload fails on its way', async () => {
    async function* large(): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 12; piece++) yield Buffer.alloc(1024 * 1024, piece)
    }
    faults.plan = (operation, input) => (operation === 'UploadPart' && input['PartNumber'] === 2 ? { before: awsError('InternalError', 500) } : undefined)
    await assert.rejects(engine.blobs.put('large', large()), EngineUnavailableError)
    assert.equal(await engine.blobs.info('large'), undefined)
    const { Uploads = [] } = await account.clients.s3.send(new ListMultipartUploadsCommand({ Bucket: account.names.bucket }))
    assert.deepEqual(Uploads, [])
    faults.plan = (operation, _, tried) => (operation === 'UploadPart' && tried === 0 ? { before: awsError('SlowDown', 503) } : undefined)
    assert.equal((await engine.blobs.put('large', large())).sizeBytes, 12 * 1024 * 1024)
    assert.equal((await collect(engine.blobs.readStream('large', 11 * 1024 * 1024 + 5, 2))).toString('hex'), '0b0b')
  })

  it('sends again what a batch of SQS did not take, and nothing else', async () => {
    let refused = 2
    const sizes: number[] = []
    faults.plan = (operation, input) => {
      if (operation !== 'SendMessageBatch') return undefined
      const entries = input['Entries'] as { Id: string }[]
      sizes.push(entries.length)
      if (refused-- <= 0) return undefined
      // SQS took none of the even ones; the emulator has them all, so these come twice.
      return { output: (output) => ({ ...output, Failed: entries.filter(({ Id }) => Number(Id) % 2 === 0).map(({ Id }) => ({ Id, SenderFault: false, Code: 'InternalError' })) }) }
    }
    await engine.queue.send('inbound', ['a', 'b', 'c', 'd'].map((id) => ({ id, body: bytes(id) })))
    assert.deepEqual(sizes, [4, 2, 2])
    on('SendMessageBatch', Infinity, { output: (output) => ({ ...output, Failed: [{ Id: '0', SenderFault: false, Code: 'InternalError' }] }) })
    await assert.rejects(engine.queue.send('inbound', [{ id: 'e', body: bytes('e') }]), EngineUnavailableError)
  })

  it('splits a batch that is larger than SQS takes at once', async () => {
    const sizes: number[] = []
    faults.plan = (operation, input) => void (operation === 'SendMessageBatch' && sizes.push((input['Entries'] as unknown[]).length))
    await engine.queue.send('inbound', Array.from({ length: 10 }, (_, index) => ({ id: `large${index}`, body: randomBytes(200_000) })))
    assert.deepEqual(sizes, [3, 3, 3, 1])
    assert.equal(new Set((await Promise.all([1, 2, 3].map(async () => receive('inbound')))).flat().map(({ messageId }) => messageId)).size, 10)
  })

  it('delays by SQS up to fifteen minutes, by the index beyond, and shows only the latter', async () => {
    const delays: unknown[] = []
    faults.plan = (operation, input) => void (operation === 'SendMessageBatch' && delays.push(...(input['Entries'] as { DelaySeconds?: number }[]).map(({ DelaySeconds }) => DelaySeconds)))
    const now = Date.now()
    await engine.queue.send('delivery', [{ id: 'at once', body: bytes('1') }, { id: 'soon', body: bytes('2'), notBefore: now + 899_000 }, { id: 'late', body: bytes('3'), notBefore: now + 1_000_000 }])
    assert.equal(delays.length, 2)
    assert.ok(delays[0] === undefined && Number(delays[1]) >= 898 && Number(delays[1]) <= 900)
    assert.deepEqual((await engine.queue.list('delivery')).items.map(({ id, state }) => [id, state]), [['late', 'waiting']])
    // A sweep that comes a minute before keeps the seconds.
    assert.equal((await engine.sweepDue()).sent, 0)
    offset = 1_000_000 - 40_000
    assert.equal((await engine.sweepDue()).sent, 1)
    assert.ok(Number(delays[2]) > 30 && Number(delays[2]) <= 41, String(delays[2]))
    assert.deepEqual((await engine.queue.list('delivery')).items, [])
  })

  it('a sweep that dies after sending sends again, and what it finds days later is sent at once', async () => {
    const body = randomBytes(20_000)
    await engine.queue.send('inbound', [{ id: 'swept', body, notBefore: Date.now() + 3_600_000 }])
    offset = 3 * 24 * 3_600_000
    on('DeleteItem', Infinity, { before: throttled })
    await engine.sweepDue()
    faults.plan = () => undefined
    assert.equal((await engine.sweepDue()).sent, 1)
    assert.equal((await engine.sweepDue()).sent, 0)
    const ids: string[] = []
    await answer(await receive('inbound'), async (notes) => {
      for (const note of notes) {
        ids.push(note.id)
        assert.ok(body.equals(note.body))
      }
      return notes.map(() => done)
    })
    assert.deepEqual(ids, ['swept', 'swept'])
    assert.deepEqual((await engine.blobs.list('queue/')).items, [])
  })

  it('a note that could not be written whole into the index is never half there', async () => {
    const note = { id: 'half', body: randomBytes(20_000), notBefore: Date.now() + 3_600_000 }
    for (const operation of ['PutObject', 'PutItem']) {
      on(operation, Infinity, { before: throttled })
      await assert.rejects(engine.queue.send('inbound', [note]), EngineUnavailableError)
      faults.plan = () => undefined
      assert.equal(await engine.queue.find('inbound', 'half'), undefined)
    }
    // The due row alone is there: it counts for nothing and goes once it is overdue.
    let puts = 0
    faults.plan = (operation) => (operation === 'PutItem' && puts++ > 0 ? { before: throttled } : undefined)
    await assert.rejects(engine.queue.send('inbound', [note]), EngineUnavailableError)
    faults.plan = () => undefined
    offset = 3_600_000 + 120_000
    assert.deepEqual(await engine.sweepDue(), { sent: 0, dead: 0, more: false })
    assert.deepEqual((await engine.table.range({ partition: '~due/0' })).items.length + (await engine.table.range({ partition: '~due/1' })).items.length, 0)
  })

  it('reports those notes alone as failed that failed, and leaves a note whose followers could not be sent', async () => {
    await engine.queue.send('inbound', ['good', 'bad', 'follows'].map((id) => ({ id, body: bytes(id) })))
    const records = await receive('inbound')
    on('SendMessageBatch', Infinity, { before: throttled })
    const failed = await answer(records, async (notes) => notes.map(({ id }) => (id === 'good' ? done : id === 'bad' ? { kind: 'failed', reason: 'bad' } : { kind: 'done', then: [{ queue: 'outbound', note: { id: 'next', body: bytes('n') } }] })))
    const named = records.filter(({ messageId }) => failed.includes(messageId)).map(({ body }) => (JSON.parse(body.split('\n')[0] ?? '') as { id: string }).id)
    assert.deepEqual(named.toSorted(), ['bad', 'follows'])
  })

  it('takes the same message twice and late: the note is the same, and so is what follows', async () => {
    await engine.queue.send('inbound', [{ id: 'double', body: bytes('d') }])
    const records = await receive('inbound')
    const handler: NoteHandler = async (notes) => notes.map(({ id }) => ({ kind: 'done', then: [{ queue: 'outbound', note: { id: `${id}-next`, body: bytes('n'), notBefore: Date.now() + 3_600_000 } }] }))
    for (let turn = 0; turn < 2; turn++) assert.deepEqual(await answer(records, handler), [])
    assert.deepEqual((await engine.queue.list('outbound')).items.map(({ id }) => id), ['double-next'])
    await engine.queue.drop('outbound', 'double-next')
  })

  it('keeps the reason of a dead note, shows it, and sends it anew when it is retimed', async () => {
    await engine.queue.send('inbound', [{ id: 'poison', body: bytes('p') }])
    assert.deepEqual(await answer(await receive('inbound'), async () => { throw new Error('cannot be digested') }, 1), [])
    const dead = await engine.queue.find('inbound', 'poison')
    assert.deepEqual([dead?.state, dead?.reason, dead?.receives], ['dead', 'cannot be digested', 1])
    assert.equal(await engine.queue.retime('inbound', 'poison', 0), true)
    assert.equal(await engine.queue.find('inbound', 'poison'), undefined)
    const receives: number[] = []
    // What an earlier test left unanswered may come with it.
    await answer(await receive('inbound'), async (notes) => notes.map(({ id, receives: count }) => (id === 'poison' && receives.push(count), done)), 9)
    assert.deepEqual(receives, [2])
  })

  it('finds notes that SQS itself gave up, and messages that are no notes', async () => {
    const { queues, deadLetters } = account.names
    const { Attributes } = await account.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: deadLetters.delivery, AttributeNames: ['QueueArn'] }))
    await account.clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queues.delivery, Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes?.['QueueArn'], maxReceiveCount: '1' }), VisibilityTimeout: '0' } }))
    await engine.queue.send('delivery', [{ id: 'never answered', body: bytes('n') }])
    await account.clients.sqs.send(new SendMessageCommand({ QueueUrl: queues.delivery, MessageBody: 'what is this?' }))
    const take = async () => (await account.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queues.delivery, MaxNumberOfMessages: 10, VisibilityTimeout: 0, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }))).Messages ?? []
    const unreadable = (await take()).filter(({ Body = '' }) => !Body.startsWith('{')).map(({ MessageId = '', ReceiptHandle = '', Body = '' }) => ({ messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, attributes: { ApproximateReceiveCount: '1' } }))
    assert.deepEqual(await engine.answerBatch('delivery', unreadable, async () => assert.fail('no note'), { maxReceives: 5 }), unreadable.map(({ messageId }) => messageId))
    await take()
    await until('both are among the dead', async () => (await engine.queue.list('delivery')).items.filter(({ state }) => state === 'dead').length === 2)
    const { items } = await engine.queue.list('delivery')
    assert.match(items.find(({ id }) => id === 'never answered')?.reason ?? '', /never answered/)
    assert.equal(text(items.find(({ id }) => id !== 'never answered')?.body), 'what is this?')
    for (const { id } of items) assert.equal(await engine.queue.drop('delivery', id), true)
  })

  it('hands a note out again that could not be deleted, and one whose rest could not be lengthened', async () => {
    const consume = (handler: NoteHandler) => engine.queue.consume('inbound', { batchNotes: 10, concurrency: 1, visibilityMs: 1000, maxReceives: 5 }, handler)
    await engine.queue.send('inbound', [{ id: 'sticky', body: bytes('s') }])
    on('DeleteMessageBatch', 2, { before: throttled })
    let handled = 0
    const first = consume(async (notes) => (handled++, notes.map(() => done)))
    await until('it came twice', () => handled >= 2)
    await first.stop()
    on('ChangeMessageVisibilityBatch', Infinity, { before: throttled })
    await engine.queue.send('inbound', [{ id: 'restless', body: bytes('r') }])
    let failures = 0
    const second = consume(async (notes) => notes.map(() => (failures++ === 0 ? { kind: 'failed', reason: 'once' } : done)))
    await until('it came again', () => failures >= 2)
    await second.stop()
  })

  it('rings across tasks, bears a lost bell and one that comes twice, and forgets tasks that are gone', async () => {
    const [one, other] = [await account.open({ clock, settings: { bellMs: 60_000 } }), await account.open({ clock })]
    let heard = 0
    const stop = one.bell.listen('anna', () => heard++)
    await one.settled()
    other.bell.ring('anna')
    other.bell.ring('bert')
    await until('it is heard', () => heard === 1)
    const [row] = (await engine.table.range({ partition: '~bell/anna' })).items
    const { url } = JSON.parse(text(row?.value) ?? '{}') as { url: string }
    // The same message twice, and one that is none.
    for (const MessageBody of ['["anna"]', '["anna"]', 'nonsense']) await account.clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody }))
    await until('it is heard again', () => heard >= 2)
    // Lost on the way: whoever rings is not told.
    on('SendMessage', Infinity, { before: brokenLine })
    engine.bell.ring('anna')
    await engine.settled()
    faults.plan = () => undefined
    // A task that ended without a word leaves its row until the time is over, or its queue is found gone.
    stop()
    await one.close()
    await engine.table.commit([{ put: { partition: '~bell/anna', sort: 'dead' }, value: Buffer.from(JSON.stringify({ url, until: clock.now() + 60_000 })) }, { put: { partition: '~bell/bert', sort: 'old' }, value: Buffer.from(JSON.stringify({ url, until: clock.now() - 1 })) }])
    engine.bell.ring('anna')
    engine.bell.ring('bert')
    await engine.settled()
    for (const name of ['anna', 'bert']) assert.deepEqual((await engine.table.range({ partition: `~bell/${name}` })).items, [])
    await other.close()
  })
})
