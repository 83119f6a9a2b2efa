/** The index of an account: results with it are those without it, whatever happens to messages, blobs and other writers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseSearch } from '#lib/formats/imap/search.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { indexPrefix, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { sortMessages } from '#lib/mail/mailbox/sort.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { forgetIndexes } from '#lib/mail/mailbox/textIndex/forget.ts'
import { threadMessages } from '#lib/mail/mailbox/thread.ts'
import { cloneOf, inboxOf, makeSetting } from '../setting.ts'
import type { Setting } from '../setting.ts'

const seed = 20_261_125
/** Pieces of a few messages, and an index for any search. */
const indexed = { searchDirectly: 0, indexBatchMessages: 3, snapshotEntries: 0 }
/** The same account without an index, in which every message is looked at. */
async function unindexed(setting: Setting): Promise<AccountMail> {
  const clone = cloneOf(setting)
  for (const sort of [...rowsOf(clone).keys()]) if (sort.startsWith('index')) rowsOf(clone).delete(sort)
  return await clone.store({ searchDirectly: 1_000_000 }).open('anna')
}

async function append(account: AccountMail, content: string, internalDate?: number): Promise<void> {
  await appendMessage(account, { mailboxName: 'INBOX', content: Buffer.from(content), flags: [], ...(internalDate === undefined ? {} : { internalDate }) })
}

async function find(account: AccountMail, criteria: string, mailbox = 'INBOX'): Promise<readonly number[]> {
  const { key } = parseSearch(new Lexer(` ${Buffer.from(criteria).toString('latin1')}`), { depth: 20, keys: 50 })
  return (await searchMessages(account, { mailboxId: account.state.mailbox(mailbox)?.id ?? '', key, now: 0 })).uids
}

const blobsOf = ({ engine }: Setting) => [...engine.kept.keys()].filter((key) => key.startsWith(indexPrefix('anna')))
const rowsOf = ({ engine }: Setting) => engine.rows.get(partitionOf('anna')) ?? new Map<string, Uint8Array>()

const letter = (subject: string, body: string) => `From: Anna <anna@example.org>\r\nTo: bob@example.net\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\n${body}\r\n`

// ---------------------------------------------------------------- the same results

const words = ['hello', 'shell', 'yellow', 'x', 'annabel', 'größe', '漢字', '字典テスト', 'co-op', 'a.b@c.de', 'HELLO', 'long'.repeat(20), '👍']
const sentence = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(' '))
const message = fc.record({
  subject: sentence, body: sentence, from: fc.constantFrom('Anna <anna@example.org>', 'bob@example.net', '=?utf-8?q?J=C3=B6rg?= <j@example.org>'), kind: fc.constantFrom('plain', 'html', 'mixed', 'base64'),
}).map(({ subject, body, from, kind }) => {
  const head = `From: ${from}\r\nTo: carl@example.net\r\nSubject: ${subject}\r\nX-Note: ${body.slice(0, 10)}\r\nDate: Tue, 0${1 + (body.length % 9)} Feb 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n`
  if (kind === 'plain') return `${head}Content-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n`
  if (kind === 'html') return `${head}Content-Type: text/html; charset=utf-8\r\n\r\n<p>${body}</p><b>bo</b>ld\r\n`
  if (kind === 'base64') return `${head}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(body).toString('base64')}\r\n`
  return `${head}Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n--bb\r\nContent-Type: text/csv; name="invoice-${body.length}.csv"\r\nContent-Disposition: attachment\r\n\r\nrow;${body}\r\n--bb--\r\n`
})

const wanted = fc.oneof(fc.constantFrom('ell', 'hello', 'o', 'hello x', 'ello shel', '漢', '字典', '典テス', '字 ', 'a.b@c', 'invoice', 'invoice-1', 'csv', 'bold', 'größe', 'o\u0308ß', 'Jörg', 'jorg', '@example', 'example.org>', 'longlonglo', 'nglonglonglonglonglonglonglonglonglonglong', '', ' ', '👍', 'zzz'), sentence)
const criterion = fc.tuple(fc.constantFrom('TEXT', 'BODY', 'SUBJECT', 'FROM', 'TO', 'HEADER X-Note', 'HEADER Subject', 'NOT TEXT', 'OR SEEN BODY', 'SENTSINCE 4-Feb-2026 TEXT', 'UNSEEN BODY', 'OR FROM anna TEXT'), wanted).map(([key, text]) => `${key} "${text}"`)

