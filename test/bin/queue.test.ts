/** `pennypost queue`, as an operator runs it on a data directory. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { decodeAnyNote, encodeNote } from '#lib/mail/transit/note.ts'
import type { OutboundNote } from '#lib/mail/transit/note.ts'
import { Program } from './program.ts'
import type { Ran } from './program.ts'

const program = new Program()
const receivedAt = Date.UTC(2026, 10, 24, 12)
const later = Date.now() + 3600_000

function note(queueId: string, more: Partial<OutboundNote> = {}): OutboundNote {
  const last = { status: 'deferred', enhancedCode: '4.2.1', reply: '450 4.2.1 come back\nlater', host: 'mx.remote.example', at: receivedAt } as const
  const recipients = [{ address: 'a@remote.example', last }, { address: 'b@remote.example' }]
  return { kind: 'outbound', queueId, receivedAt, envelope: { mailFrom: 'anna@ours.example', recipients }, client: {}, content: { inline: Buffer.from('x'), codec: 'identity', sizeBytes: 1 }, attempts: 3, recipients, ...more }
}

async function inEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }), settings: defaultConfig().engine })
  return await work(engine).finally(() => engine.close())
}

before(async () => {
  await program.run(['domain', 'add', 'ours.example'])
  await inEngine(async ({ queue, blobs }) => {
    await blobs.put('transit/BIG', Buffer.from('big'))
    await queue.send('outbound', [
      { id: 'ONE.A', body: encodeNote(note('ONE')), notBefore: later },
      { id: 'BIG.B', body: encodeNote(note('BIG', { receivedAt: receivedAt + 1000, content: { blob: { key: 'transit/BIG', offset: 0, length: 3, codec: 'identity', sizeBytes: 3 } } })), notBefore: later },
    ])
    await queue.send('delivery', [{ id: 'ODD', body: Buffer.from([1, 2, 3]), notBefore: later }])
  })
})
after(() => program.remove())

const run = (...words: string[]): Promise<Ran> => program.run(['queue', ...words])
interface Shown { readonly id: string; readonly state: string; readonly next?: string; readonly why?: string; readonly since: string; readonly tries: number; readonly from: string; readonly to: { readonly address: string; readonly status?: string }[] }
const listed = async (): Promise<Shown[]> => (await run('list', '--json')).json<Shown[]>()

test('list tells what waits, why, since when and when next, and hides nothing that cannot be read', async () => {
  const [one, big, odd] = await listed()
  assert.deepEqual([one?.id, one?.state, one?.why, one?.since, one?.tries, one?.from], ['ONE.A', 'waiting', '450 4.2.1 come back later', '2026-11-24 12:00:00Z', 3, 'anna@ours.example'])
  assert.ok(one?.next !== undefined)
  assert.equal(big?.id, 'BIG.B')
  assert.deepEqual([odd?.id, odd?.from], ['ODD', '(cannot be read)'])
  assert.match((await run('list')).stdout, /^ONE\.A +outbound +waiting .*a@remote\.example, b@remote\.example +450 4\.2\.1 come back later$/m)
})

test('show tells the fate of each recipient, by the queue id or the id of the note', async () => {
  const [byQueueId, byNote] = await Promise.all([run('show', 'ONE'), run('show', 'ONE.A')])
  assert.equal(byQueueId.stdout, byNote.stdout)
  assert.match(byNote.stdout, /^ {2}to a@remote\.example: deferred \(mx\.remote\.example: 450 4\.2\.1 come back later\)$/m)
  assert.match(byNote.stdout, /^ {2}to b@remote\.example: not tried yet$/m)
  const missing = await run('show', 'NONE')
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /nothing with the id NONE/)
})

test('hold keeps a message until it is retried', async () => {
  assert.equal((await run('hold', 'ONE')).code, 0)
  const held = (await listed()).find(({ id }) => id === 'ONE.A')
  assert.deepEqual([held?.state, held?.next], ['held', undefined])
  assert.equal((await run('retry', 'ONE')).code, 0)
  const due = await inEngine(({ queue }) => queue.find('outbound', 'ONE.A'))
  assert.equal(due?.state, 'waiting')
  assert.ok((due?.dueAt ?? Infinity) <= Date.now())
})

test('drop forgets a message, and its content in Blobs is given back', async () => {
  assert.equal((await run('drop', 'BIG')).code, 0)
  assert.deepEqual((await listed()).map(({ id }) => id), ['ONE.A', 'ODD'])
  const releases = await inEngine(async ({ queue }) => (await queue.list('inbound')).items.map(({ body }) => decodeAnyNote(body)))
  assert.deepEqual(releases, [{ kind: 'release', queueId: 'BIG', blobKey: 'transit/BIG', holder: 'BIG.B' }])
})

test('"all" means every message, the odd one too', async () => {
  assert.equal((await run('hold', 'all')).code, 0)
  assert.deepEqual((await listed()).map(({ state }) => state), ['held', 'held'])
  assert.equal((await run('drop', 'all')).code, 0)
  assert.match((await run('list')).stdout, /nothing waits/)
})
