import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { Environment } from '#lib/engine/embedded/environment.ts'
import { lmdbQueue } from '#lib/engine/embedded/lmdbQueue.ts'
import { Peers } from '#lib/engine/embedded/peers.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { NoteAnswer } from '#lib/engine/ports.ts'
import { until } from './contract/setup.ts'

const log = makeLog(() => undefined, { now: Date.now })

describe('The environment', () => {
  let directory: string
  let environment: Environment
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pennypost-environment-'))
    environment = new Environment(join(directory, 'data.mdb'), log)
  })
  after(async () => {
    await environment.close()
    await assert.rejects(environment.commit(() => true), EngineUnavailableError)
    await rm(directory, { recursive: true })
  })

  it('flushes many commits together', async () => {
    const before = environment.transactions
    await Promise.all(Array.from({ length: 500 }, async (_, index) => environment.commit((__, writes) => writes.put(`t${index}`, Buffer.alloc(1000)))))
    assert.ok(environment.transactions - before <= 3, `${environment.transactions - before} transactions`)
  })

  it('gives back every value as it was, whatever its first octet and its size, and keeps compressible ones in less room', async () => {
    const values = [0, 1, 249, 250, 253, 254, 255].flatMap((first) => [1, 2047, 2048, 2049, 100_000].map((bytes) => Buffer.concat([Buffer.from([first]), Buffer.alloc(bytes - 1, 'Subject: lunch\r\n')])))
    await environment.commit((_, writes) => values.forEach((value, index) => writes.put(`tvalue${index}`, value)))
    values.forEach((value, index) => assert.deepEqual(Buffer.from(environment.get(`tvalue${index}`) ?? []), value, `${value[0]}, ${value.length} octets`))
    const room = async () => (await stat(join(directory, 'data.mdb'))).size
    const before = await room()
    await environment.commit((_, writes) => {
      for (let index = 0; index < 100; index++) writes.put(`troom${index}`, Buffer.alloc(100_000, `Subject: lunch ${index}\r\n`))
    })
    assert.ok((await room()) - before < 5_000_000, `${(await room()) - before} octets for 10,000,000`)
  })

  it('lets each job see the writes of those before it and its own', async () => {
    const seen = await Promise.all([1, 2, 3].map(async (turn) => environment.commit((rows, writes) => {
      const before = rows.get('tseen')?.length
      writes.put('tseen', Buffer.alloc(turn))
      return [before, rows.get('tseen')?.length]
    })))
    assert.deepEqual(seen, [[undefined, 1], [1, 2], [2, 3]])
  })

  it('refuses a job that throws before it wrote, and no other', async () => {
    const [first, second, third] = await Promise.allSettled([
      environment.commit((_, writes) => writes.put('tone', Buffer.alloc(1))),
      environment.commit(() => {
        throw new RangeError('no')
      }),
      environment.commit((_, writes) => writes.put('tthree', Buffer.alloc(1))),
    ])
    assert.deepEqual([first.status, third.status], ['fulfilled', 'fulfilled'])
    assert.ok(second.status === 'rejected' && second.reason instanceof RangeError)
    assert.ok(environment.get('tone') && environment.get('tthree'))
  })

  it('rolls back a transaction in which a job throws after it wrote', async () => {
    const outcomes = await Promise.allSettled([
      environment.commit((_, writes) => writes.put('tfour', Buffer.alloc(1))),
      environment.commit((_, writes) => {
        writes.put('tfive', Buffer.alloc(1))
        throw new RangeError('too late')
      }),
    ])
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason instanceof EngineUnavailableError))
    assert.equal(environment.get('tfour'), undefined)
    assert.equal(environment.get('tfive'), undefined)
    await environment.commit((_, writes) => writes.put('tsix', Buffer.alloc(1)))
    assert.ok(environment.get('tsix'))
  })

  it('hands out notes without a transaction, and answers a batch with one', async () => {
    const peers = await Peers.open(join(directory, 'peers'), log)
    const queue = lmdbQueue({ environment, peers, clock: systemClock, log, backOff: { firstMs: 100, mostMs: 100 } })
    await queue.send('inbound', Array.from({ length: 10 }, (_, index) => ({ id: String(index), body: Buffer.alloc(1000) })))
    const answer = Promise.withResolvers<NoteAnswer>()
    let handed = 0
    let atHandOut = 0
    const before = environment.transactions
    const consumer = queue.consume('inbound', { batchNotes: 10, concurrency: 1, visibilityMs: 60_000, maxReceives: 3 }, async (notes) => {
      handed += notes.length
      atHandOut = environment.transactions
      const one = await answer.promise
      return notes.map(() => one)
    })
    await until('they are handed out', () => handed === 10)
    assert.equal(atHandOut - before, 1, 'the claim of the queue')
    answer.resolve({ kind: 'done' })
    await until('they are done', async () => (await queue.list('inbound')).items.length === 0)
    assert.equal(environment.transactions - before, 2)
    await consumer.stop()
    await peers.close()
  })

  it('takes an answer with notes beyond their limits as failed', async () => {
    const peers = await Peers.open(join(directory, 'peers'), log)
    const queue = lmdbQueue({ environment, peers, clock: systemClock, log, backOff: { firstMs: 100, mostMs: 100 } })
    await queue.send('inbound', [{ id: 'n', body: Buffer.alloc(1) }])
    const consumer = queue.consume('inbound', { batchNotes: 10, concurrency: 1, visibilityMs: 60_000, maxReceives: 1 }, async (notes) => notes.map(() => ({ kind: 'done', then: [{ queue: 'outbound', note: { id: '', body: Buffer.alloc(1) } }] })))
    await until('it is dead', async () => (await queue.find('inbound', 'n'))?.state === 'dead')
    assert.match((await queue.find('inbound', 'n'))?.reason ?? '', /PortLimitError/)
    await consumer.stop()
    await peers.close()
  })
})
