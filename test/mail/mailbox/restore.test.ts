import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStateAsOf } from '#lib/mail/mailbox/asOf.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { createMailbox, deleteMailbox, renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { readWhole } from '#lib/mail/mailbox/read.ts'
import { restoreMessages } from '#lib/mail/mailbox/restore.ts'
import type { Restored, RestoreOptions } from '#lib/mail/mailbox/restore.ts'
import { planRestore } from '#lib/mail/mailbox/restorePlan.ts'
import type { RestorePlan } from '#lib/mail/mailbox/restorePlan.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { day } from './deeds.ts'
import { describeState, fileText, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const hour = 60 * 60 * 1000
const idOf = (account: AccountMail, name: string): string => account.state.mailbox(name)?.id ?? assert.fail(`there is no ${name}`)

/** Five messages in INBOX an hour ago, with flags. */
async function five(): Promise<{ setting: Setting; account: AccountMail; then: number }> {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  for (let n = 1; n <= 5; n++) await fileText(account, { text: `Subject: ${n}\r\n\r\n`, flags: n % 2 === 0 ? ['\\Seen', 'Work'] : [], internalDate: n * 1000 })
  const then = setting.clock.time
  setting.clock.time += hour
  return { setting, account, then }
}

/** As IMAP clients do. */
async function remove(account: AccountMail, uids: readonly number[], mailbox = 'INBOX'): Promise<void> {
  await changeFlags(account, { mailboxId: idOf(account, mailbox), uids, action: 'add', flags: ['\\Deleted'] })
  await expungeMessages(account, { mailboxId: idOf(account, mailbox), uids })
}

async function plan({ deps }: Setting, account: AccountMail, time: number, mailbox?: string): Promise<RestorePlan> {
  const { state } = await readStateAsOf(deps, 'anna', time)
  return await planRestore(account, { past: state, time, ...(mailbox === undefined ? {} : { mailbox }) })
}

async function restore(setting: Setting, account: AccountMail, time: number, options: RestoreOptions & { mailbox?: string } = {}): Promise<Restored> {
  return await restoreMessages(account, (await plan(setting, account, time, options.mailbox)).messages, options)
}

async function wholeAccount(setting: Setting): Promise<void> {
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
}

const counts = ({ messages, here, elsewhere, tooOld, lost, later }: RestorePlan) => ({ messages: messages.length, here, elsewhere: Object.fromEntries(elsewhere), tooOld, lost, later })

test('removed messages come back under new UIDs, with flags, dates and content as they were', async () => {
  const { setting, account, then } = await five()
  await remove(account, [2, 3])
  assert.deepEqual(counts(await plan(setting, account, then)), { messages: 2, here: 3, elsewhere: {}, tooOld: 0, lost: 0, later: 0 })
  assert.deepEqual(await restore(setting, account, then), { mailboxes: new Map([['INBOX', 2]]), created: [] })
  const inbox = inboxOf(account.state)
  assert.deepEqual([...inbox.uids()], [1, 4, 5, 6, 7])
  assert.deepEqual([3, 4].map((place) => [inbox.flagsAt(place), inbox.internalDateAt(place)]), [[['\\Seen', 'Work'], 2000], [[], 3000]])
  assert.equal(Buffer.from(await readWhole(account, inbox.id, 6)).toString(), 'Subject: 2\r\n\r\n')
  assert.equal(account.state.departed.since, undefined)
  await wholeAccount(setting)
})

test('what was brought back is not brought back again, and can be removed and brought back once more', async () => {
  const { setting, account, then } = await five()
  await remove(account, [1])
  for (let uid = 6; uid <= 8; uid++) {
    await restore(setting, account, then)
    assert.equal(counts(await plan(setting, account, then)).messages, 0)
    await restore(setting, account, then)
    assert.deepEqual([...inboxOf(account.state).uids()], [2, 3, 4, 5, uid])
    await remove(account, [uid])
  }
  await wholeAccount(setting)
})

test('no sweep takes what has come back, and one takes it when it has left for good', async () => {
  const { setting, account, then } = await five()
  await remove(account, [1, 2])
  setting.clock.time += 20 * day
  await restore(setting, account, then, { mailbox: 'inbox' })
  setting.clock.time += 20 * day
  assert.equal((await sweepAccount(account, { strays: true })).messages, 0)
  assert.equal(setting.engine.kept.size, 5)
  assert.equal(Buffer.from(await readWhole(account, inboxOf(account.state).id, 6)).toString(), 'Subject: 1\r\n\r\n')
  await wholeAccount(setting)
  await remove(account, [6])
  setting.clock.time += 31 * day
  assert.equal((await sweepAccount(account, { strays: true })).messages, 1)
  assert.equal(setting.engine.kept.size, 4)
  await wholeAccount(setting)
})

test('what is elsewhere, too old, lost or of later is told apart', async () => {
  const { setting, account, then } = await five()
  await moveMessages(account, { from: idOf(account, 'INBOX'), to: idOf(account, 'Trash'), uids: [1] })
  await remove(account, [2])
  setting.clock.time += 29 * day
  await remove(account, [3, 4])
  await fileText(account)
  await remove(account, [6])
  const [missing] = [...setting.engine.kept.keys()].slice(2)
  setting.engine.kept.delete(missing ?? '')
  setting.clock.time += day - hour / 2
  // The first has half an hour left, in which a sweep may come.
  assert.deepEqual(counts(await plan(setting, account, then)), { messages: 1, here: 1, elsewhere: { Trash: 1 }, tooOld: 1, lost: 1, later: 1 })
  setting.clock.time += day
  await sweepAccount(account, { strays: false })
  assert.deepEqual(counts(await plan(setting, account, then)), { messages: 1, here: 1, elsewhere: { Trash: 1 }, tooOld: 1, lost: 1, later: 1 })
  await assert.rejects(plan(setting, account, then, 'Nowhere'), { code: 'NONEXISTENT' })
})

test('a deleted mailbox is made again, a renamed one is the same, and one folder may take all', async () => {
  const { setting, account, then: before } = await five()
  for (const name of ['Lists', 'Old']) await createMailbox(account, { name })
  for (const name of ['Lists', 'Old', 'Sent']) await fileText(account, { mailboxId: idOf(account, name) })
  const then = setting.clock.time
  setting.clock.time += hour
  for (const name of ['Lists', 'Sent']) await deleteMailbox(account, { name })
  await renameMailbox(account, { from: 'Old', to: 'New' })
  await remove(account, [1], 'New')
  await remove(account, [5])
  assert.deepEqual(await restore(setting, account, then), { mailboxes: new Map([['INBOX', 1], ['Sent', 1], ['Lists', 1], ['New', 1]]), created: ['Sent', 'Lists'] })
  assert.equal(account.state.mailbox('Sent')?.specialUse, '\\Sent')
  await remove(account, [1, 2])
  await remove(account, [1], 'Lists')
  assert.deepEqual(await restore(setting, account, then, { into: 'Back/of today' }), { mailboxes: new Map([['Back/of today', 3]]), created: ['Back/of today'] })
  assert.equal(counts(await plan(setting, account, before)).messages, 0)
  await wholeAccount(setting)
})

test('a message that was in two mailboxes comes back into both, or once into one folder', async () => {
  for (const into of [undefined, 'Back']) {
    const { setting, account } = await five()
    await copyMessages(account, { from: idOf(account, 'INBOX'), to: idOf(account, 'Archive'), uids: [2] })
    await changeFlags(account, { mailboxId: idOf(account, 'Archive'), uids: [1], action: 'replace', flags: ['\\Answered'] })
    const then = setting.clock.time
    setting.clock.time += hour
    await remove(account, [2])
    await remove(account, [1], 'Archive')
    const { mailboxes } = await restore(setting, account, then, into === undefined ? {} : { into })
    assert.deepEqual(mailboxes, new Map(into === undefined ? [['INBOX', 1], ['Archive', 1]] : [['Back', 1]]))
    if (into === undefined) assert.deepEqual([account.state.mailbox('Archive')?.flagsAt(0), inboxOf(account.state).flagsAt(4)], [['\\Answered'], ['\\Seen', 'Work']])
    await wholeAccount(setting)
  }
})

test('what does not fit into the quota is refused whole', async () => {
  const { setting, account, then } = await five()
  await remove(account, [1, 2, 3])
  const state = describeState(account.state)
  await assert.rejects(restore(setting, account, then, { quotaBytes: 30 }), { code: 'OVERQUOTA', message: 'The messages have 42 octets, and the account has room for 2' })
  await assert.rejects(restore(setting, account, then, { quotaMessages: 4 }), { code: 'OVERQUOTA' })
  assert.deepEqual(describeState(account.state), state)
})

test('what was planned while there was time is not taken back when a sweep may be on its way', async () => {
  const { setting, account, then } = await five()
  await remove(account, [1, 2])
  const { messages } = await plan(setting, account, then)
  setting.clock.time += 30 * day - hour
  assert.deepEqual(await restoreMessages(account, messages), { mailboxes: new Map(), created: [] })
  assert.equal(inboxOf(account.state).count, 3)
})

test('two processes that restore at once, while a third sweeps, bring each message back once', async () => {
  const { setting, account, then } = await five()
  await remove(account, [1, 2, 3, 4])
  setting.clock.time += 29 * day
  const others = await Promise.all([setting.store().open('anna'), setting.store().open('anna')])
  await Promise.all([restore(setting, account, then), ...others.map((other) => restore(setting, other, then)), sweepAccount(account, { strays: true })])
  await account.refresh()
  assert.equal(inboxOf(account.state).count, 5)
  await wholeAccount(setting)
})

test('a restore that is cut short anywhere is finished by the next one', async () => {
  for (let cutAt = 1, whole = false; !whole; cutAt++) {
    const { setting, account, then } = await five()
    await remove(account, [1, 2, 3, 4, 5])
    const again = await setting.store().open('anna')
    let calls = 0
    setting.engine.before = async () => {
      if (++calls >= cutAt) throw new Error('killed')
    }
    whole = await restore(setting, account, then, { into: 'Back' }).then(() => true, () => false)
    setting.engine.before = async () => undefined
    await again.refresh()
    await restore(setting, again, then, { into: 'Back' })
    assert.equal(again.state.mailbox('Back')?.count, 5, `cut at call ${cutAt}`)
    await wholeAccount(setting)
  }
})
