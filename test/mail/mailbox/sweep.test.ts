import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { decodeEntry } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { blobPrefix, entryKey, newBlobKey, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { createMailbox, deleteMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { startSweeper, sweepDue } from '#lib/mail/mailbox/sweeper.ts'
import type { SweeperDeps } from '#lib/mail/mailbox/sweeper.ts'
import { describeState, fileText, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const day = 24 * 60 * 60 * 1000
const blobsOf = ({ engine }: Setting) => [...engine.kept.keys()].filter((key) => key.startsWith(blobPrefix('anna'))).length
const trashOf = (account: AccountMail) => account.state.mailbox('Trash')?.id ?? ''
const expunge = (account: AccountMail, ...uids: number[]) => expungeMessages(account, { mailboxId: inboxOf(account.state).id, uids, regardless: true })

async function wholeAccount(setting: Setting): Promise<void> {
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
}

function filingOf({ engine }: Setting, sequence: number) {
  const { partition, sort } = entryKey('anna', sequence)
  const change = decodeEntry(sequence, engine.rows.get(partition)?.get(sort) ?? Buffer.alloc(0)).changes[0]
  assert.ok(change?.kind === 'file')
  return change
}

test('content of removed messages is given up after the retention, never before and never of a copy that lives', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  for (let n = 1; n <= 4; n++) await fileText(account)
  await copyMessages(account, { from: inboxOf(account.state).id, to: trashOf(account), uids: [2] })
  await expunge(account, 1, 2)
  setting.clock.time += 20 * day
  await expunge(account, 3)
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 0, strays: 0 })
  setting.clock.time += 11 * day
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 1, strays: 0 })
  assert.equal(blobsOf(setting), 3)
  assert.equal(setting.engine.kept.has(filingOf(setting, 2).blob.key), false)
  assert.equal(filingOf(setting, 2).metadata, null)
  assert.notEqual(filingOf(setting, 3).metadata, null)
  await wholeAccount(setting)
  setting.clock.time += 30 * day
  assert.deepEqual(await sweepAccount(account, { strays: false }), { messages: 1, strays: 0 })
  assert.equal(blobsOf(setting), 2)
  await wholeAccount(setting)
})

test('a sweep that finds nothing writes nothing', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  await fileText(account)
  setting.clock.time += 90 * day
  setting.engine.forgetCalls()
  await sweepAccount(account, { strays: false })
  assert.deepEqual(setting.engine.calls, { get: 0, range: 0, commit: 0, put: 0, read: 0, delete: 0, list: 0, info: 0 })
})

test('a sweep cut short anywhere is finished by the next one', async () => {
  for (let cutAt = 1; ; cutAt++) {
    const setting = makeSetting()
    const account = await setting.store().open('anna')
    await Promise.all(Array.from({ length: 3 }, () => fileText(account)))
    for (let n = 4; n <= 6; n++) await fileText(account)
    await expunge(account, 1, 3, 4, 5)
    setting.clock.time += 31 * day
    let calls = 0
    setting.engine.before = async () => {
      if (++calls >= cutAt) throw new Error('killed')
    }
    const cut = await sweepAccount(account, { strays: true }).then(() => false, () => true)
    setting.engine.before = async () => undefined
    const again = await setting.store().open('anna')
    await sweepAccount(again, { strays: true })
    assert.equal(blobsOf(setting), 2, `cut at call ${cutAt}`)
    assert.equal(again.state.departed.since, undefined, `cut at call ${cutAt}`)
    assert.equal(filingOf(setting, 2).metadata, null)
    await wholeAccount(setting)
    if (!cut) break
    assert.ok(cutAt < 100)
  }
})

test('two processes that sweep one account at once, while mail comes and goes, lose nothing and say it once', async () => {
  const setting = makeSetting()
  const a = await setting.store().open('anna')
  const b = await setting.store().open('anna')
  for (let n = 1; n <= 8; n++) await fileText(a)
  await expunge(a, 2, 4, 6)
  await b.refresh()
  setting.clock.time += 31 * day
  await Promise.all([sweepAccount(a, { strays: true }), fileText(b), sweepAccount(b, { strays: true }), fileText(a), expunge(b, 8)])
  await a.refresh()
  await b.refresh()
  assert.deepEqual(describeState(a.state), describeState(b.state))
  assert.deepEqual([inboxOf(a.state).count, blobsOf(setting)], [6, 7])
  let sweeps = 0
  for (const [sort, value] of setting.engine.rows.get(partitionOf('anna')) ?? []) sweeps += sort.startsWith('e') ? decodeEntry(0, value).changes.filter(({ kind }) => kind === 'sweep').length : 0
  assert.equal(sweeps, 1)
  await wholeAccount(setting)
})