test('Searches with the index find what a look at every message finds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 24 }), fc.array(criterion, { minLength: 1, maxLength: 6 }), fc.nat(), async (messages, criteria, cut) => {
      const setting = makeSetting(indexed)
      const account = await setting.store().open('anna')
      const { id } = inboxOf(account.state)
      const half = cut % (messages.length + 1)
      for (const content of messages.slice(0, half)) await append(account, content)
      // The index begins here, and grows.
      await find(account, criteria[0] ?? 'ALL')
      for (const content of messages.slice(half)) await append(account, content)
      await changeFlags(account, { mailboxId: id, uids: [1, 3], action: 'add', flags: ['\\Seen'] })
      await expungeMessages(account, { mailboxId: id, uids: [2], regardless: true })
      await moveMessages(account, { from: id, uids: [4, 5], to: account.state.mailbox('Archive')?.id ?? '' })
      const other = await unindexed(setting)
      for (const criteriaText of criteria) {
        for (const mailbox of ['INBOX', 'Archive']) assert.deepEqual(await find(account, criteriaText, mailbox), await find(other, criteriaText, mailbox), `${criteriaText} in ${mailbox}`)
      }
      assert.ok(rowsOf(setting).has('index-words') || messages.length < 6 || !criteria.some((one) => /TEXT|BODY|HEADER/.test(one)))
    }),
    { numRuns: 60, seed, interruptAfterTimeLimit: 12_000 },
  )
})

test('Sorts and threads with the index are those without it', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  for (let at = 0; at < 30; at++) {
    const date = at % 4 === 0 ? '' : `Date: Tue, ${String(28 - at % 27).padStart(2, '0')} Jan 2026 10:00:00 +0${at % 3}00\r\n`
    await append(account, `From: p${at % 7} <q${at % 5}@x>\r\n${date}Subject: ${at % 2 === 0 ? 'Re: ' : ''}s${at % 6}\r\nMessage-ID: <${at}@x>\r\nReferences: <${Math.floor(at / 3)}@x> <${at - 1}@x>\r\n\r\nx\r\n`, Date.UTC(2026, 0, 40 - at))
  }
  const other = await unindexed(setting)
  const mailboxId = inboxOf(account.state).id
  const uids = [...inboxOf(account.state).uids()]
  for (const by of ['ARRIVAL', 'DATE', 'FROM', 'SUBJECT', 'DISPLAYFROM', 'SIZE'] as const) {
    for (const order of [[{ by, reverse: false }], [{ by, reverse: true }, { by: 'DATE' as const, reverse: false }]]) assert.deepEqual(await sortMessages(account, { mailboxId, uids, order }), await sortMessages(other, { mailboxId, uids, order }), by)
  }
  for (const algorithm of ['ORDEREDSUBJECT', 'REFERENCES', 'REFS'] as const) {
    const request = { mailboxId, uids, algorithm, numberOf: (uid: number) => uid }
    assert.deepEqual(await threadMessages(account, request), await threadMessages(other, request), algorithm)
  }
})

// ---------------------------------------------------------------- growing, and what goes wrong

async function fill(account: AccountMail, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await append(account, letter(`s${at}`, `needle${at % 2 === 0 ? 'even' : 'odd'} n${at}n`))
}

test('An account in which nobody searches has no index, and one with few messages does not get one', async () => {
  const setting = makeSetting({ searchDirectly: 10 })
  const account = await setting.store().open('anna')
  await fill(account, 8)
  assert.deepEqual(await find(account, 'TEXT needleeven'), [1, 3, 5, 7])
  await sortMessages(account, { mailboxId: inboxOf(account.state).id, uids: [1, 2], order: [{ by: 'DATE', reverse: false }] })
  assert.deepEqual(blobsOf(setting), [])
  assert.deepEqual([...rowsOf(setting).keys()].filter((sort) => sort.startsWith('index')), [])
})

test('A search that state decides reads nothing', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 8)
  setting.engine.forgetCalls()
  assert.deepEqual(await find(account, 'OR UNSEEN TEXT needle'), [1, 2, 3, 4, 5, 6, 7, 8])
  const { get, range, read } = setting.engine.calls
  assert.deepEqual({ get, range, read }, { get: 0, range: 0, read: 0 })
})

