import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeLog } from '#lib/base/log.ts'
import type { QueuedNote, QueueName } from '#lib/engine/ports.ts'
import { releaseLater, shareContent } from '#lib/mail/transit/lifetime.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { Content, InboundNote } from '#lib/mail/transit/note.ts'
import { sweepTransit } from '#lib/mail/transit/strays.ts'
import { SlowClock } from '#test/mail/accounts/stage.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'

const day = 24 * 3600 * 1000
const contentOf = (key: string): Content => ({ blob: { key, offset: 0, length: 1, codec: 'identity', sizeBytes: 1 } })

async function open() {
  const engine = memoryEngine()
  const clock = new SlowClock()
  const queued: Record<QueueName, QueuedNote[]> = { inbound: [], outbound: [], delivery: [] }
  const put = async (key: string, ageDays: number) => void (await engine.blobs.put(key, Buffer.from('x'), { receivedAt: new Date(clock.now() - ageDays * day).toISOString() }))
  const enqueue = (queue: QueueName, body: Uint8Array, state: QueuedNote['state'] = 'waiting') => void queued[queue].push({ id: `N${queued[queue].length}`, body, state, sentAt: 0, receives: 0 })
  const noteWith = (key: string): InboundNote => ({ kind: 'inbound', queueId: 'Q', receivedAt: 0, envelope: { mailFrom: '', recipients: [] }, client: {}, content: contentOf(key) })
  const deps = { ...engine, clock, afterMs: 14 * day, log: makeLog(() => undefined, { now: () => 0 }), queue: { list: async (queue: QueueName) => ({ items: queued[queue] }) } }
  return { engine, clock, queued, deps, put, enqueue, noteWith, left: () => [...engine.kept.keys()].sort() }
}

test('only old contents that no note names are given back, with the rows of their holders', async () => {
  const { engine, deps, put, enqueue, noteWith, left } = await open()
  for (const key of ['transit/lost', 'transit/dead', 'transit/released', 'transit/waiting', 'mail/a']) await put(key, 20)
  await put('transit/young', 13)
  await engine.blobs.put('transit/ageless', Buffer.from('x'))
  await shareContent(engine.table, contentOf('transit/lost'), Array.from({ length: 150 }, (_, n) => `Q.${n}`))
  enqueue('inbound', encodeNote(noteWith('transit/dead')), 'dead')
  enqueue('outbound', encodeNote(noteWith('transit/waiting')))
  for (const { note } of releaseLater(contentOf('transit/released'), 'Q.X', 0, 0)) enqueue('inbound', note.body)
  assert.equal(await sweepTransit(deps), 1)
  assert.deepEqual(left(), ['mail/a', 'transit/ageless', 'transit/dead', 'transit/released', 'transit/waiting', 'transit/young'])
  assert.equal(engine.rows.get('transit/transit/lost')?.size ?? 0, 0)
})

test('a note that goes from one queue to another meanwhile is seen', async () => {
  const { deps, put, enqueue, noteWith, left } = await open()
  await put('transit/moving', 20)
  let looks = 0
  const list = async (queue: QueueName) => {
    // Behind the look at `outbound` it is there, in front of the look at `delivery` it is gone again.
    if (++looks === 4) enqueue('outbound', encodeNote(noteWith('transit/moving')))
    return await deps.queue.list(queue)
  }
  assert.equal(await sweepTransit({ ...deps, queue: { list } }), 0)
  assert.deepEqual(left(), ['transit/moving'])
})

test('a note that cannot be read keeps everything', async () => {
  const { deps, put, enqueue, left } = await open()
  await put('transit/lost', 20)
  enqueue('delivery', Buffer.from([1, 2, 3]))
  await assert.rejects(sweepTransit(deps))
  assert.deepEqual(left(), ['transit/lost'])
})
