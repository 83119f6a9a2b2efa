import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import type { CheckProgress } from '#lib/mail/mailbox/check.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { blobPrefix, entryKey, newBlobKey, snapshotPrefix, snapshotSort } from '#lib/mail/mailbox/logKeys.ts'
import { SnapshotKeeper } from '#lib/mail/mailbox/snapshotKeeper.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { fileText, inboxOf, makeSetting, start } from './setting.ts'
import type { Setting } from './setting.ts'

const day = 24 * 60 * 60 * 1000

/** INBOX with UIDs 1 to 6 (UID 4 removed, UID 2 also in Trash), filed by the entries 2 to 7; 10 entries in all. */
async function makeAccount(): Promise<{ setting: Setting; account: AccountMail }> {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  for (let n = 1; n <= 6; n++) await fileText(account, { text: `Subject: ${n}\r\n\r\n${'x'.repeat(n)}\r\n`, deliveryId: `d${n}` })
  const inbox = inboxOf(account.state)
  await changeFlags(account, { mailboxId: inbox.id, uids: [1, 4], action: 'add', flags: ['\\Seen', '\\Deleted'] })
  await copyMessages(account, { from: inbox.id, to: account.state.mailbox('Trash')?.id ?? '', uids: [2] })
  await expungeMessages(account, { mailboxId: inbox.id, uids: [4] })
  return { setting, account }
}

async function problemsOf({ deps }: Setting): Promise<string[]> {
  return (await checkAccount(deps, 'anna')).problems.map(({ kind, sentence }) => `${kind}: ${sentence}`)
}

function rowsOf({ engine }: Setting): Map<string, Uint8Array> {
  const rows = engine.rows.get('mail/anna')
  assert.ok(rows)
  return rows
}

const sortOf = (sequence: number) => entryKey('anna', sequence).sort
/** Blobs of messages in the order in which they were stored; several in one millisecond have random order by key. */
const storedKeys = ({ engine }: Setting) => [...engine.kept.keys()].filter((key) => key.startsWith(blobPrefix('anna')))

async function writeSnapshot(setting: Setting, account: AccountMail): Promise<void> {
  const keeper = new SnapshotKeeper(setting.deps, 'anna')
  await keeper.load(rowsOf(setting).get(snapshotSort))
  await keeper.write(account.state)
}

test('an account that is whole has no problems, with a snapshot and without, and the check changes nothing', async () => {
  const { setting, account } = await makeAccount()
  const steps: CheckProgress[] = []
  const before = [...rowsOf(setting)].length
  const checked = await checkAccount({ ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 1 } }, 'anna', (step) => steps.push(step))
  assert.deepEqual(checked, { accountId: 'anna', entries: 10, messages: 6, contents: 6, problems: [], untold: 0 })
  assert.deepEqual(steps.at(-1), { stage: 'contents', done: 6, total: 6 })
  assert.equal([...rowsOf(setting)].length, before)
  await writeSnapshot(setting, account)
  await fileText(account)
  assert.deepEqual(await problemsOf(setting), [])
})

test('an account that was never opened is whole', async () => {
  assert.deepEqual(await checkAccount(makeSetting().deps, 'nobody'), { accountId: 'nobody', entries: 0, messages: 0, contents: 0, problems: [], untold: 0 })
})

test('a missing blob is named by mailbox and UID', async () => {
  const { setting } = await makeAccount()
  const key = storedKeys(setting)[2] ?? ''
  setting.engine.kept.delete(key)
  assert.deepEqual(await problemsOf(setting), [`content: The content of INBOX UID 3, filed by entry 4, (blob ${key}) is missing`])
})

test('the blob of a removed message is missed only while it may be brought back', async () => {
  const { setting } = await makeAccount()
  const key = storedKeys(setting)[3] ?? ''
  setting.engine.kept.delete(key)
  assert.deepEqual(await problemsOf(setting), [`content: The content of a removed message, filed by entry 5, (blob ${key}) is missing`])
  setting.clock.time += 31 * day
  assert.deepEqual(await problemsOf(setting), [])
})

test('one flipped octet and one lost octet are found', async () => {
  const { setting } = await makeAccount()
  const [first = '', second = ''] = storedKeys(setting)
  const flipped = setting.engine.kept.get(first)
  const cut = setting.engine.kept.get(second)
  assert.ok(flipped && cut)
  flipped.bytes[5] = (flipped.bytes[5] ?? 0) ^ 1
  setting.engine.kept.set(second, { ...cut, bytes: cut.bytes.subarray(1) })
  assert.deepEqual(await problemsOf(setting), [
    `content: The content of INBOX UID 1, filed by entry 2, (blob ${first}) is damaged: its SHA-256 is not the one it was filed with`,
    `content: The content of INBOX UID 2, filed by entry 3, (blob ${second}) has ${cut.bytes.length - 1} octets stored where there were ${cut.bytes.length}`,
  ])
})

