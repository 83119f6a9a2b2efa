/** Accounts opened for filing: as good as whole ones for what is filed, and cheap whatever the account holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { snapshotPrefix } from '#lib/mail/mailbox/logKeys.ts'
import { createMailbox, deleteMailbox, renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { UnreadError } from '#lib/mail/mailbox/segment.ts'
import type { AccountState } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { cloneOf, describeState, fileText, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

/** 13,000 messages with their delivery ids in INBOX: four segments, of which the last grows; the snapshot is of the last entry. */
async function makeDelivered(): Promise<Setting> {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < 13_000; n += 200) await Promise.all(Array.from({ length: 200 }, (_, index) => fileText(account, { deliveryId: `delivery ${n + index}` })))
  await writeSnapshot(setting)
  return setting
}

async function writeSnapshot(setting: Setting): Promise<void> {
  const { state, snapshots } = await loadAccount({ ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 0 } }, 'anna')
  await snapshots.write(state)
}

const large = await makeDelivered()
const partsOf = ({ engine }: Setting) => [...engine.kept.keys()].filter((key) => key.startsWith(snapshotPrefix('anna')))

/** What filing has to know. */
function known(state: AccountState): unknown {
  const { sequence, time, lastUidValidity, usedBytes, messageCount } = state
  return { sequence, time, lastUidValidity, usedBytes, messageCount, mailboxes: state.mailboxes().map(({ id, name, uidNext, uidValidity, highestModSeq, count, unseen, deletedCount, sizeBytes }) => ({ id, name, uidNext, uidValidity, highestModSeq, count, unseen, deletedCount, sizeBytes })) }
}

async function openWhole(setting: Setting): Promise<AccountMail> {
  return await setting.store({ snapshotEntries: 0 }).open('anna')
}

test('opening for filing reads the pointer, the head and what came after it, and filing then reads nothing', async () => {
  const setting = cloneOf(large)
  const writer = await openWhole(setting)
  for (let n = 0; n < 5; n++) await fileText(writer, { deliveryId: `more ${n}` })
  setting.engine.forgetCalls()
  const account = await setting.store().openForFiling('anna')
  assert.deepEqual(setting.engine.calls, { get: 1, range: 1, commit: 0, put: 0, read: 1, delete: 0, list: 0, info: 0 })
  assert.deepEqual(known(account.state), known(writer.state))
  assert.equal(account.log.whole, false)
  setting.engine.forgetCalls()
  assert.deepEqual(await fileText(account, { deliveryId: 'new' }), { uid: 13_006, uidValidity: inboxOf(account.state).uidValidity, duplicate: false })
  assert.deepEqual(setting.engine.calls, { get: 0, range: 0, commit: 1, put: 1, read: 0, delete: 0, list: 0, info: 0 })
  assert.throws(() => inboxOf(account.state).flagsAt(5), UnreadError)
})

test('a delivery that was filed long ago is known again by one more read, and new ones by none', async () => {
  const setting = cloneOf(large)
  const account = await setting.store().openForFiling('anna')
  setting.engine.forgetCalls()
  for (let n = 0; n < 50; n++) assert.equal(await account.log.show(({ deliveries }) => deliveries.has(`never seen ${n}`)), false)
  assert.ok(setting.engine.calls.read <= 2, `${setting.engine.calls.read} reads`)
  for (const [id, reads] of [['delivery 3', 1], ['delivery 4000', 0], ['delivery 4100', 1], ['delivery 12999', 0]] as const) {
    const fresh = id === 'delivery 3' ? await setting.store().openForFiling('anna') : account
    setting.engine.forgetCalls()
    assert.equal(await fresh.log.show(({ deliveries }) => deliveries.has(id)), true, id)
    assert.ok(setting.engine.calls.read <= Math.max(reads, 1), id)
  }
})

const wide = fc.record({ do: fc.constantFrom('flags' as const, 'expunge' as const, 'move' as const, 'copy' as const), from: fc.integer({ min: 1, max: 13_000 }), length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 5000 })) })
const deed = fc.oneof({ weight: 6, arbitrary: wide }, { weight: 4, arbitrary: fc.record({ do: fc.constant('file' as const), id: fc.nat(13_100) }) }, { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('mailboxes' as const, 'sweep' as const, 'snapshot' as const) }) })
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never

