import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeLog } from '#lib/base/log.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Blobs, NewNote } from '#lib/engine/ports.ts'
import { acceptMessage, MessageRefusal } from '#lib/mail/inbound/accept.ts'
import type { AcceptDeps, ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import { readContent } from '#lib/mail/transit/content.ts'
import { decodeNote } from '#lib/mail/transit/note.ts'

function place(extra: Partial<AcceptDeps> = {}) {
  const kept = new Map<string, Buffer>()
  const sent: NewNote[] = []
  const blobs = {
    async put(key: string, source: Uint8Array | AsyncIterable<Uint8Array>) {
      const chunks: Uint8Array[] = []
      if (source instanceof Uint8Array) chunks.push(source)
      else for await (const chunk of source) chunks.push(chunk)
      kept.set(key, Buffer.concat(chunks))
      return { key, sizeBytes: Buffer.concat(chunks).length, metadata: {} }
    },
    async *readStream(key: string, offset = 0, length = Infinity) {
      yield (kept.get(key) ?? Buffer.alloc(0)).subarray(offset, offset + length)
    },
    async delete(key: string) {
      kept.delete(key)
    },
  } as Partial<Blobs> as Blobs
  const deps: AcceptDeps = {
    queue: { send: async (_queue, notes) => void sent.push(...notes) },
    blobs,
    clock: { now: () => 1000, sleep: async () => undefined },
    log: makeLog(() => undefined, { now: () => 0 }),
    ...extra,
  }
  return { deps, kept, sent }
}

async function* stream(...texts: (string | Buffer)[]) {
  for (const text of texts) yield Buffer.from(text as string, 'latin1')
}

function arriving(content: AsyncIterable<Uint8Array>, envelope: Partial<ArrivingMessage['envelope']> = {}): ArrivingMessage {
  return { queueId: 'Q1', envelope: { mailFrom: 'a@b.example', recipients: [{ address: 'anna@example.org' }], ...envelope }, client: { address: '192.0.2.1' }, content, headerPrefix: 'Received: x\r\n' }
}

async function whole(deps: AcceptDeps, note: NewNote | undefined): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readContent(deps.blobs, decodeNote(note?.body ?? new Uint8Array(), 'inbound').content)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

const large = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 7919) % 251))

test('a small message goes into its note, the Received line before it', async () => {
  const { deps, kept, sent } = place()
  assert.deepEqual(await acceptMessage(deps, arriving(stream('x: y\r\n', '\r\nbody\r\n'))), { queueId: 'Q1' })
  assert.equal(sent[0]?.id, 'Q1')
  assert.equal(await whole(deps, sent[0]), 'Received: x\r\nx: y\r\n\r\nbody\r\n')
  assert.equal(kept.size, 0)
})

test('a large message goes through Blobs', async () => {
  const { deps, kept, sent } = place()
  await acceptMessage(deps, arriving(stream(large)))
  assert.equal(kept.size, 1)
  assert.equal((await whole(deps, sent[0])).length, large.length + 13)
})

test('what the judge refuses leaves nothing behind', async () => {
  const { deps, kept, sent } = place({ judge: async () => ({ refuse: { code: 550, enhancedCode: '5.7.26', text: 'no' } }) })
  await assert.rejects(acceptMessage(deps, arriving(stream(large))), (error: unknown) => error instanceof MessageRefusal && error.code === 550 && error.enhancedCode === '5.7.26')
  assert.deepEqual([kept.size, sent.length], [0, 0])
})

test('what the judge found travels with the note', async () => {
  const { deps, sent } = place({ judge: async () => ({ forNote: { verdict: { draw: 7 } } }) })
  await acceptMessage(deps, arriving(stream('x')))
  assert.deepEqual(decodeNote(sent[0]?.body ?? new Uint8Array(), 'inbound').verdict, { draw: 7 })
})

test('a queue that is not there leaves nothing behind and is told', async () => {
  const { deps, kept } = place({ queue: { send: () => Promise.reject(new EngineUnavailableError('full')) } })
  await assert.rejects(acceptMessage(deps, arriving(stream(large))), EngineUnavailableError)
  assert.equal(kept.size, 0)
})

test('a message cut off leaves nothing behind', async () => {
  const { deps, kept, sent } = place()
  async function* broken() {
    yield large
    throw new Error('cut off')
  }
  await assert.rejects(acceptMessage(deps, arriving(broken())), /cut off/)
  assert.deepEqual([kept.size, sent.length], [0, 0])
})

test('a binary message is judged as it came and queued as text', async () => {
  let judged = ''
  const { deps, sent } = place({
    judge: async ({ content }) => {
      for await (const chunk of readContent(deps.blobs, content)) judged += Buffer.from(chunk).toString('latin1')
      return {}
    },
  })
  await acceptMessage(deps, arriving(stream('Content-Transfer-Encoding: binary\r\n\r\n\0'), { body: 'BINARYMIME' }))
  assert.equal(judged, 'Received: x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0')
  assert.equal(await whole(deps, sent[0]), 'Received: x\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n')
  assert.equal(decodeNote(sent[0]?.body ?? new Uint8Array(), 'inbound').envelope.body, '8BITMIME')
})

test('many recipients beside much content make the content a blob', async () => {
  const { deps, kept, sent } = place()
  const recipients = Array.from({ length: 1000 }, (_, i) => ({ address: `u${i}@example.org`, orcpt: `rfc822;${'x'.repeat(480)}` }))
  // Octets that do not compress, below the limit of what is held in a note.
  let state = 1
  const noise = Buffer.from(Array.from({ length: 480_000 }, () => (state = (state * 48271) % 2147483647) & 255))
  await acceptMessage(deps, arriving(stream(noise), { recipients }))
  assert.equal(kept.size, 1)
  assert.ok((sent[0]?.body.length ?? Infinity) < 900 * 1024)
  assert.equal((await whole(deps, sent[0])).length, noise.length + 13)
})
