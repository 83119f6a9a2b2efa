import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { NewNote } from '#lib/engine/ports.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { MessageRefusal } from '#lib/mail/inbound/accept.ts'
import { submitMessage } from '#lib/mail/outbound/submit.ts'
import type { SubmitDeps, SubmittedMessage } from '#lib/mail/outbound/submit.ts'
import { inlineLimitBytes, readContent } from '#lib/mail/transit/content.ts'
import { decodeAnyNote } from '#lib/mail/transit/note.ts'
import type { InboundNote, OutboundNote } from '#lib/mail/transit/note.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'
import { bothPass, ours, verify } from './signing.ts'

const at = Date.UTC(2026, 10, 24, 8, 5, 9)
const account: Account = { id: 'A1', address: 'alice@ours.test', domain: 'ours.test', disabled: false, quotaBytes: null, createdAt: 0, name: 'Alice' }
const own = ['alice@ours.test', 'alice+list@ours.test', 'team@ours.test', 'jürgen@ours.test']

function openPlace(extra: Partial<SubmitDeps> = {}) {
  const engine = memoryEngine()
  const sent: { queue: string; note: NewNote }[] = []
  const events: LogEvent[] = []
  const deps: SubmitDeps = {
    queue: { send: async (queue, notes) => void sent.push(...notes.map((note) => ({ queue, note }))) },
    blobs: engine.blobs,
    clock: { now: () => at },
    log: makeLog((event) => events.push(event), { now: () => at }),
    hostname: 'mx.ours.test',
    directory: {
      domain: async (name) => (name === 'ours.test' ? ours : undefined),
      maySendAs: async ({ id }, address) => id === 'A1' && own.includes(address),
      resolveRecipient: async (address) => ({ kind: address.endsWith('@ours.test') ? 'account' : 'remote' }),
    },
    config: defaultConfig(),
    ...extra,
  }
  return { deps, engine, sent, events }
}
type Place = ReturnType<typeof openPlace>

