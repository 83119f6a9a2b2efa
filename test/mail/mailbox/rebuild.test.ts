/** Accounts made anew from blobs: what comes back, what cannot, and that nothing is lost on the way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount, readState } from '#lib/mail/mailbox/load.ts'
import { isPackKey, partitionOf, snapshotPrefix, snapshotSort } from '#lib/mail/mailbox/logKeys.ts'
import { createMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { openBody, readMetadata } from '#lib/mail/mailbox/read.ts'
import { beginAnew, logLength, rebuildAccount } from '#lib/mail/mailbox/rebuild.ts'
import type { Rebuilt } from '#lib/mail/mailbox/rebuild.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { readRows } from '#lib/mail/mailbox/tail.ts'
import { makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const idOf = (account: AccountMail, name: string): string => account.state.mailbox(name)?.id ?? assert.fail(`there is no ${name}`)
const large = `Subject: large\r\n\r\n${'0123456789'.repeat(70_000)}\r\n`
const texts = new Map([['INBOX', Array.from({ length: 5 }, (_, n) => `Subject: ${n}\r\n\r\nhello ${n}\r\n`)], ['Lists/Ünï', ['Subject: list\r\n\r\n' + 'words '.repeat(500), large]], ['Sent', ['Subject: sent\r\n\r\n\r\n']]])

/** With packs: an engine that bills by the blob, and takes its time. */
function packing(setting: Setting): Setting {
  const { blobs } = setting.deps
  const put: typeof blobs.put = async (...words) => {
    await new Promise((resolve) => setTimeout(resolve, 3))
    return await blobs.put(...words)
  }
  return { ...setting, deps: { ...setting.deps, blobs: { ...blobs, packBytes: 100_000, put } } }
}

async function filled({ deps }: Setting): Promise<AccountMail> {
  const account = await new MailStore(deps).open('anna')
  await createMailbox(account, { name: 'Lists/Ünï' })
  let n = 0
  for (const [name, all] of texts) await Promise.all(all.map((text) => appendMessage(account, { mailboxId: idOf(account, name), flags: ['\\Seen'], content: Buffer.from(text), crlf: true, deliveryId: `delivery ${n++}/ü`, internalDate: 1_000_000 * n })))
  await account.log.settle()
  return account
}

/** The Table is gone, as far as this account is concerned. */
const loseTable = ({ engine }: Setting): void => void engine.rows.delete(partitionOf('anna'))

async function rebuild(setting: Setting): Promise<{ account: AccountMail; rebuilt: Rebuilt }> {
  const store = new MailStore(setting.deps)
  const rebuilt = await rebuildAccount(setting.deps, store, 'anna')
  return { account: await store.open('anna'), rebuilt }
}

async function contents(account: AccountMail, name: string): Promise<string[]> {
  const all: string[] = []
  for (const uid of account.state.mailbox(name)?.uids() ?? []) {
    const chunks: Uint8Array[] = []
    for await (const chunk of (await openBody(account, idOf(account, name), uid)).read()) chunks.push(chunk)
    all.push(Buffer.concat(chunks).toString())
  }
  return all
}

async function wholeAccount(setting: Setting): Promise<void> {
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
}

for (const packed of [false, true]) {
  test(`all messages come back where they came in, ${packed ? 'from packs' : 'each from its blob'}`, async () => {
    const setting = packed ? packing(makeSetting()) : makeSetting()
    const before = await filled(setting)
    assert.equal([...setting.engine.kept.keys()].some(isPackKey), packed)
    await moveMessages(before, { from: idOf(before, 'INBOX'), to: idOf(before, 'Trash'), uids: [1] })
    const subjects = async (account: AccountMail) => (await Array.fromAsync(readMetadata(account, idOf(account, 'Lists/Ünï'), [1, 2]))).map(({ metadata }) => metadata.envelope.subject)
    const wanted = await subjects(before)
    loseTable(setting)
    const { account, rebuilt } = await rebuild(setting)
    assert.deepEqual({ ...rebuilt, mailboxes: new Map([...rebuilt.mailboxes].sort()) }, { mailboxes: new Map([['INBOX', 5], ['Lists/Ünï', 2], ['Sent', 1]]), homeless: 0, twice: 0, unreadable: [] })
    for (const [name, all] of texts) assert.deepEqual((await contents(account, name)).sort(), [...all].sort())
    const inbox = account.state.mailbox('INBOX')
    assert.deepEqual([inbox?.unseen, [0, 1, 2, 3, 4].map((place) => inbox?.internalDateAt(place)).sort()], [5, [1, 2, 3, 4, 5].map((n) => n * 1_000_000)])
    // Of one instant, they come in any order.
    assert.deepEqual((await subjects(account)).sort(), wanted.sort())
    await wholeAccount(setting)
  })
}

