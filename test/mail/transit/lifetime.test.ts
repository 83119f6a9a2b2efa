import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releaseContent, releaseLater, shareContent } from '#lib/mail/transit/lifetime.ts'
import { decodeNote } from '#lib/mail/transit/note.ts'
import type { Content, ReleaseNote } from '#lib/mail/transit/note.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'

const large: Content = { blob: { key: 'transit/Q', offset: 0, length: 3, codec: 'identity', sizeBytes: 3 } }

async function open() {
  const engine = memoryEngine()
  await engine.blobs.put('transit/Q', Buffer.from('abc'))
  const release = async (holder: string) => {
    const [following] = releaseLater(large, holder, 1000, 500)
    assert.ok(following !== undefined)
    await releaseContent(engine, decodeNote(following.note.body, 'release'))
  }
  return { engine, release, there: () => engine.kept.has('transit/Q') }
}

test('the blob goes with the last of its holders', async () => {
  const { engine, release, there } = await open()
  await shareContent(engine.table, large, ['Q.1', 'Q.2', 'Q.3'])
  for (const holder of ['Q', 'Q.2', 'Q.1']) await release(holder)
  assert.ok(there())
  await release('Q.3')
  assert.ok(!there())
})

test('the blob of a note that never shared it goes with that note', async () => {
  const { release, there } = await open()
  await release('Q')
  assert.ok(!there())
})

test('sharing and releasing may be repeated', async () => {
  const { engine, release, there } = await open()
  for (let n = 0; n < 2; n++) await shareContent(engine.table, large, ['Q.1', 'Q.2'])
  for (let n = 0; n < 3; n++) await release('Q.1')
  assert.ok(there())
  for (let n = 0; n < 2; n++) await release('Q.2')
  assert.ok(!there())
})

test('holders of one blob are not those of another', async () => {
  const { engine, release, there } = await open()
  await shareContent(engine.table, { blob: { key: 'transit/Q2', offset: 0, length: 3, codec: 'identity', sizeBytes: 3 } }, ['Q2.1'])
  await release('Q')
  assert.ok(!there())
})

test('hundreds of holders fit, and commits stay within their limit', async () => {
  const { engine, release, there } = await open()
  const ids = Array.from({ length: 250 }, (_, n) => `Q.${n}`)
  await shareContent(engine.table, large, [...ids, ...ids])
  assert.equal(engine.calls.commit, 3)
  for (const id of ids) {
    assert.ok(there())
    await release(id)
  }
  assert.ok(!there())
})

test('a release comes late and names its message', () => {
  const [following, ...others] = releaseLater(large, 'Q.X', 1000, 500)
  assert.deepEqual([following?.queue, following?.note.id, following?.note.notBefore, others.length], ['inbound', 'Q.X-release', 1500, 0])
  const release: ReleaseNote = { kind: 'release', queueId: 'Q', blobKey: 'transit/Q', holder: 'Q.X' }
  assert.deepEqual(decodeNote(following?.note.body ?? Buffer.alloc(0), 'release'), release)
})

test('content inside the note needs none of it', async () => {
  const { engine } = await open()
  const inline: Content = { inline: Buffer.from('abc'), codec: 'identity', sizeBytes: 3 }
  await shareContent(engine.table, inline, ['Q.1'])
  assert.equal(engine.calls.commit, 0)
  assert.deepEqual(releaseLater(inline, 'Q.1', 0, 0), [])
})
