import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { openBody, readMetadata, readWhole } from '#lib/mail/mailbox/read.ts'
import { findOnly, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const crlf = (text: string) => text.replaceAll('\n', '\r\n')
const message = 'From: Anna <anna@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Tue, 24 Nov 2026 12:00:00 +0000\n\nHello\n'

async function* inPieces(bytes: Uint8Array, size = 10_007): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

async function openAnna(setting: Setting = makeSetting()) {
  const account = await setting.store().open('anna')
  const whole = async () => assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
  return { setting, account, inbox: inboxOf(account.state).id, whole, blobs: () => setting.engine.kept.size }
}

test('a message comes out as it went in, with the prefix before it and CRLF line ends', async () => {
  const { account, inbox, whole } = await openAnna()
  const headerPrefix = Buffer.from('Delivered-To: anna@example.org\r\n')
  assert.deepEqual(await appendMessage(account, { mailboxId: inbox, flags: ['\\Seen'], content: Buffer.from(message), headerPrefix, internalDate: 5000 }), { uid: 1, uidValidity: inboxOf(account.state).uidValidity, duplicate: false })
  await appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(crlf(message)), crlf: true })
  assert.equal(Buffer.from(await readWhole(account, inbox, 1)).toString(), `${headerPrefix.toString()}${crlf(message)}`)
  assert.equal(Buffer.from(await readWhole(account, inbox, 2)).toString(), crlf(message))
  assert.equal(inboxOf(account.state).internalDateAt(0), 5000)
  assert.equal(inboxOf(account.state).sizeAt(1), crlf(message).length)
  const subjects: (string | null)[] = []
  for await (const { metadata } of readMetadata(account, inbox, [1, 2, 7])) subjects.push(metadata.envelope.subject)
  assert.equal(subjects.length, 2)
  assert.equal(subjects[0], subjects[1])
  await whole()
})

test('a large message passes through in chunks, and any stretch of it can be read', async () => {
  const { account, inbox, whole } = await openAnna()
  const text = crlf(message + 'x'.repeat(75).concat('\n').repeat(20_000))
  await appendMessage(account, { mailboxId: inbox, flags: [], content: inPieces(Buffer.from(text)), crlf: true })
  await appendMessage(account, { mailboxId: inbox, flags: [], content: inPieces(Buffer.from(text.replaceAll('\r\n', '\n'))) })
  for (const uid of [1, 2]) {
    const body = await openBody(account, inbox, uid)
    assert.equal(body.sizeBytes, text.length)
    assert.equal(await gather(body.read()), text)
    assert.equal(await gather(body.read(100, 50)), text.slice(100, 150))
    assert.equal(await gather(body.read(text.length - 3, 50)), text.slice(-3))
  }
  await whole()
})

test('metadata too large for an entry is a blob of its own', async () => {
  const { account, inbox, whole, blobs } = await openAnna()
  const names = Array.from({ length: 4000 }, (_, at) => `${hash('sha256', String(at), 'hex').slice(0, 40)}@e.example`)
  const content = Buffer.from(crlf(`To: ${names.join(',\n ')}\nSubject: many\n\nbody\n`))
  await appendMessage(account, { mailboxId: inbox, flags: [], content, crlf: true })
  assert.equal(blobs(), 2)
  const { metadata } = await findOnly(readMetadata(account, inbox, [1]))
  assert.equal(metadata.envelope.to?.length, names.length)
  await whole()
})

test('nothing is left of a message that is refused, or was there already', async () => {
  const { account, inbox, blobs } = await openAnna()
  await appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(message), deliveryId: 'd1' })
  assert.equal((await appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(message), deliveryId: 'd1' })).duplicate, true)
  const both = await Promise.all([1, 2].map(() => appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(message), deliveryId: 'd2' })))
  assert.deepEqual(both.map(({ duplicate }) => duplicate), [false, true])
  await assert.rejects(appendMessage(account, { mailboxId: 'F99', flags: [], content: Buffer.from(message) }), { code: 'NONEXISTENT' })
  const quotaBytes = account.state.usedBytes + 600_000
  await assert.rejects(appendMessage(account, { mailboxId: inbox, flags: [], content: inPieces(Buffer.alloc(700_000, 'x\r\n')), crlf: true, quotaBytes }), { code: 'OVERQUOTA' })
  assert.equal(blobs(), 2)
})

test('a source that fails in the middle leaves no message and no blob', async () => {
  const { account, inbox, blobs, whole } = await openAnna()
  async function* failing() {
    yield* inPieces(Buffer.alloc(700_000, 'x\r\n'))
    throw new Error('connection lost')
  }
  await assert.rejects(appendMessage(account, { mailboxId: inbox, flags: [], content: failing(), crlf: true }), /connection lost/)
  assert.deepEqual([inboxOf(account.state).count, blobs()], [0, 0])
  await whole()
})

test('an entry whose commit failed in an unknown way keeps its blob, and the repeated delivery is filed once', async () => {
  const { setting, account, inbox, whole } = await openAnna()
  const append = () => appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(message), deliveryId: 'd1' })
  const { table } = setting.engine
  const commit = table.commit.bind(table)
  // The row is written, the answer is lost.
  table.commit = async (changes) => {
    await commit(changes)
    table.commit = commit
    throw new Error('timeout')
  }
  await assert.rejects(append(), /timeout/)
  assert.equal((await append()).duplicate, true)
  await account.refresh()
  assert.equal(inboxOf(account.state).count, 1)
  assert.equal(Buffer.from(await readWhole(account, inbox, 1)).toString(), crlf(message))
  await whole()
})