test('Pieces of the index become few large ones, and what they replace is deleted', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  for (let round = 0; round < 16; round++) {
    await fill(account, 3)
    assert.equal((await find(account, 'BODY needle')).length, 3 * (round + 1))
  }
  assert.equal(blobsOf(setting).filter((key) => key.endsWith('words')).length, 1)
  // A process that comes later reads this one blob, not the messages.
  const later = await setting.store().open('anna')
  setting.engine.forgetCalls()
  assert.equal((await find(later, 'BODY needleeven')).length, 32)
  assert.equal(setting.engine.calls.read, 1)
})

test('Segments whose messages are mostly gone become small or go', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 48)
  assert.equal((await find(account, 'BODY needle')).length, 48)
  const before = blobsOf(setting).reduce((sum, key) => sum + (setting.engine.kept.get(key)?.bytes.length ?? 0), 0)
  await expungeMessages(account, { mailboxId: inboxOf(account.state).id, uids: Array.from({ length: 46 }, (_, at) => at + 1), regardless: true })
  for (let round = 0; round < 6; round++) {
    await fill(account, 3)
    assert.equal((await find(account, 'BODY needle')).length, 2 + 3 * (round + 1))
  }
  const after = blobsOf(setting).reduce((sum, key) => sum + (setting.engine.kept.get(key)?.bytes.length ?? 0), 0)
  assert.ok(after < before * 0.7, `${before} octets, then ${after}`)
})

test('A message that cannot be read is no reason to leave out the others', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 6)
  const second = [...setting.engine.kept.keys()].filter((key) => key.startsWith('mail/'))[1] ?? ''
  const kept = setting.engine.kept.get(second)
  setting.engine.kept.delete(second)
  assert.deepEqual(await find(account, '1 TEXT needleeven'.replace('1 ', 'UID 1,3:6 ')), [1, 3, 5])
  assert.ok(setting.events.some(({ event }) => event === 'message-not-indexed'))
  assert.ok(kept !== undefined)
  setting.engine.kept.set(second, kept)
  assert.deepEqual(await find(account, 'TEXT needleodd'), [2, 4, 6])
})

test('Two processes that build the index at once agree, and leave no blob behind', async () => {
  const setting = makeSetting(indexed)
  const accounts = await Promise.all([setting.store().open('anna'), setting.store().open('anna')])
  const [one, two] = accounts
  await fill(one, 10)
  await two.refresh()
  for (let round = 0; round < 5; round++) {
    const found = await Promise.all(accounts.map((account) => find(account, 'TEXT needleodd')))
    assert.deepEqual(found[0], found[1])
    await fill(round % 2 === 0 ? one : two, 4)
    await Promise.all(accounts.map((account) => account.refresh()))
  }
  const found = await Promise.all(accounts.map((account) => find(account, 'TEXT needleeven')))
  assert.deepEqual(found.map((uids) => uids.length), [15, 15])
  const wanted = new Set(blobsOf(setting))
  setting.clock.time += 90 * 24 * 60 * 60 * 1000
  assert.equal((await sweepAccount(one, { strays: true })).strays, 0)
  assert.deepEqual(new Set(blobsOf(setting)), wanted)
})

test('A damaged, missing or unknown index is built anew', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 7)
  const evens = [1, 3, 5, 7]
  assert.deepEqual(await find(account, 'TEXT needleeven'), evens)
  const damage: readonly (() => void)[] = [
    () => blobsOf(setting).forEach((key) => setting.engine.kept.delete(key)),
    () => blobsOf(setting).forEach((key) => setting.engine.kept.set(key, { info: { key, sizeBytes: 3, metadata: {} }, bytes: Buffer.from('\0xx') })),
    () => rowsOf(setting).set('index-words', Buffer.from('nonsense')),
    () => rowsOf(setting).delete('index-words'),
  ]
  for (const harm of damage) {
    harm()
    const later = await setting.store().open('anna')
    assert.deepEqual(await find(later, 'TEXT needleeven'), evens)
    assert.deepEqual(await find(later, 'FROM anna'), [1, 2, 3, 4, 5, 6, 7])
  }
  assert.ok(setting.events.some(({ event }) => event === 'index-unreadable'))
})

test('An index that is thrown away under a process that uses it is built anew by the next search', async () => {
  const setting = makeSetting({ ...indexed, indexCacheBytes: 0 })
  const account = await setting.store().open('anna')
  await fill(account, 7)
  assert.deepEqual(await find(account, 'TEXT needleeven'), [1, 3, 5, 7])
  assert.ok((await forgetIndexes(setting.engine, 'anna')) > 0)
  assert.deepEqual(await find(account, 'TEXT needleeven'), [1, 3, 5, 7])
  assert.notDeepEqual(blobsOf(setting), [])
  await forgetIndexes(setting.engine, 'anna')
  await fill(account, 4)
  assert.deepEqual(await find(account, 'OR TEXT needleeven FROM nobody'), [1, 3, 5, 7, 8, 10])
  assert.deepEqual(setting.events.filter(({ level }) => level === 'error'), [])
})