async function perform(setting: Setting, account: AccountMail, act: Deed): Promise<void> {
  const [inbox, trash] = ['INBOX', 'Trash'].map((name) => account.state.mailbox(name)?.id ?? '')
  assert.ok(inbox && trash)
  if (act.do === 'file') return void (await fileText(account, { deliveryId: `delivery ${act.id}` }))
  if ('length' in act) return await performWide(account, act, inbox, trash)
  if (act.do === 'snapshot') return await writeSnapshot(setting)
  if (act.do === 'sweep') {
    setting.clock.time += 40 * 24 * 60 * 60 * 1000
    await sweepAccount(account, { strays: false })
  } else {
    await createMailbox(account, { name: 'Passing' })
    await renameMailbox(account, { from: 'Passing', to: 'Past' })
    await copyMessages(account, { from: inbox, to: account.state.mailbox('Past')?.id ?? '', uids: [5, 5000, 9999] })
    await deleteMailbox(account, { name: 'Past' })
  }
}

async function performWide(account: AccountMail, act: Extract<Deed, { length: number }>, inbox: string, trash: string): Promise<void> {
  const uids = Array.from({ length: act.length }, (_, place) => act.from + place)
  if (act.do === 'flags') await changeFlags(account, { mailboxId: inbox, uids, action: 'add', flags: ['\\Seen', '\\Deleted'] })
  else if (act.do === 'expunge') await expungeMessages(account, { mailboxId: inbox, uids, regardless: true })
  else await (act.do === 'move' ? moveMessages : copyMessages)(account, { from: inbox, to: trash, uids })
}

test('whatever others do meanwhile, who has opened for filing knows what a whole state knows, files what is new, and may become whole', async () => {
  let unread = 0
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 3, maxLength: 12 }), fc.array(deed, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 30 }), async (before, meanwhile, snapshotEntries) => {
      const setting = cloneOf(large)
      const others = await setting.store({ snapshotEntries }).open('anna')
      for (const act of before) await perform(setting, others, act)
      await others.log.settle()
      const store = setting.store({ snapshotEntries: snapshotEntries + 5 })
      const account = await store.openForFiling('anna')
      assert.deepEqual(known(account.state), known(others.state))
      for (const act of meanwhile) {
        await perform(setting, others, act)
        await others.log.settle()
        await fileText(account, { deliveryId: `ours ${act.do}` })
        await account.log.settle()
        await Promise.all([others.refresh(), account.refresh()])
        assert.deepEqual(known(account.state), known(others.state))
      }
      if (!account.log.whole) unread++
      assert.deepEqual(describeState((await store.open('anna')).state), describeState(others.state))
      assert.deepEqual(describeState((await openWhole(setting)).state), describeState(others.state))
      assert.deepEqual(setting.events.filter(({ level }) => level === 'warn' || level === 'error'), [])
    }),
    { numRuns: 12, seed: 20_261_126, interruptAfterTimeLimit: 15_000 },
  )
  assert.ok(unread >= 5, `${unread} states were not whole at the end`)
})

test('who opens for filing again and again writes a snapshot every 24 entries, of which only the head is new', async () => {
  const setting = cloneOf(large)
  const before = partsOf(setting).length
  setting.engine.forgetCalls()
  for (let n = 0; n < 60; n++) {
    const store = setting.store()
    await fileText(await store.openForFiling('anna'), { deliveryId: `sparse ${n}` })
    await store.close()
  }
  // 60 bodies and two heads.
  assert.deepEqual([setting.engine.calls.put, setting.engine.calls.delete], [62, 2])
  assert.equal(partsOf(setting).length, before)
  const whole = await openWhole(setting)
  assert.equal(whole.state.messageCount, 13_060)
})

test('a process that has the account open does not write anew what another has written', async () => {
  const setting = cloneOf(large)
  const front = await setting.store({ snapshotEntries: 40 }).open('anna')
  const filing = await setting.store({ snapshotEntries: 30 }).openForFiling('anna')
  for (let n = 0; n < 35; n++) await fileText(filing, { deliveryId: `from there ${n}` })
  await filing.log.settle()
  setting.engine.forgetCalls()
  await front.refresh()
  for (let n = 0; n < 10; n++) await fileText(front, { deliveryId: `from here ${n}` })
  await front.log.settle()
  // Ten bodies; the snapshot of the other one is near enough.
  assert.equal(setting.engine.calls.put, 10)
  for (let n = 0; n < 40; n++) await fileText(front, { deliveryId: `later ${n}` })
  await front.log.settle()
  assert.equal(setting.engine.calls.put, 51)
  assert.deepEqual(describeState((await openWhole(setting)).state), describeState(front.state))
})