test('what was delivered is remembered, and comes once', async () => {
  const setting = makeSetting()
  await filled(setting)
  const store = setting.store()
  setting.clock.time += 1000
  const account = await store.open('anna')
  await appendMessage(account, { mailboxName: 'INBOX', flags: [], content: Buffer.from('Subject: late\r\n\r\n'), deliveryId: 'late' })
  // A broken-off writing left the same delivery twice.
  const [key, blob] = [...setting.engine.kept].findLast(([one]) => one.startsWith('mail/')) ?? assert.fail()
  setting.engine.kept.set(`${key}x`, { ...blob, info: { ...blob.info, key: `${key}x` } })
  loseTable(setting)
  const again = await rebuild(setting)
  assert.equal(again.rebuilt.twice, 1)
  assert.equal((await appendMessage(again.account, { mailboxName: 'INBOX', flags: [], content: Buffer.from('Subject: late\r\n\r\n'), deliveryId: 'late' })).duplicate, true)
})

test('blobs that cannot be read are told of, and keep none of the others back', async () => {
  const setting = packing(makeSetting())
  await filled(setting)
  const { kept } = setting.engine
  const put = (key: string, bytes: Buffer, metadata: Record<string, string>) => kept.set(`mail/anna/${key}`, { info: { key: `mail/anna/${key}`, sizeBytes: bytes.length, metadata }, bytes })
  put('01', Buffer.from('x'), {})
  put('02', Buffer.from('no zstd'), { kind: 'message', codec: 'zstd', date: 'long ago', mailbox: '%E0' })
  put('03', Buffer.from('no pack'), { kind: 'pack' })
  put('04', Buffer.from('Subject: homeless\r\n\r\n'), { kind: 'message', codec: 'identity' })
  put('05', Buffer.from('x'), { kind: 'message' })
  loseTable(setting)
  const { rebuilt, account } = await rebuild(setting)
  assert.deepEqual(rebuilt.unreadable.map(({ key, reason }) => `${key.slice(-2)} ${reason.replace(/: .*/, '')}`).sort(), ['01 is of the unknown kind (none)', '02 cannot be read', '03 does not explain what is in it', '05 does not say how it is packed'])
  assert.deepEqual([rebuilt.homeless, account.state.messageCount], [1, 9])
})

test('a log that is there is thrown away at one instant, and those who know it let go', async () => {
  const setting = makeSetting({ snapshotEntries: 3 })
  const liveStore = setting.store()
  await filled(setting)
  const live = await liveStore.open('anna')
  await changeFlags(live, { mailboxId: idOf(live, 'INBOX'), uids: [1], action: 'add', flags: ['\\Flagged'] })
  await live.log.settle()
  const entries = await logLength(setting.deps, 'anna')
  await beginAnew(setting.deps, 'anna')
  const { account, rebuilt } = await rebuild(setting)
  assert.deepEqual([[...rebuilt.mailboxes.values()].reduce((sum, one) => sum + one), account.state.sequence > entries], [8, true])
  assert.ok((account.state.mailbox('INBOX')?.uidValidity ?? 0) > (live.state.mailbox('INBOX')?.uidValidity ?? 0))
  // A session from before, in a process that has not looked since.
  await assert.rejects(changeFlags(live, { mailboxId: idOf(live, 'INBOX'), uids: [2], action: 'add', flags: ['\\Flagged'] }), { name: 'MailboxRefusal' })
  await assert.rejects(live.refresh(), { code: 'NONEXISTENT' })
  // A new one there, while that one is still open.
  assert.equal((await liveStore.open('anna')).state.messageCount, 8)
  await wholeAccount(setting)
  assert.deepEqual((await readState(setting.deps, 'anna')).messageCount, 8)
})

test('a process that has not looked for some entries is refused, and puts none of its own before the new beginning', async () => {
  const setting = makeSetting({ snapshotEntries: 3 })
  const live = await filled(setting)
  const stale = await setting.store().open('anna')
  for (let n = 0; n < 9; n++) await changeFlags(live, { mailboxId: idOf(live, 'INBOX'), uids: [1, 2], action: n % 2 === 0 ? 'remove' : 'add', flags: ['\\Seen'] })
  await live.log.settle()
  await beginAnew(setting.deps, 'anna')
  const late = { mailboxName: 'INBOX', flags: [], content: Buffer.from('Subject: late\r\n\r\n'), deliveryId: 'late' }
  await assert.rejects(appendMessage(stale, late), { name: 'MailboxRefusal', message: /made anew/ })
  const { account } = await rebuild(setting)
  assert.equal(account.state.messageCount, 8)
  await wholeAccount(setting)
})