async function* stream(...texts: (string | Buffer)[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text
}

function submitted(content: AsyncIterable<Uint8Array>, envelope: Partial<SubmittedMessage['envelope']> = {}): SubmittedMessage {
  return { queueId: 'Q1', envelope: { mailFrom: 'alice@ours.test', recipients: [{ address: 'carol@remote.test' }], ...envelope }, client: { address: '192.0.2.1' }, content, headerPrefix: 'Received: by mx.ours.test\r\n', account }
}

function noteIn({ sent }: Place): InboundNote | OutboundNote {
  const note = decodeAnyNote(sent[0]?.note.body ?? Buffer.alloc(0))
  if (note.kind !== 'inbound' && note.kind !== 'outbound') throw new Error(note.kind)
  return note
}

async function messageIn(place: Place): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readContent(place.engine.blobs, noteIn(place).content)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function submit(text: string, envelope: Partial<SubmittedMessage['envelope']> = {}, extra: Partial<SubmitDeps> = {}) {
  const place = openPlace(extra)
  assert.deepEqual(await submitMessage(place.deps, submitted(stream(text), envelope)), { queueId: 'Q1' })
  return { place, note: noteIn(place), text: (await messageIn(place)).toString() }
}

const unsigned = (text: string) => text.replace(/^DKIM-Signature:.*\r\n(?:\t.*\r\n)*/gm, '')

test('a message is completed, signed and queued for other servers', async () => {
  const { place, note, text } = await submit('From: alice@ours.test\r\nTo: carol@remote.test\r\nBcc: dora@remote.test,\r\n eve@remote.test\r\nSubject: x\r\n\r\nhello\r\n')
  assert.equal(unsigned(text), 'Received: by mx.ours.test\r\nFrom: alice@ours.test\r\nTo: carol@remote.test\r\nSubject: x\r\nDate: Tue, 24 Nov 2026 08:05:09 +0000\r\nMessage-ID: <Q1@ours.test>\r\n\r\nhello\r\n')
  assert.ok(text.startsWith('Received: by mx.ours.test\r\nDKIM-Signature: v=1;'))
  assert.deepEqual(await verify(Buffer.from(text)), bothPass)
  assert.deepEqual([place.sent[0]?.queue, place.sent[0]?.note.id, place.sent.length, place.engine.kept.size], ['outbound', 'Q1', 1, 0])
  const { content, ...rest } = note
  assert.ok('inline' in content)
  assert.deepEqual(rest, { kind: 'outbound', queueId: 'Q1', receivedAt: at, envelope: { mailFrom: 'alice@ours.test', recipients: [{ address: 'carol@remote.test' }] }, client: { address: '192.0.2.1', accountId: 'A1' }, attempts: 0, recipients: [{ address: 'carol@remote.test' }], submission: { messageId: 'Q1@ours.test', told: false } })
})

test('mail among our users needs no look-up, and is known as theirs', async () => {
  const { place, note } = await submit('From: alice@ours.test\r\n\r\nx\r\n', { recipients: [{ address: 'bob@ours.test' }, { address: 'unknown@ours.test' }] })
  assert.equal(place.sent[0]?.queue, 'inbound')
  assert.deepEqual([note.kind, note.client.accountId, 'attempts' in note], ['inbound', 'A1', false])
})

test('one remote recipient among local ones: one note, so that one send is atomic', async () => {
  const { place } = await submit('From: alice@ours.test\r\n\r\nx\r\n', { recipients: [{ address: 'bob@ours.test' }, { address: 'carol@remote.test' }] })
  assert.deepEqual(place.sent.map(({ queue, note }) => [queue, note.id]), [['outbound', 'Q1']])
})

test('a text without a header gets one, in front of all of it', async () => {
  const { text } = await submit('Hello Carol,\r\n\r\nX: y\r\n')
  assert.equal(unsigned(text), 'Received: by mx.ours.test\r\nFrom: Alice <alice@ours.test>\r\nDate: Tue, 24 Nov 2026 08:05:09 +0000\r\nMessage-ID: <Q1@ours.test>\r\n\r\nHello Carol,\r\n\r\nX: y\r\n')
  assert.deepEqual(await verify(Buffer.from(text)), bothPass)
})

test('a missing From is the envelope\'s, so that an alias does not tell who is behind it', async () => {
  assert.match((await submit('Subject: x\r\n\r\n', { mailFrom: 'team@ours.test' })).text, /^From: Alice <team@ours\.test>\r\n/m)
  assert.match((await submit('Subject: x\r\n\r\n', { mailFrom: '' })).text, /^From: Alice <alice@ours\.test>\r\n/m)
})

for (const [what, message] of Object.entries({ 'an empty message': '', 'an empty line': '\r\n', 'a header alone': 'From: alice@ours.test\r\n', 'a header and its empty line': 'From: alice@ours.test\r\n\r\n', 'a body without a line end': 'From: alice@ours.test\r\n\r\nx' })) {
  test(`${what} is signed well`, async () => {
    const { text } = await submit(message)
    assert.deepEqual(await verify(Buffer.from(text)), bothPass)
    assert.match(text, /^From: [^]*\r\n\r\n/m)
  })
}

const refusals: readonly (readonly [what: string, header: string, code: string])[] = [
  ['another user of ours in From', 'From: bob@ours.test\r\n', '5.7.1'],
  ['a stranger in From', 'From: bob@remote.test\r\n', '5.7.1'],
  ['the own address as a name before another', 'From: "alice@ours.test" <bob@ours.test>\r\n', '5.7.1'],
  ['a second author', 'From: alice@ours.test, bob@ours.test\r\n', '5.7.1'],
  ['another user of ours in Sender', 'From: alice@ours.test\r\nSender: bob@ours.test\r\n', '5.7.1'],
  ['a Sender that readers may read in two ways', 'From: alice@ours.test\r\nSender: <alice@ours.test<bob@ours.test>\r\n', '5.6.0'],
  ['a From that readers may read in two ways', 'From: <alice@ours.test<bob@ours.test>\r\n', '5.6.0'],
  ['two From fields', 'From: alice@ours.test\r\nFrom: alice@ours.test\r\n', '5.6.0'],
  ['two From fields, one in the obsolete form', 'From: alice@ours.test\r\nfrom : bob@ours.test\r\n', '5.6.0'],
  ['a From without an address', 'From: Alice\r\n', '5.6.0'],
  ['a line that is no field', 'From: alice@ours.test\r\nwhat is this\r\n', '5.6.0'],
]
for (const [what, header, code] of refusals) {
  test(`${what} is refused, and nothing is left`, async () => {
    const place = openPlace()
    await assert.rejects(submitMessage(place.deps, submitted(stream(`${header}Subject: x\r\n\r\nbody\r\n`))), (error: unknown) => error instanceof MessageRefusal && error.code === (code === '5.7.1' ? 550 : 554) && error.enhancedCode === code && /^[\x20-\x7e]+$/.test(error.text))
    assert.deepEqual([place.sent.length, place.engine.kept.size], [0, 0])
  })
}

for (const [what, header] of Object.entries({ 'an alias': 'From: Team <team@ours.test>\r\n', 'a sub-address': 'From: alice+list@ours.test\r\n', 'an address in UTF-8': 'From: Jürgen <jürgen@ours.test>\r\n', 'a group of the own addresses': 'From: Us: alice@ours.test, team@ours.test;\r\n', 'a Sender at a machine of the client': 'From: alice@ours.test\r\nSender: alice@laptop.local\r\n' })) {
  test(`${what} of the user's passes`, async () => {
    const { text } = await submit(`${header}Subject: x\r\n\r\nbody\r\n`)
    assert.ok(text.includes(header))
    assert.deepEqual(await verify(Buffer.from(text)), bothPass)
  })
}

test('with submission.checkFrom off a stranger may stand in From, and gets no signature of ours', async () => {
  const config = { submission: { ...defaultConfig().submission, checkFrom: false } }
  const { text } = await submit('From: bob@remote.test\r\n\r\nx\r\n', {}, { config })
  assert.match(text, /^From: bob@remote\.test\r\nDate: .*\r\nMessage-ID: <Q1@remote\.test>\r\n/m)
  assert.doesNotMatch(text, /DKIM-Signature/)
  assert.doesNotMatch((await submit('From: nobody\r\n\r\nx\r\n', { mailFrom: 'bob@remote.test' }, { config })).text, /DKIM-Signature/)
})

test('a header section beyond the limit is refused before its end has come', async () => {
  const place = openPlace()
  let given = 0
  let ended = false
  async function* endless(): AsyncIterable<Uint8Array> {
    try {
      for (;;) {
        given += 1000
        yield Buffer.from(`${given === 1000 ? 'From: alice@ours.test\r\n' : ''}X-Long: ${'x'.repeat(990)}\r\n`)
      }
    } finally {
      ended = true
    }
  }
  await assert.rejects(submitMessage(place.deps, submitted(endless())), (error: unknown) => error instanceof MessageRefusal && error.code === 552)
  assert.ok(ended && given < 3 * defaultConfig().submission.maxHeaderBytes, `${given}`)
})

test('a header that comes octet by octet is the same header', async () => {
  const message = 'From: alice@ours.test\r\nBcc: x@y.example\r\nSubject: x\r\n\r\nbody \r\n\r\n'
  const place = openPlace()
  await submitMessage(place.deps, submitted(stream(...message)))
  assert.equal(unsigned((await messageIn(place)).toString()), unsigned((await submit(message)).text))
})

const noise = (bytes: number): Buffer => {
  let state = 1
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i % 78 === 76 ? 13 : i % 78 === 77 ? 10 : 33 + ((state = (state * 48271) % 2147483647) % 90))))
}

