/** Messages that are filed together, and one that takes the place of another: all of it or nothing. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { appendMessage, appendMessages } from '#lib/mail/mailbox/append.ts'
import type { AppendRequest } from '#lib/mail/mailbox/append.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { stateLines } from '#lib/mail/mailbox/describe.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { readMetadata, readWhole } from '#lib/mail/mailbox/read.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { inboxOf, makeSetting } from './setting.ts'

async function openAnna() {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  const inbox = inboxOf(account.state).id
  return { setting, account, inbox, blobs: () => setting.engine.kept.size, sound: async () => assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, []) }
}

const content = (text: string, headerBytes = 0) => Buffer.from(`Subject: ${text}\r\n${headerBytes === 0 ? '' : `To: ${Array.from({ length: Math.ceil(headerBytes / 64) }, (_, at) => `${hash('sha256', `${text}${at}`, 'hex').slice(0, 40)}@example.org`).join(',\r\n ')}\r\n`}\r\n${text}\r\n`)

async function* inTurn(requests: readonly AppendRequest[], end?: Error): AsyncGenerator<AppendRequest> {
  yield* requests
  if (end !== undefined) throw end
}

test('a thousand messages with long headers are several entries, with UIDs in order, and every process sees all or none', async () => {
  const { setting, account, inbox, sound } = await openAnna()
  const other = await setting.store().open('anna')
  const requests = Array.from({ length: 1000 }, (_, at) => ({ mailboxId: inbox, flags: at % 2 === 0 ? ['\\Seen'] : [`$${at % 7}`], content: content(`message ${at}`, at % 10 === 0 ? 6000 : 600), crlf: true }))
  const before = account.state.sequence
  let seen = 0
  let done = false
  const watch = (async () => {
    while (!done) {
      await other.refresh()
      const { count } = inboxOf(other.state)
      assert.ok(count === 0 || count === 1000, `${count} messages`)
      seen++
      await new Promise(setImmediate)
    }
  })()
  const filed = await appendMessages(account, inTurn(requests))
  done = true
  await watch
  assert.ok(seen > 0)
  assert.deepEqual(filed.map(({ uid }) => uid), requests.map((_, at) => at + 1))
  assert.ok(account.state.sequence - before > 5, `${account.state.sequence - before} entries`)
  await other.refresh()
  assert.deepEqual(stateLines(other.state), stateLines(account.state))
  assert.equal(Buffer.from(await readWhole(other, inbox, 791)).toString(), content('message 790', 6000).toString())
  let subject = ''
  for await (const { metadata } of readMetadata(other, inbox, [791])) subject = metadata.envelope.subject ?? ''
  assert.equal(subject, 'message 790')
  await sound()
})

test('what breaks off leaves neither messages nor blobs', async () => {
  const { account, inbox, blobs, sound } = await openAnna()
  const before = blobs()
  const requests = [1, 2, 3].map((at) => ({ mailboxId: inbox, flags: [], content: content(`message ${at}`), crlf: true }))
  await assert.rejects(appendMessages(account, inTurn(requests, new Error('the client is gone'))), /the client is gone/)
  await assert.rejects(appendMessages(account, inTurn([...requests, { mailboxId: inbox, flags: ['x'.repeat(60_000)], content: content('4'), crlf: true }])), MailboxRefusal)
  await assert.rejects(appendMessages(account, inTurn(requests.map((request) => ({ ...request, quotaBytes: 90 })))), { code: 'OVERQUOTA' })
  await assert.rejects(appendMessages(account, inTurn(requests.map((request) => ({ ...request, quotaMessages: 2 })))), { code: 'OVERQUOTA' })
  await assert.rejects(appendMessages(account, inTurn(requests.map((request) => ({ ...request, mailboxId: 'nowhere' })))), { code: 'NONEXISTENT' })
  assert.equal(inboxOf(account.state).count, 0)
  assert.equal(blobs(), before)
  await sound()
})

test('a commit whose answer is lost counts once', async () => {
  const { setting, account, inbox, sound } = await openAnna()
  const requests = Array.from({ length: 200 }, (_, at) => ({ mailboxId: inbox, flags: [], content: content(`message ${at}`, 600), crlf: true }))
  // The engine sends the same commit twice, and answers by the second.
  const { table } = setting.engine
  const commit = table.commit.bind(table)
  table.commit = async (changes) => {
    await commit(changes)
    table.commit = commit
    return await commit(changes)
  }
  assert.equal((await appendMessages(account, inTurn(requests))).length, 200)
  assert.equal(inboxOf(account.state).count, 200)
  // And one that fails: nobody knows, so nothing is taken away.
  setting.engine.before = async (call) => {
    if (call === 'commit') throw new EngineUnavailableError('no answer')
  }
  await assert.rejects(appendMessages(account, inTurn(requests.slice(0, 2))), EngineUnavailableError)
  setting.engine.before = async () => undefined
  await account.refresh()
  assert.equal(inboxOf(account.state).count, 200)
  await sound()
})

test('appends of others that come at the same time stand before or behind, never between', async () => {
  const { setting, account, inbox, sound } = await openAnna()
  const other = await setting.store().open('anna')
  const many = Array.from({ length: 120 }, (_, at) => ({ mailboxId: inbox, flags: [], content: content(`message ${at}`, 1500), crlf: true }))
  const [together, ...single] = await Promise.all([
    appendMessages(account, inTurn(many)),
    ...Array.from({ length: 20 }, (_, at) => appendMessage(at % 2 === 0 ? account : other, { mailboxId: inbox, flags: [], content: content(`single ${at}`), crlf: true })),
  ])
  const first = together[0]?.uid ?? 0
  assert.deepEqual(together.map(({ uid }) => uid), many.map((_, at) => first + at))
  assert.equal(new Set([...together, ...single].map(({ uid }) => uid)).size, 140)
  await other.refresh()
  assert.deepEqual(stateLines(other.state), stateLines(account.state))
  await sound()
})

test('a message takes the place of another in one entry; of two who replace the same, one is refused', async () => {
  const { setting, account, inbox, blobs, sound } = await openAnna()
  const drafts = account.state.mailbox('Drafts')?.id ?? ''
  await appendMessage(account, { mailboxId: inbox, flags: ['\\Draft'], content: content('first'), crlf: true })
  const before = account.state.sequence
  // Full: only what it replaces makes room.
  const quotaBytes = account.state.usedBytes + 5
  await appendMessages(account, inTurn([{ mailboxId: drafts, flags: ['\\Draft'], content: content('other'), crlf: true, quotaBytes }]), { mailboxId: inbox, uid: 1 })
  assert.equal(account.state.sequence, before + 1)
  assert.deepEqual([inboxOf(account.state).count, account.state.mailboxById(drafts)?.count], [0, 1])
  await assert.rejects(appendMessages(account, inTurn([{ mailboxId: drafts, flags: [], content: content('much longer'), crlf: true, quotaBytes }]), { mailboxId: drafts, uid: 1 }), { code: 'OVERQUOTA' })
  const other = await setting.store().open('anna')
  const kept = blobs()
  const both = await Promise.allSettled([account, other, account].map((one, at) => appendMessages(one, inTurn([{ mailboxId: drafts, flags: [], content: content(`next ${at}`), crlf: true }]), { mailboxId: drafts, uid: 1 })))
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'])
  for (const one of both) if (one.status === 'rejected') assert.ok(one.reason instanceof MailboxRefusal && one.reason.code === 'NONEXISTENT')
  assert.equal(blobs(), kept + 1)
  await account.refresh()
  assert.equal(account.state.mailboxById(drafts)?.count, 1)
  await expungeMessages(account, { mailboxId: drafts, regardless: true })
  await sound()
})
