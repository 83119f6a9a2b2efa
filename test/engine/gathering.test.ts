import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { Gathering } from '#lib/engine/embedded/gathering.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { until } from './contract/setup.ts'

/** A gathering of at most 1000 ms to which notes have come at these times. */
function after(...times: number[]): Gathering {
  const gathering = new Gathering(1000)
  for (const time of times) gathering.arrived(time)
  return gathering
}

test('a note that comes alone waits for nobody', () => {
  assert.equal(after(5000).waitMs(5000), 0)
  assert.equal(after(5000, 5100).waitMs(5100), 0)
})

test('notes close behind each other wait until none came for a moment', () => {
  const gathering = after(5000, 5010, 5020)
  assert.ok(gathering.waitMs(5020) > 0)
  assert.ok(gathering.waitMs(5040) > 0)
  assert.equal(gathering.waitMs(5041), 0)
})

test('however many come, none waits longer than the time given', () => {
  const gathering = after(...Array.from({ length: 200 }, (_, index) => 5000 + 10 * index))
  assert.equal(gathering.waitMs(6990), 0)
  assert.ok(after(5000, 5010).waitMs(5010) <= 1000)
  assert.equal(new Gathering(0).waitMs(0), 0)
})

test('released, notes go out until none is left, then they may gather anew', () => {
  const gathering = after(5000, 5010)
  gathering.release()
  gathering.arrived(5011)
  assert.equal(gathering.waitMs(5011), 0)
  gathering.emptied()
  assert.equal(gathering.waitMs(5011), 0)
  gathering.arrived(5012)
  assert.ok(gathering.waitMs(5012) > 0)
})

test('a clock that is set back keeps nothing waiting', () => {
  assert.equal(after(5000, 5010).waitMs(1000), 0)
})

test('the queue hands out what has gathered in few batches, and a stop leaves what gathers where it is', async (context) => {
  let now = Date.now()
  const directory = await mkdtemp(join(tmpdir(), 'pennypost-gathering-'))
  const engine = await openEmbeddedEngine({ directory, clock: { ...systemClock, now: () => now }, log: makeLog(() => undefined, { now: () => now }), settings: { inlineBlobBytes: 1024, backOffFirstMs: 1, backOffMostMs: 1 } })
  context.after(async () => {
    await engine.close()
    await rm(directory, { recursive: true })
  })
  const batches: number[] = []
  const consumer = engine.queue.consume('inbound', { batchNotes: 10, concurrency: 4, visibilityMs: 60_000, maxReceives: 3, gatherMs: 1000 }, async (notes) => {
    batches.push(notes.length)
    return notes.map(() => ({ kind: 'done' }))
  })
  const send = async (id: string) => await engine.queue.send('inbound', [{ id, body: Buffer.from(id) }])
  await send('before the queue is claimed')
  await until('it is handed out', () => batches.length === 1)
  await send('alone')
  await until('it is handed out', () => batches.length === 2)
  for (let index = 0; index < 30; index++) await send(`n${index}`)
  assert.deepEqual(batches, [1, 1])
  now += 1000
  await until('all are handed out', () => batches.reduce((sum, count) => sum + count, 0) === 32)
  // Three full ones, or four when some notes are looked up in LMDB again.
  assert.ok(batches.length <= 6, batches.join(' '))
  await until('all are done', async () => (await engine.queue.list('inbound')).items.length === 0)
  await send('close')
  await send('behind')
  await consumer.stop()
  assert.deepEqual((await engine.queue.list('inbound')).items.map(({ state }) => state).slice(-1), ['waiting'])
})