test('When the engine cannot be reached a search fails, and the next one has what it needs', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 9)
  for (const call of ['get', 'range', 'read', 'put', 'commit']) {
    let failures = 1
    setting.engine.before = async (name) => {
      if (name === call && failures-- > 0) throw new EngineUnavailableError(`no ${call}`)
    }
    const later = await setting.store().open('anna').catch(() => undefined)
    if (later !== undefined) await find(later, 'TEXT needleeven').catch(() => undefined)
    setting.engine.before = async () => undefined
    const again = later ?? (await setting.store().open('anna'))
    assert.deepEqual(await find(again, 'TEXT needleeven'), [1, 3, 5, 7, 9], call)
  }
})

test('A blob that a broken-off writing of the index has left is swept away, what is wanted stays', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await fill(account, 7)
  await find(account, 'TEXT needle')
  const wanted = blobsOf(setting)
  const stray = `${indexPrefix('anna')}0000000-words`
  await setting.engine.blobs.put(stray, Buffer.from('x'))
  setting.clock.time += 90 * 24 * 60 * 60 * 1000
  assert.equal((await sweepAccount(account, { strays: true })).strays, 1)
  assert.deepEqual(blobsOf(setting), wanted)
})

test('A deleted account leaves nothing of its index', async () => {
  const setting = makeSetting(indexed)
  const store = setting.store()
  const account = await store.open('anna')
  await fill(account, 7)
  await find(account, 'OR SUBJECT x TEXT needle')
  assert.notDeepEqual(blobsOf(setting), [])
  await store.deleteAccount('anna')
  assert.deepEqual(blobsOf(setting), [])
  assert.deepEqual([...rowsOf(setting).keys()].filter((sort) => sort.startsWith('index')), [])
})

test('What was looked at once is not looked at again, and new messages are', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  for (let at = 0; at < 6; at++) await append(account, letter(`s${at}`, at % 2 === 0 ? 'one two' : 'two one'))
  assert.deepEqual(await find(account, 'BODY "one two"'), [1, 3, 5])
  setting.engine.forgetCalls()
  assert.deepEqual(await find(account, 'BODY "one two"'), [1, 3, 5])
  assert.deepEqual(await find(account, 'NOT BODY "ONE two"'), [2, 4, 6])
  assert.equal(setting.engine.calls.read, 0)
  await append(account, letter('s7', 'one two'))
  await moveMessages(account, { from: inboxOf(account.state).id, uids: [3], to: account.state.mailbox('Archive')?.id ?? '' })
  assert.deepEqual(await find(account, 'BODY "one two"'), [1, 5, 7])
  setting.engine.forgetCalls()
  assert.deepEqual(await find(account, 'BODY "one two"', 'Archive'), [1])
  assert.equal(setting.engine.calls.read, 0)
})

test('Greek sigmas are one letter, so that parts of words are found', async () => {
  const setting = makeSetting(indexed)
  const account = await setting.store().open('anna')
  await append(account, 'Content-Type: text/plain; charset=utf-8\r\n\r\nΟΔΟΣΑ οδος\r\n')
  for (const text of ['ΟΔΟΣ', 'οδος', 'οδοσα', 'δοσ']) assert.deepEqual(await find(account, `BODY "${text}"`), [1], text)
})

test('Text beyond what is indexed of a message is found too', async () => {
  const setting = makeSetting({ ...indexed, indexMessageBytes: 2000 })
  const account = await setting.store().open('anna')
  await append(account, letter('short', 'nothing here'))
  await append(account, letter('long', `${'filler '.repeat(1000)} buried`))
  await append(account, letter('third', 'nothing'))
  assert.deepEqual(await find(account, 'BODY buried'), [2])
  assert.deepEqual(await find(account, 'TEXT nothing'), [1, 3])
})

test('The cache may be too small for anything', async () => {
  const setting = makeSetting({ ...indexed, indexCacheBytes: 0 })
  const account = await setting.store().open('anna')
  await fill(account, 20)
  assert.equal((await find(account, 'TEXT needleodd')).length, 10)
  assert.equal((await find(account, 'SUBJECT s1')).length, 11)
})