test('of a log from long ago nothing is left but its last hundred numbers, however often it begins', async () => {
  const setting = makeSetting()
  const live = await filled(setting)
  for (let n = 0; n < 120; n++) await changeFlags(live, { mailboxId: idOf(live, 'INBOX'), uids: [1], action: n % 2 === 0 ? 'remove' : 'add', flags: ['\\Seen'] })
  setting.clock.time += 25 * 60 * 60 * 1000
  const numbers = async () => (await Array.fromAsync(readRows(setting.deps.table, 'anna', 1))).map(({ sort }) => Number(sort.slice(1)))
  const last = await logLength(setting.deps, 'anna')
  const from = (first: number, to: number) => Array.from({ length: to - first + 1 }, (_, at) => first + at)
  await beginAnew(setting.deps, 'anna')
  assert.deepEqual(await numbers(), from(last - 99, last + 1))
  setting.clock.time += 25 * 60 * 60 * 1000
  await Promise.all([beginAnew(setting.deps, 'anna'), beginAnew(setting.deps, 'anna')])
  // One of the two may have begun behind the other.
  const taken = await numbers()
  assert.deepEqual(taken, from(taken[0] ?? 0, await logLength(setting.deps, 'anna')))
  assert.ok(taken.length >= 101 && taken.length <= 103, `${taken.length} numbers`)
  const { account } = await rebuild(setting)
  assert.equal(account.state.messageCount, 8)
  await wholeAccount(setting)
})

test('a snapshot of the old log that is written too late keeps nobody from filing or reading', async () => {
  const setting = makeSetting({ snapshotEntries: 3 })
  const live = await filled(setting)
  await live.log.settle()
  const rows = setting.engine.rows.get(partitionOf('anna'))
  const pointer = rows?.get(snapshotSort) ?? assert.fail('there is no snapshot')
  const blobs = [...setting.engine.kept].filter(([key]) => key.startsWith(snapshotPrefix('anna')))
  await beginAnew(setting.deps, 'anna')
  const quiet = { ...setting, deps: { ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 0 } } }
  await rebuild(quiet)
  setting.engine.rows.get(partitionOf('anna'))?.set(snapshotSort, pointer)
  for (const [key, blob] of blobs) setting.engine.kept.set(key, blob)
  const filing = await setting.store({ snapshotEntries: 0 }).openForFiling('anna')
  await appendMessage(filing, { mailboxName: 'INBOX', flags: [], content: Buffer.from('Subject: new\r\n\r\n') })
  assert.equal((await setting.store({ snapshotEntries: 0 }).open('anna')).state.messageCount, 9)
})

test('a rebuild that is cut short anywhere shows no half of the old log, and is done again', async () => {
  let cutAt = 1
  for (let whole = false; !whole; cutAt += 3) {
    const setting = makeSetting({ snapshotEntries: 3 })
    const live = await filled(setting)
    await expungeMessages(live, { mailboxId: idOf(live, 'INBOX'), uids: [5], regardless: true })
    await live.log.settle()
    let calls = 0
    setting.engine.before = async () => {
      if (++calls >= cutAt) throw new Error('killed')
    }
    whole = await beginAnew(setting.deps, 'anna').then(() => rebuild(setting)).then(() => true, () => false)
    setting.engine.before = async () => undefined
    // Either all is as it was, or nothing of before is seen.
    const seen = await loadAccount({ ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 0 } }, 'anna').then(({ state }) => state, (error: Error) => error)
    if (seen instanceof Error) assert.equal(seen.name, 'MailboxRefusal', `cut at call ${cutAt}: ${seen.message}`)
    else assert.ok(seen.mailbox('INBOX') === undefined || seen.messageCount === 7 || seen.mailbox('INBOX')?.unseen === seen.mailbox('INBOX')?.count, `cut at call ${cutAt}`)
    await beginAnew(setting.deps, 'anna')
    const { account } = await rebuild(setting)
    assert.equal(account.state.messageCount, 8, `cut at call ${cutAt}`)
    await wholeAccount(setting)
  }
  assert.ok(cutAt > 20)
})