test('a deleted mailbox of thousands of messages is swept in slices', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  const { id } = await createMailbox(account, { name: 'Lists' })
  for (let n = 0; n < 60; n++) await Promise.all(Array.from({ length: 100 }, () => fileText(account, { mailboxId: id })))
  await deleteMailbox(account, { name: 'Lists' })
  setting.clock.time += 31 * day
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 6000, strays: 0 })
  assert.equal(blobsOf(setting), 0)
  await wholeAccount(setting)
})

test('blobs nobody refers to are deleted when they are old, and none as long as the log has a hole', async () => {
  const setting = makeSetting()
  const store = setting.store()
  const account = await store.open('anna')
  for (let n = 1; n <= 3; n++) await fileText(account)
  await setting.engine.blobs.put(newBlobKey('anna', setting.clock.time), Buffer.from('left behind'))
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 0, strays: 0 })
  setting.clock.time += 31 * day
  const rows = setting.engine.rows.get(partitionOf('anna'))
  const { sort } = entryKey('anna', 3)
  const entry = rows?.get(sort)
  assert.ok(rows && entry)
  rows.delete(sort)
  await assert.rejects(sweepAccount(account, { strays: true }), { name: 'EntryFormatError' })
  assert.equal(blobsOf(setting), 4)
  rows.set(sort, entry)
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 0, strays: 1 })
  assert.equal(blobsOf(setting), 3)
  await wholeAccount(setting)
})

// ---------------------------------------------------------------- turns

function sweeperOf(setting: Setting, store: MailStore, ids: readonly string[]): SweeperDeps {
  return { ...setting.deps, store, accountIds: async () => ids }
}

test('every account gets its turn once in a while, in one of several processes', async () => {
  const setting = makeSetting()
  const stores = [setting.store(), setting.store()]
  const ids = ['anna', 'bert', 'gone']
  for (const id of ids.slice(0, 2)) {
    const account = await setting.store().open(id)
    await fileText(account)
    await expunge(account, 1)
  }
  const sweepAll = () => Promise.all(stores.map((store) => sweepDue(sweeperOf(setting, store, ids))))
  await sweepAll()
  assert.equal(setting.engine.kept.size, 2)
  setting.clock.time += 31 * day
  await sweepAll()
  assert.equal(setting.engine.kept.size, 0)
  assert.deepEqual(setting.events.filter(({ event }) => event === 'swept').map(({ fields }) => fields), [{ account: 'anna', messages: 1, strays: 0, entries: 0 }, { account: 'bert', messages: 1, strays: 0, entries: 0 }])
  setting.engine.forgetCalls()
  await sweepAll()
  assert.deepEqual(setting.engine.calls, { get: 0, range: 2, commit: 0, put: 0, read: 0, delete: 0, list: 0, info: 0 })
  assert.equal(setting.engine.rows.get(partitionOf('gone')), undefined)
})

test('an account that cannot be read is logged and does not keep the others from their turn', async () => {
  const setting = makeSetting()
  for (const id of ['anna', 'bert']) {
    const account = await setting.store().open(id)
    await fileText(account)
    await expunge(account, 1)
  }
  setting.engine.rows.get(partitionOf('anna'))?.set(entryKey('anna', 4).sort, Buffer.from('no entry'))
  setting.clock.time += 31 * day
  await sweepDue(sweeperOf(setting, setting.store(), ['anna', 'bert']))
  assert.equal(setting.engine.kept.size, 1)
  assert.deepEqual(setting.events.filter(({ level }) => level === 'warn').map(({ event, fields }) => [event, fields['account']]), [['sweep-failed', 'anna']])
})

test('the sweeper begins at once and stops when told', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  await fileText(account)
  await expunge(account, 1)
  setting.clock.time += 31 * day
  const swept = new Promise<void>((resolve) => {
    setting.engine.before = async (call) => {
      if (call === 'delete') resolve()
    }
  })
  const sweeper = startSweeper(sweeperOf(setting, setting.store(), ['anna']))
  await swept
  await sweeper.stop()
  assert.equal(setting.engine.kept.size, 0)
})