test('a large message goes through one blob, signed well', async () => {
  const place = openPlace()
  const body = noise(700_000)
  await submitMessage(place.deps, submitted(stream('From: alice@ours.test\r\n\r\n', body)))
  assert.deepEqual([...place.engine.kept.keys()], ['transit/Q1'])
  const message = await messageIn(place)
  assert.deepEqual(message.subarray(-body.length), body)
  assert.deepEqual(await verify(message), bothPass)
})

test('whatever fails, nothing is left behind and the fault is told', async () => {
  const large = () => stream('From: alice@ours.test\r\n\r\n', noise(700_000))
  const down = openPlace({ queue: { send: () => Promise.reject(new EngineUnavailableError('full')) } })
  await assert.rejects(submitMessage(down.deps, submitted(large())), EngineUnavailableError)
  assert.equal(down.engine.kept.size, 0)

  for (const failing of ['transit/Q1-unsigned', 'transit/Q1']) {
    const full = openPlace()
    full.engine.before = async (call, key) => {
      if (call === 'put' && key === failing) throw new EngineUnavailableError('full')
    }
    await assert.rejects(submitMessage(full.deps, submitted(large())), EngineUnavailableError)
    assert.deepEqual([full.engine.kept.size, full.sent.length], [0, 0])
  }

  async function* broken() {
    yield* large()
    throw new Error('cut off')
  }
  const cut = openPlace()
  await assert.rejects(submitMessage(cut.deps, submitted(broken())), /cut off/)
  assert.deepEqual([cut.engine.kept.size, cut.sent.length], [0, 0])
})

