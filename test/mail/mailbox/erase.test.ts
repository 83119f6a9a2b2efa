import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { decodeEntry } from '#lib/mail/mailbox/entry.ts'
import { entryKey, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { SnapshotKeeper } from '#lib/mail/mailbox/snapshotKeeper.ts'
import { sweepDue } from '#lib/mail/mailbox/sweeper.ts'
import { openStage } from '../accounts/stage.ts'
import { fileText, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const gone = { name: 'MailboxRefusal', code: 'NONEXISTENT' }

/** 250 messages, a snapshot, a turn of the sweeper. */
async function makeAccount(setting: Setting): Promise<void> {
  const account = await setting.store().open('anna')
  for (let n = 0; n < 250; n++) await fileText(account)
  await new SnapshotKeeper(setting.deps, 'anna').write(account.state)
  await sweepDue({ ...setting.deps, store: setting.store(), accountIds: async () => ['anna'] })
}

function leftovers({ engine }: Setting): string[] {
  return [...engine.kept.keys(), ...[...engine.rows].flatMap(([partition, rows]) => [...rows.keys()].map((sort) => `${partition} ${sort}`))]
}

test('of a deleted account only the entry is left that ends its log', async () => {
  const setting = makeSetting()
  await makeAccount(setting)
  await setting.store().deleteAccount('anna')
  assert.deepEqual(leftovers(setting), ['mail/anna e000000000252'])
  assert.deepEqual(decodeEntry(252, setting.engine.rows.get(partitionOf('anna'))?.get(entryKey('anna', 252).sort) ?? Buffer.alloc(0)).changes, [{ kind: 'end' }])
  await assert.rejects(setting.store().open('anna'), gone)
  await setting.store().deleteAccount('anna')
  assert.deepEqual(leftovers(setting), ['mail/anna e000000000252'])
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems.map(({ sentence }) => sentence)[0], 'The mail of this account was deleted, but its user is still there: remove the user again')
})

test('a deletion cut short anywhere shows no part of the mail, and is finished by asking again', async () => {
  for (let cutAt = 1; ; cutAt += 7) {
    const setting = makeSetting()
    await makeAccount(setting)
    let calls = 0
    setting.engine.before = async () => {
      if (++calls >= cutAt) throw new Error('killed')
    }
    const cut = await setting.store().deleteAccount('anna').then(() => false, () => true)
    setting.engine.before = async () => undefined
    if (cutAt > 7) await assert.rejects(setting.store().open('anna'), gone, `cut at call ${cutAt}`)
    await setting.store().deleteAccount('anna')
    assert.deepEqual(leftovers(setting), ['mail/anna e000000000252'], `cut at call ${cutAt}`)
    if (!cut) break
    assert.ok(cutAt < 1000)
  }
})

test('other processes that have the account in memory are refused, wherever they have come', async () => {
  const setting = makeSetting()
  const stores = [setting.store(), setting.store(), setting.store()]
  const [behind, ahead, own] = await Promise.all(stores.map((store) => store.open('anna')))
  assert.ok(behind && ahead && own)
  await fileText(ahead)
  await stores[2]?.deleteAccount('anna')
  await assert.rejects(fileText(own), gone)
  await assert.rejects(fileText(ahead), gone)
  await assert.rejects(behind.refresh(), gone)
  await assert.rejects(fileText(behind), gone)
  assert.deepEqual(leftovers(setting).filter((row) => row.startsWith('mail/anna e')), ['mail/anna e000000000003'])
  for (const account of [behind, ahead, own]) account.release()
  for (const store of stores) await assert.rejects(store.open('anna'), gone)
})

test('who listens to an account that another process deletes hears no more of it, and no fault is logged', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  let heard = 0
  const looked = new Promise<void>((resolve) => {
    setting.engine.before = async (call, key) => void (call === 'range' && key === 'e000000000002' && resolve())
  })
  const stop = account.listen(() => heard++)
  await setting.store().deleteAccount('anna')
  await looked
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  stop()
  assert.equal(heard, 0)
  assert.deepEqual(setting.events.filter(({ level }) => level !== 'debug'), [])
  await assert.rejects(account.refresh(), gone)
})

test('an account is deleted although its log cannot be read', async () => {
  const setting = makeSetting()
  await makeAccount(setting)
  setting.engine.rows.get(partitionOf('anna'))?.set(entryKey('anna', 251).sort, Buffer.from('no entry'))
  setting.engine.rows.get(partitionOf('anna'))?.delete(entryKey('anna', 7).sort)
  await setting.store().deleteAccount('anna')
  assert.deepEqual(leftovers(setting), ['mail/anna e000000000252'])
})

// ---------------------------------------------------------------- with the user

const stage = await openStage()
after(() => stage.close())

test('a user is removed with all mail, also when the removal was killed in the middle', async () => {
  const { engine, directory, clock } = stage
  const { deps } = makeSetting()
  const mailDeps = { ...deps, table: engine.table, blobs: engine.blobs, bell: engine.bell, clock }
  await directory.addDomain({ name: 'a.example' })
  const user = await directory.addUser({ address: 'anna@a.example' })
  const account = await new MailStore(mailDeps).open(user.id)
  for (let n = 0; n < 20; n++) await fileText(account)
  let deletes = 0
  const dying = { ...engine.blobs, delete: async (key: string) => (++deletes > 5 ? await Promise.reject(new Error('killed')) : await engine.blobs.delete(key)) }
  await assert.rejects(directory.removeUser('anna@a.example', { deleteMail: (id) => new MailStore({ ...mailDeps, blobs: dying }).deleteAccount(id) }), /killed/)
  assert.equal((await directory.resolveRecipient('anna@a.example')).kind, 'disabled')
  await directory.removeUser('anna@a.example', { deleteMail: (id) => new MailStore(mailDeps).deleteAccount(id) })
  assert.deepEqual((await engine.blobs.list('')).items, [])
  assert.deepEqual((await engine.table.range({ partition: partitionOf(user.id) })).items.map(({ sort }) => sort), ['e000000000022'])
  assert.deepEqual(await directory.resolveRecipient('anna@a.example'), { kind: 'unknown' })
  await assert.rejects(fileText(account), gone)
})
