import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotate } from '#lib/mail/mailbox/annotate.ts'
import { deleteMailbox, renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { inboxOf, makeSetting } from './setting.ts'

const set = (account: AccountMail, name: string, value: string | null, more: { user?: string | null; mailboxId?: string | null; quotaBytes?: number } = {}) => {
  const { user = null, mailboxId = inboxOf(account.state).id, ...quota } = more
  return annotate(account, { mailboxId, changes: [{ user, name, value: value === null ? null : Buffer.from(value) }], ...quota })
}
const shown = (account: AccountMail, user: string | null = null) => inboxOf(account.state).annotations.of(user).map(({ name, value }) => `${name}=${Buffer.from(value).toString()}`)

test('annotations of one user and of all are kept apart, replaced and taken away', async () => {
  const account = await makeSetting().store().open('anna')
  await set(account, '/comment', 'for all')
  await set(account, '/comment', 'mine', { user: 'anna' })
  await set(account, '/comment', 'Bert\'s', { user: 'bert' })
  await set(account, '/comment', 'of the account', { mailboxId: null })
  assert.deepEqual([shown(account), shown(account, 'anna'), shown(account, 'bert')], [['/comment=for all'], ['/comment=mine'], ['/comment=Bert\'s']])
  assert.equal(account.state.annotationBytes, 4 * '/comment'.length + 7 + 4 + 6 + 14)
  await set(account, '/comment', 'new')
  await set(account, '/comment', null, { user: 'bert' })
  assert.deepEqual([shown(account), shown(account, 'bert')], [['/comment=new'], []])
  const { sequence } = account.state
  await set(account, '/comment', 'new')
  await set(account, '/nothing', null)
  assert.equal(account.state.sequence, sequence)
})

test('of several annotations all are set or none', async () => {
  const account = await makeSetting({ maxAnnotationBytes: 5 }).store().open('anna')
  const mailboxId = inboxOf(account.state).id
  await assert.rejects(annotate(account, { mailboxId, changes: [{ user: null, name: '/a', value: Buffer.from('x') }, { user: null, name: '/b', value: Buffer.from('123456') }] }), { code: 'TOOBIG' })
  assert.deepEqual(shown(account), [])
})

test('there are as many as the setting says, counted for each user', async () => {
  const account = await makeSetting({ maxAnnotations: 2 }).store().open('anna')
  for (const name of ['/a', '/b']) await set(account, name, 'x')
  await assert.rejects(set(account, '/c', 'x'), { code: 'TOOMANY' })
  await set(account, '/c', 'x', { user: 'anna' })
  await set(account, '/b', 'longer than before')
  await set(account, '/b', null)
  await set(account, '/c', 'x')
})

test('what the account may hold of them is not exceeded', async () => {
  const account = await makeSetting().store().open('anna')
  await set(account, '/a', '12345678', { quotaBytes: 12 })
  await assert.rejects(set(account, '/b', '1', { quotaBytes: 12 }), { code: 'OVERQUOTA' })
  await set(account, '/a', '1', { quotaBytes: 12 })
  await set(account, '/b', '1', { quotaBytes: 12 })
})

test('values that do not fit into one entry together are refused', async () => {
  const account = await makeSetting().store().open('anna')
  const changes = Array.from({ length: 5 }, (_, at) => ({ user: null, name: `/${at}`, value: Buffer.alloc(16_000) }))
  await assert.rejects(annotate(account, { mailboxId: inboxOf(account.state).id, changes }), { code: 'LIMIT' })
  await annotate(account, { mailboxId: inboxOf(account.state).id, changes: changes.slice(2) })
})

test('INBOX keeps its annotations when it is renamed, and the new mailbox has them too; a deleted mailbox takes its own along', async () => {
  const account = await makeSetting().store().open('anna')
  await set(account, '/comment', 'hello')
  await renameMailbox(account, { from: 'inbox', to: 'Old/' })
  assert.deepEqual(shown(account), ['/comment=hello'])
  assert.equal(account.state.mailbox('Old')?.annotations.bytes, 13)
  await renameMailbox(account, { from: 'Old', to: 'Older' })
  assert.equal(account.state.mailbox('Older')?.annotations.bytes, 13)
  await deleteMailbox(account, { name: 'Older' })
  assert.equal(account.state.annotationBytes, 13)
})