test('a spent blob that cannot be deleted is logged, and the message goes its way', async () => {
  const place = openPlace()
  place.engine.before = async (call) => {
    if (call === 'delete') throw new EngineUnavailableError('later')
  }
  await submitMessage(place.deps, submitted(stream('From: alice@ours.test\r\n\r\n', noise(700_000))))
  assert.equal(place.sent.length, 1)
  assert.deepEqual(place.events.map(({ event, fields }) => [event, fields['key']]), [['blob-left-behind', 'transit/Q1-unsigned']])
})

test('a thousand recipients with long names still make one note', async () => {
  const place = openPlace()
  const recipients = Array.from({ length: 1000 }, (_, i) => ({ address: `u${i}@remote.test`, orcpt: `rfc822;${'x'.repeat(240)}` }))
  await submitMessage(place.deps, submitted(stream('From: alice@ours.test\r\n\r\n', noise(500_000)), { recipients }))
  assert.ok((place.sent[0]?.note.body.length ?? Infinity) < 900 * 1024)
  assert.deepEqual(await verify(await messageIn(place)), bothPass)
})

test('of 30 MB no more than the limit of what is held is ever in memory', async () => {
  const chunk = Buffer.from(`${'All work and no play makes a long message.'.repeat(23)}\r\n`.repeat(64))
  const chunks = Math.ceil((30 * 1024 * 1024) / chunk.length)
  let given = 0
  let written = 0
  let most = 0
  let head = ''
  let finalBytes = 0
  async function* body(): AsyncIterable<Uint8Array> {
    for (let i = 0; i < chunks; i++) yield chunk
  }
  async function* content(): AsyncIterable<Uint8Array> {
    yield Buffer.from('From: alice@ours.test\r\n\r\n')
    for await (const piece of body()) {
      given += piece.length
      most = Math.max(most, given - written)
      yield piece
    }
  }
  const { deps, sent } = openPlace()
  const blobs = {
    ...deps.blobs,
    async put(key: string, source: Uint8Array | AsyncIterable<Uint8Array>) {
      assert.ok(!(source instanceof Uint8Array))
      let sizeBytes = 0
      for await (const piece of source) {
        sizeBytes += piece.length
        if (key.endsWith('-unsigned')) written += piece.length
        else if (head === '') head = Buffer.from(piece).toString()
      }
      if (!key.endsWith('-unsigned')) finalBytes = sizeBytes
      return { key, sizeBytes, metadata: {} }
    },
    readStream: () => body(),
  }
  await submitMessage({ ...deps, blobs }, submitted(content()))
  assert.equal(sent.length, 1)
  assert.equal(written, chunks * chunk.length)
  assert.equal(finalBytes, head.length + written)
  assert.ok(most <= inlineLimitBytes + 2 * chunk.length, `${most} octets were held`)
  async function* whole() {
    yield Buffer.from(head)
    yield* body()
  }
  assert.deepEqual(await verify(Readable.from(whole())), bothPass)
})
