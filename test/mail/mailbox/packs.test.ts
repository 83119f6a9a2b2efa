import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { blobPrefix, isPackKey } from '#lib/mail/mailbox/logKeys.ts'
import { readWhole } from '#lib/mail/mailbox/read.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const day = 24 * 60 * 60 * 1000

/** Where blobs are billed each, and take their time. */
function packing(packBytes = 1024 * 1024): Setting & { readonly mail: MailStore } {
  const setting = makeSetting()
  const { blobs } = setting.deps
  const put: typeof blobs.put = async (...words) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return await blobs.put(...words)
  }
  const deps = { ...setting.deps, blobs: { ...blobs, packBytes, put } }
  return { ...setting, deps, mail: new MailStore(deps) }
}

const keysOf = ({ engine }: Setting, account = 'anna') => [...engine.kept.keys()].filter((key) => key.startsWith(blobPrefix(account)))
const textOf = (n: number): string => `Subject: number ${n}\r\n\r\n${`line of ${n}\r\n`.repeat(n * 20 + 1)}`
const append = (account: AccountMail, n: number, more: object = {}) => appendMessage(account, { content: Buffer.from(textOf(n)), crlf: true, mailboxName: 'INBOX', flags: [], deliveryId: `delivery-${n}`, ...more })
const bodies = async (account: AccountMail, uids: readonly number[]) => Promise.all(uids.map(async (uid) => Buffer.from(await readWhole(account, inboxOf(account.state).id, uid)).toString()))

test('messages that come together share a blob, one that comes alone has its own', async () => {
  const setting = packing()
  const account = await setting.mail.open('anna')
  const outcomes = await Promise.all(Array.from({ length: 10 }, (_, n) => append(account, n)))
  const keys = keysOf(setting)
  assert.ok(keys.length <= 2 && keys.some(isPackKey), keys.join())
  await append(account, 10)
  assert.equal(keysOf(setting).filter((key) => !isPackKey(key)).length, keys.filter((key) => !isPackKey(key)).length + 1)
  assert.deepEqual(await bodies(account, outcomes.map(({ uid }) => uid)), Array.from({ length: 10 }, (_, n) => textOf(n)))
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
})

test('a pack explains itself, and holds contents of one account only', async () => {
  const setting = packing()
  const [anna, bert] = [await setting.mail.open('anna'), await setting.mail.open('bert')]
  await Promise.all(Array.from({ length: 6 }, (_, n) => [append(anna, n), append(bert, 100 + n)]).flat())
  for (const [name, first] of [['anna', 0], ['bert', 100]] as const) {
    const packs = keysOf(setting, name).filter(isPackKey)
    assert.ok(packs.length > 0)
    for (const key of packs) {
      const bytes = Buffer.from(setting.engine.kept.get(key)?.bytes ?? [])
      const end = bytes.length - 4
      const index = JSON.parse(bytes.subarray(end - bytes.readUInt32BE(end), end).toString()) as { account: string; delivery: string; offset: number; length: number }[]
      assert.ok(index.length > 1)
      for (const { account, delivery } of index) {
        assert.equal(account, name)
        assert.ok(Number(delivery.replace('delivery-', '')) >= first && Number(delivery.replace('delivery-', '')) < first + 6)
      }
    }
  }
})

test('a repeated delivery and a refused message take nothing away from the others of their pack', async () => {
  const setting = packing()
  const account = await setting.mail.open('anna')
  const settled = await Promise.allSettled([append(account, 1), append(account, 2), append(account, 1), append(account, 3, { mailboxName: 'nowhere' }), append(account, 4, { quotaBytes: 1 }), append(account, 5)])
  const filed = settled.flatMap((each) => (each.status === 'fulfilled' && !each.value.duplicate ? [each.value.uid] : []))
  assert.equal(filed.length, 3)
  assert.deepEqual((await bodies(account, filed)).toSorted(), [1, 2, 5].map(textOf).toSorted())
})

test('a pack stays while one of its messages lives, and goes as a stray after the last one', async () => {
  const setting = packing()
  const account = await setting.mail.open('anna')
  await Promise.all(Array.from({ length: 8 }, (_, n) => append(account, n)))
  const inbox = inboxOf(account.state).id
  const last = 8
  await expungeMessages(account, { mailboxId: inbox, uids: [1, 2, 3, 4, 5, 6, 7], regardless: true })
  setting.clock.time += 40 * day
  await sweepAccount(account, { strays: true })
  const [kept] = await bodies(account, [last])
  assert.match(kept ?? '', /^Subject: number/)
  assert.equal(keysOf(setting).filter(isPackKey).length, 1)
  await expungeMessages(account, { mailboxId: inbox, uids: [last], regardless: true })
  setting.clock.time += 40 * day
  assert.deepEqual(await sweepAccount(account, { strays: true }), { messages: 1, strays: 1 })
  assert.deepEqual(keysOf(setting), [])
})

test('a pack is no larger than the engine wants it, and large contents go alone', async () => {
  const setting = packing(4000)
  const account = await setting.mail.open('anna')
  const random = (length: number): Uint8Array => Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), Buffer.from(Array.from({ length }, () => 33 + Math.floor(Math.random() * 90)))])
  await Promise.all([3000, 1500, 1500, 1500, 1500, 1500].map(async (length, n) => append(account, n, { content: random(length) })))
  for (const key of keysOf(setting)) assert.ok((setting.engine.kept.get(key)?.bytes.length ?? 0) < 4000 + 1000)
  assert.ok(keysOf(setting).length >= 3)
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
})

test('when a pack cannot be written, none of its messages is filed', async () => {
  const setting = packing()
  const account = await setting.mail.open('anna')
  const failing = new MailStore({ ...setting.deps, blobs: { ...setting.deps.blobs, put: async () => { throw new Error('no room') } } })
  const opened = await failing.open('anna')
  const settled = await Promise.allSettled(Array.from({ length: 4 }, (_, n) => append(opened, n)))
  assert.ok(settled.every(({ status }) => status === 'rejected'))
  await account.refresh()
  assert.equal(account.state.messageCount, 0)
})