test('a hole in the log is named; what a snapshot still knows is checked', async () => {
  const { setting, account } = await makeAccount()
  rowsOf(setting).delete(sortOf(3))
  const unknown = 'log: Contents were not checked, because neither the log nor a snapshot says which messages there are'
  assert.deepEqual(await problemsOf(setting), ['log: Entry 3 of the log is missing', unknown])
  await writeSnapshot(setting, account)
  rowsOf(setting).delete(sortOf(4))
  setting.engine.kept.delete(storedKeys(setting)[0] ?? '')
  const problems = await problemsOf(setting)
  assert.equal(problems.length, 3)
  assert.equal(problems[0], 'log: Entries 3 to 4 of the log are missing')
  assert.match(problems[1] ?? '', /^content: The content of INBOX UID 1, .* is missing$/)
  assert.equal(problems[2], 'content: 2 messages were filed by entries that are missing or cannot be read')
})

test('a log without its beginning, and one that ends before its snapshot, are named', async () => {
  const { setting, account } = await makeAccount()
  await writeSnapshot(setting, account)
  rowsOf(setting).delete(sortOf(10))
  assert.deepEqual(await problemsOf(setting), ['log: The log ends at entry 9, before its snapshot of entry 10'])
  rowsOf(setting).delete(sortOf(1))
  assert.equal((await problemsOf(setting))[0], 'log: Entry 1 of the log is missing')
})

test('entries that cannot be read, are too large or name what is not there are told of', async () => {
  const { setting } = await makeAccount()
  const rows = rowsOf(setting)
  rows.set(sortOf(11), Buffer.from('no entry'))
  assert.match((await problemsOf(setting))[0] ?? '', /^log: Entry 11 of the account log: /)
  rows.set(sortOf(11), encodeEntry({ at: start, writer: 'w', changes: [{ kind: 'delete', mailbox: 'F999' }] }))
  assert.match((await problemsOf(setting))[0] ?? '', /^log: Entry 11 .*names the mailbox F999, which is not there/)
  rows.set(sortOf(11), encodeEntry({ at: start, writer: 'w'.repeat(65 * 1024), changes: [] }))
  assert.match((await problemsOf(setting))[0] ?? '', /^log: Entry 11 of the log has 66\d\d\d octets, more than 65536$/)
})

test('a snapshot that cannot be read or that says other things than the log is told of', async () => {
  const { setting, account } = await makeAccount()
  const inbox = inboxOf(account.state)
  inbox.messages.segments[0]?.columns.sizeBytes.set([99], 0)
  await writeSnapshot(setting, account)
  const [different] = await problemsOf(setting)
  assert.match(different ?? '', /^snapshot: The snapshot of entry 10 says "INBOX 1: .*99 octets.*" where the log says "INBOX 1: .*"$|^snapshot: .*"mailbox .*"$/)
  for (const key of setting.engine.kept.keys()) if (key.startsWith(snapshotPrefix('anna'))) setting.engine.kept.delete(key)
  const [unreadable, ...more] = await problemsOf(setting)
  assert.match(unreadable ?? '', /^snapshot: The snapshot cannot be read.*there is no blob snapshot\/anna\//)
  assert.deepEqual(more, [])
})

test('a blob nobody refers to is named once it is older than the retention, of a message or of a snapshot', async () => {
  const { setting, account } = await makeAccount()
  await writeSnapshot(setting, account)
  const young = newBlobKey('anna', start - 29 * day)
  const old = newBlobKey('anna', start - 31 * day)
  const snapshot = `${snapshotPrefix('anna')}${old.slice(blobPrefix('anna').length)}-head`
  for (const key of [young, old, snapshot]) await setting.engine.blobs.put(key, Buffer.from('left'))
  assert.deepEqual(await problemsOf(setting), [`stray: Nothing refers to the blob ${old} (4 octets)`, `stray: Nothing refers to the blob ${snapshot} (4 octets)`])
})

test('all blobs of an account are old one day, and none of those in use is a stray', async () => {
  const { setting, account } = await makeAccount()
  await writeSnapshot(setting, account)
  setting.clock.time += 400 * day
  assert.deepEqual(await problemsOf(setting), [])
})

test('messages that are filed, removed and swept while an account is checked are no problem', async () => {
  const { setting, account } = await makeAccount()
  const inbox = inboxOf(account.state)
  const key = storedKeys(setting)[0] ?? ''
  let done = false
  const checked = await checkAccount({ ...setting.deps, settings: { ...setting.deps.settings, retentionMs: 0 } }, 'anna', ({ stage }) => {
    if (stage !== 'log' || done) return
    done = true
    // As a sweep with no retention does in another process.
    setting.engine.before = async (call) => {
      if (call !== 'info') return
      setting.engine.before = async () => undefined
      await expungeMessages(account, { mailboxId: inbox.id, uids: [1], regardless: true })
      await fileText(account)
      setting.engine.kept.delete(key)
    }
  })
  assert.equal(setting.engine.kept.has(key), false)
  assert.deepEqual(checked.problems, [])
})

test('the number of problems told is bounded', async () => {
  const { setting } = await makeAccount()
  for (let n = 0; n < 1203; n++) await setting.engine.blobs.put(newBlobKey('anna', start - 31 * day), Buffer.from('left'))
  const { problems, untold } = await checkAccount(setting.deps, 'anna')
  assert.deepEqual([problems.length, untold], [1000, 203])
})
