import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeAcl } from '#lib/mail/mailbox/acl.ts'
import { createMailbox, deleteMailbox, renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { rightsOf } from '#lib/mail/mailbox/rights.ts'
import { findOwners, forgetOwner, mayShare, repairShares } from '#lib/mail/mailbox/shares.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { inboxOf, makeSetting } from './setting.ts'

const domain = 'example.org'
const bert = { accountId: 'bert', domain }
const stranger = { accountId: 'zoe', domain: 'example.net' }
const idOf = (account: AccountMail, name: string): string => account.state.mailbox(name)?.id ?? assert.fail(`no ${name}`)
const share = (account: AccountMail, mailbox: string, identifier: string, rights: string, action: 'add' | 'remove' | 'replace' = 'replace') => changeAcl(account, { mailboxId: idOf(account, mailbox), identifier, action, rights, domain })

test('rights are replaced, added and taken, and written in one order', async () => {
  const account = await makeSetting().store().open('anna')
  assert.equal(await share(account, 'INBOX', 'bert', 'rl'), 'lr')
  assert.equal(await share(account, 'INBOX', 'bert', 'tsl', 'add'), 'lrst')
  assert.equal(await share(account, 'INBOX', 'bert', 'rx', 'remove'), 'lst')
  assert.equal(await share(account, 'INBOX', 'bert', ''), '')
  assert.deepEqual([...inboxOf(account.state).acl], [])
})

test('what is asked for and is so already writes nothing', async () => {
  const account = await makeSetting().store().open('anna')
  await share(account, 'INBOX', 'bert', 'lr')
  const { sequence } = account.state
  await share(account, 'INBOX', 'bert', 'rl')
  await share(account, 'INBOX', 'carl', 'lr', 'remove')
  assert.equal(account.state.sequence, sequence)
})

test('anyone is everybody of the owner\'s domain, and what is denied stays denied', () => {
  const acl = new Map([['anyone', 'lrs'], ['bert', 'iw'], ['-bert', 's'], ['-anyone', 'w']])
  assert.equal(rightsOf({ acl }, { accountId: 'carl', neighbour: true }), 'lrs')
  assert.equal(rightsOf({ acl }, { accountId: 'bert', neighbour: true }), 'lri')
  assert.equal(rightsOf({ acl }, { accountId: 'bert', neighbour: false }), 'wi')
  assert.equal(rightsOf({ acl }, { accountId: 'zoe', neighbour: false }), '')
})

test('a mailbox has as many identifiers as the setting says', async () => {
  const account = await makeSetting({ maxAclEntries: 2 }).store().open('anna')
  await share(account, 'INBOX', 'bert', 'l')
  await share(account, 'INBOX', 'carl', 'l')
  await assert.rejects(share(account, 'INBOX', 'dora', 'l'), { code: 'LIMIT' })
  assert.equal(await share(account, 'INBOX', 'carl', 'r', 'add'), 'lr')
})

test('visitors find the accounts that share with them, until the last right is taken', async () => {
  const { store, engine } = makeSetting()
  const account = await store().open('anna')
  await share(account, 'INBOX', 'bert', 'lr')
  await share(account, 'Sent', 'bert', 'l')
  await share(account, 'Sent', '-carl', 'l')
  assert.deepEqual(await findOwners(engine.table, bert), ['anna'])
  assert.deepEqual(await findOwners(engine.table, { accountId: 'carl', domain }), [])
  await share(account, 'INBOX', 'bert', '')
  assert.equal(await mayShare(engine.table, bert, 'anna'), true)
  await share(account, 'Sent', 'bert', 'l', 'remove')
  assert.equal(await mayShare(engine.table, bert, 'anna'), false)
  await share(account, 'Sent', 'anyone', 'lr')
  assert.deepEqual(await findOwners(engine.table, bert), ['anna'])
  assert.deepEqual(await findOwners(engine.table, stranger), [])
  // Oneself is no visitor.
  assert.deepEqual(await findOwners(engine.table, { accountId: 'anna', domain }), [])
})

test('rows that got lost are written again, and those of an owner who is gone are forgotten', async () => {
  const { store, engine } = makeSetting()
  const account = await store().open('anna')
  await share(account, 'INBOX', 'bert', 'lr')
  engine.rows.delete('shares/bert')
  await repairShares(account, domain)
  assert.equal(await mayShare(engine.table, bert, 'anna'), true)
  await forgetOwner(engine.table, bert, 'anna')
  assert.equal(await mayShare(engine.table, bert, 'anna'), false)
})

test('a right given by one process while another takes the last one keeps its row', async () => {
  const { store, engine } = makeSetting()
  const [one, two] = await Promise.all([store().open('anna'), store().open('anna')])
  await share(one, 'INBOX', 'bert', 'lr')
  await two.refresh()
  await Promise.all([share(one, 'INBOX', 'bert', ''), share(two, 'Sent', 'bert', 'lr')])
  await one.refresh()
  assert.equal(one.state.mailbox('Sent')?.acl.get('bert'), 'lr')
  assert.equal(await mayShare(engine.table, bert, 'anna'), true)
})

test('a new mailbox has the rights of the nearest one above it, a renamed one keeps its own, a deleted one leaves none', async () => {
  const account = await makeSetting().store().open('anna')
  await createMailbox(account, { name: 'Team' })
  await share(account, 'Team', 'bert', 'lrk')
  await createMailbox(account, { name: 'Team/2026/May' })
  assert.deepEqual([...(account.state.mailbox('Team/2026/May')?.acl ?? [])], [['bert', 'lrk']])
  await renameMailbox(account, { from: 'Team', to: 'Old' })
  assert.equal(account.state.mailbox('Old/2026/May')?.acl.get('bert'), 'lrk')
  await createMailbox(account, { name: 'Team' })
  assert.equal(account.state.mailbox('Team')?.acl.size, 0)
  await deleteMailbox(account, { name: 'Old' })
  await createMailbox(account, { name: 'Old' })
  assert.equal(account.state.mailbox('Old')?.acl.size, 0)
})

test('nothing of what others shared with an account outlives it', async () => {
  const setting = makeSetting()
  const store = setting.store()
  await share(await store.open('anna'), 'INBOX', 'bert', 'lr')
  await store.deleteAccount('bert')
  assert.deepEqual(await findOwners(setting.engine.table, bert), [])
})
