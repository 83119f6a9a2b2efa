import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCounts } from '#lib/mail/mailbox/checkCounts.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { Problems } from '#lib/mail/mailbox/problems.ts'
import type { AccountState } from '#lib/mail/mailbox/state.ts'
import { fileText, inboxOf, makeSetting } from './setting.ts'

async function damaged(damage: (state: AccountState) => void): Promise<string[]> {
  const account = await makeSetting().store().open('anna')
  for (let n = 1; n <= 3; n++) await fileText(account, { text: 'x'.repeat(n) })
  await copyMessages(account, { from: inboxOf(account.state).id, to: account.state.mailbox('Trash')?.id ?? '', uids: [2] })
  damage(account.state)
  const problems = new Problems()
  checkCounts(account.state, problems)
  return problems.told.map(({ sentence }) => sentence)
}

test('a wrong count of annotations is told of', async () => {
  const sentences = await damaged((state) => {
    inboxOf(state).annotations.set(null, '/comment', Buffer.from('x'))
    inboxOf(state).annotations.bytes = 1
    state.annotations.bytes = 5
  })
  assert.deepEqual(sentences, ['The account counts 5 octets of annotations, but has 0', 'INBOX counts 1 octets of annotations, but has 9'])
})

const columnsOf = (state: AccountState) => inboxOf(state).messages.segments[0]?.columns ?? assert.fail()

test('counts that contradict the messages are told of', async () => {
  assert.deepEqual(await damaged(() => undefined), [])
  assert.deepEqual(await damaged((state) => void (inboxOf(state).unseen = 1)), ['INBOX counts 1 unseen messages, but has 3'])
  assert.deepEqual(await damaged((state) => void (inboxOf(state).deletedCount = 2)), ['INBOX counts 2 deleted messages, but has 0'])
  assert.deepEqual(await damaged((state) => columnsOf(state).sizeBytes.set([9], 1)), ['INBOX counts 6 octets, but has 13'])
})

test('UIDs out of order, mod-sequences out of bounds and wrong shares are told of', async () => {
  assert.deepEqual(await damaged((state) => columnsOf(state).uid.set([2], 2)), ['INBOX has the UID 2 after 2, and 4 is the next one it gives'])
  assert.deepEqual(await damaged((state) => void (inboxOf(state).uidNext = 3)), ['INBOX has the UID 3 after 2, and 3 is the next one it gives'])
  assert.deepEqual(await damaged((state) => columnsOf(state).modSeq.set([77], 0)), ['UID 1 of INBOX has the mod-sequence 77, above the highest, 4'])
  assert.deepEqual(await damaged((state) => state.shares.clear()), ['Message M3 is counted 1 times, but stands in mailboxes 2 times'])
  assert.deepEqual(await damaged((state) => void state.shares.set(999, 2)), ['2 messages count as copied, but 1 are'])
})
