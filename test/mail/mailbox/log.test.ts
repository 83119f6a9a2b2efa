import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { entrySort } from '#lib/mail/mailbox/logKeys.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { describeState, fileText, inboxOf, makeSetting } from './setting.ts'

test('a new account begins with INBOX and the special-use mailboxes, whoever opens it first', async () => {
  const setting = makeSetting()
  const [a, b] = await Promise.all([setting.store().open('anna'), setting.store().open('anna')])
  await a.refresh()
  await b.refresh()
  assert.deepEqual(a.state.mailboxes().map((mailbox) => [mailbox.name, mailbox.specialUse, mailbox.subscribed]), [
    ['INBOX', null, true], ['Drafts', '\\Drafts', true], ['Sent', '\\Sent', true], ['Junk', '\\Junk', true], ['Trash', '\\Trash', true], ['Archive', '\\Archive', true],
  ])
  assert.deepEqual(describeState(a.state), describeState(b.state))
  assert.equal(a.state.sequence, 1)
})

test('filing costs one commit and one blob, and reads nothing when warm', async () => {
  const { engine, store } = makeSetting()
  const account = await store().open('anna')
  engine.forgetCalls()
  for (let n = 1; n <= 5; n++) assert.equal((await fileText(account)).uid, n)
  assert.deepEqual(engine.calls, { get: 0, range: 0, commit: 5, put: 5, read: 0, delete: 0, list: 0, info: 0 })
})

test('opening an account whose log is short costs one range read', async () => {
  const { engine, store } = makeSetting()
  const account = await store().open('anna')
  for (let n = 1; n <= 20; n++) await fileText(account)
  engine.forgetCalls()
  const again = await store().open('anna')
  assert.deepEqual(engine.calls, { get: 0, range: 1, commit: 0, put: 0, read: 0, delete: 0, list: 0, info: 0 })
  assert.deepEqual(describeState(again.state), describeState(account.state))
})

test('messages that are filed at the same time share one entry and one mod-sequence', async () => {
  const { engine, store } = makeSetting()
  const account = await store().open('anna')
  engine.forgetCalls()
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => fileText(account)))
  assert.deepEqual(outcomes.map((outcome) => outcome.uid), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.ok(engine.calls.commit <= 2, `${engine.calls.commit} commits`)
  assert.equal(new Set(Array.from({ length: 10 }, (_, place) => inboxOf(account.state).emailIdAt(place))).size, 10)
})

test('a repeated delivery changes nothing, in this process and in another', async () => {
  const { store } = makeSetting()
  const a = await store().open('anna')
  const b = await store().open('anna')
  assert.deepEqual((await fileText(a, { deliveryId: 'q1/anna' })).duplicate, false)
  assert.deepEqual((await fileText(a, { deliveryId: 'q1/anna' })).duplicate, true)
  assert.deepEqual((await fileText(b, { deliveryId: 'q1/anna' })).duplicate, true)
  const both = await Promise.all([fileText(a, { deliveryId: 'q2/anna' }), fileText(a, { deliveryId: 'q2/anna' }), fileText(b, { deliveryId: 'q2/anna' })])
  assert.equal(both.filter((outcome) => outcome.duplicate).length, 2)
  await a.refresh()
  assert.equal(inboxOf(a.state).count, 2)
})

test('flags, copies, moves and expunges are seen by another process', async () => {
  const { store } = makeSetting()
  const a = await store().open('anna')
  const b = await store().open('anna')
  for (let n = 1; n <= 4; n++) await fileText(a, { text: 'x'.repeat(n) })
  const inbox = inboxOf(a.state)
  const trash = a.state.mailbox('trash') ?? a.state.mailbox('Trash')
  assert.ok(trash)
  const stored = await changeFlags(a, { mailboxId: inbox.id, uids: [1, 3, 9], action: 'add', flags: ['\\Seen', 'Work'] })
  assert.deepEqual(stored, { changed: [1, 3], failed: [], modSeq: a.state.sequence })
  assert.deepEqual(await changeFlags(a, { mailboxId: inbox.id, uids: [3], action: 'add', flags: ['work'] }), { changed: [], failed: [], modSeq: 0 })
  assert.deepEqual(await changeFlags(a, { mailboxId: inbox.id, uids: [1, 2], action: 'replace', flags: ['\\Deleted'], unchangedSince: stored.modSeq - 1 }), { changed: [2], failed: [1], modSeq: a.state.sequence })
  assert.equal(inbox.unseen, 2)
  assert.equal(inbox.deletedCount, 1)
  assert.deepEqual(await copyMessages(a, { from: inbox.id, to: trash.id, uids: [3, 1] }), { uidValidity: trash.uidValidity, source: [1, 3], destination: [1, 2] })
  assert.deepEqual(await moveMessages(a, { from: inbox.id, to: trash.id, uids: [4] }), { uidValidity: trash.uidValidity, source: [4], destination: [3] })
  assert.deepEqual(await expungeMessages(a, { mailboxId: inbox.id }), [2])
  assert.deepEqual(inbox.vanishedSince(0), [2, 4])
  assert.deepEqual([inbox.count, inbox.sizeBytes, inbox.unseen, inbox.deletedCount], [2, 4, 0, 0])
  await b.refresh()
  assert.deepEqual(describeState(b.state), describeState(a.state))
})

test('a refusal is only given after a look at what others have done', async () => {
  const { store } = makeSetting()
  const a = await store().open('anna')
  const b = await store().open('anna')
  const { createMailbox } = await import('#lib/mail/mailbox/mailboxes.ts')
  const { id } = await createMailbox(a, { name: 'Work/2026/' })
  assert.equal((await fileText(b, { mailboxId: id })).uid, 1)
  await assert.rejects(fileText(b, { mailboxId: 'F99' }), (error) => error instanceof MailboxRefusal && error.code === 'NONEXISTENT')
})

test('quota is refused on the state as it is when the entry is written', async () => {
  const { store } = makeSetting()
  const a = await store().open('anna')
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => fileText(a, { text: '1234567890', quotaBytes: 55 })))
  assert.equal(all.filter((one) => one.status === 'fulfilled').length, 5)
  assert.equal(a.state.usedBytes, 50)
})

test('a long log is read beside other work, also from an engine that answers at once', async () => {
  const value = encodeEntry({ at: 1, writer: 'w', changes: [] })
  const range = async ({ cursor = '0' }: { readonly cursor?: string }) => {
    const number = Number(cursor) + 1
    return { items: [{ sort: entrySort(number), value }], ...(number < 50 ? { next: String(number) } : {}) }
  }
  let turns = 0
  let reading = true
  const count = () => {
    turns++
    if (reading) setImmediate(count)
  }
  setImmediate(count)
  let entries = 0
  for await (const { sequence } of readEntries({ ...makeSetting().deps.table, range }, 'anna', 1)) assert.equal(sequence, ++entries)
  reading = false
  assert.equal(entries, 50)
  assert.ok(turns >= 40, `${turns} turns for others`)
})

test('an account whose last entries are old is opened while another process appends', async () => {
  const setting = makeSetting({ snapshotEntries: 0 })
  const other = await setting.store().open('anna')
  for (let n = 0; n < 70; n++) await fileText(other)
  setting.clock.time += 31 * 24 * 60 * 60 * 1000
  let ranges = 0
  setting.engine.before = async (call) => {
    if (call !== 'range' || ++ranges !== 2) return
    await fileText(other)
  }
  const account = await setting.store().open('anna')
  assert.ok(ranges >= 2)
  assert.deepEqual([account.state.messageCount, describeState(account.state)], [71, describeState(other.state)])
})
