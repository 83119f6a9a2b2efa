import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pack } from 'msgpackr'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { partitionOf, snapshotPrefix, snapshotSort } from '#lib/mail/mailbox/logKeys.ts'
import { sealBytes } from '#lib/mail/mailbox/seal.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { cloneOf, describeState, fileText, inboxOf, makeLarge, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const large = await makeLarge()

const rowsOf = ({ engine }: Setting) => engine.rows.get(partitionOf('anna')) ?? assert.fail()
const partsOf = ({ engine }: Setting) => [...engine.kept.keys()].filter((key) => key.startsWith(snapshotPrefix('anna')))
const flag = (account: AccountMail, uid: number, name: string) => changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [uid], action: 'add', flags: [name] })

/** With a snapshot of 9,000 messages and three entries behind it. */
async function snapshotted(): Promise<{ setting: Setting; wanted: string[] }> {
  const setting = cloneOf(large)
  const { state, snapshots } = await loadAccount({ ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 0 } }, 'anna')
  await snapshots.write(state)
  const account = await setting.store({ snapshotEntries: 0 }).open('anna')
  // All in the first of three segments.
  for (const uid of [5, 6, 4000]) await flag(account, uid, '\\Flagged')
  return { setting, wanted: describeState(account.state) }
}

async function reopened(setting: Setting, settings: Parameters<Setting['store']>[0] = { snapshotEntries: 0 }): Promise<string[]> {
  const store = setting.store(settings)
  const lines = describeState((await store.open('anna')).state)
  await store.close()
  return lines
}

const unreadable = ({ events }: Setting) => events.filter(({ event }) => event === 'snapshot-unreadable').length

test('an account with a snapshot opens by one read of the log and one of each blob', async () => {
  const { setting, wanted } = await snapshotted()
  setting.engine.forgetCalls()
  assert.deepEqual(await reopened(setting), wanted)
  assert.deepEqual(setting.engine.calls, { get: 0, range: 1, commit: 0, put: 0, read: 3, delete: 0, list: 0, info: 0 })
})

test('without its snapshots an account is what it was', async () => {
  const { setting, wanted } = await snapshotted()
  rowsOf(setting).delete(snapshotSort)
  for (const key of partsOf(setting)) setting.engine.kept.delete(key)
  assert.deepEqual(await reopened(setting), wanted)
})

test('a snapshot that lacks a blob, has a damaged one, or is of another version is passed over, said so and replaced', async () => {
  const later = Buffer.from(await sealBytes(pack([4, 1])))
  const damages: ((setting: Setting) => void)[] = [
    (setting) => setting.engine.kept.delete(partsOf(setting)[0] ?? ''),
    (setting) => partsOf(setting).forEach((key) => setting.engine.kept.delete(key)),
    ...partsOf((await snapshotted()).setting).map((_, at) => (setting: Setting) => {
      const blob = setting.engine.kept.get(partsOf(setting)[at] ?? '')
      assert.ok(blob)
      setting.engine.kept.set(blob.info.key, { ...blob, bytes: Buffer.concat([blob.bytes.subarray(0, 20), Buffer.alloc(blob.bytes.length, 0xc1)]) })
    }),
    (setting) => rowsOf(setting).set(snapshotSort, pack([2, 1, 'x'])),
    (setting) => rowsOf(setting).set(snapshotSort, Buffer.from('no pointer')),
    (setting) => setting.engine.kept.forEach((blob, key) => key.endsWith('-head') && setting.engine.kept.set(key, { ...blob, bytes: later })),
  ]
  for (const [at, damage] of damages.entries()) {
    const { setting, wanted } = await snapshotted()
    damage(setting)
    assert.deepEqual(await reopened(setting, { snapshotEntries: 1 }), wanted, `damage ${at}`)
    assert.equal(unreadable(setting), 1, `damage ${at}`)
    setting.engine.forgetCalls()
    assert.deepEqual(await reopened(setting), wanted, `damage ${at}, opened again`)
    assert.equal(unreadable(setting), 1, `damage ${at}, opened again`)
    assert.equal(setting.engine.calls.range, 1)
  }
})

test('who lost the race for a snapshot does not build on blobs that the winner has deleted', async () => {
  const { setting, wanted } = await snapshotted()
  const deps = { ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 0 } }
  const [one, two] = await Promise.all([loadAccount(deps, 'anna'), loadAccount(deps, 'anna')])
  for (const { messages } of two.state.mailboxes()) for (const segment of messages.segments) segment.touch()
  await two.snapshots.write(two.state)
  await one.snapshots.write(one.state)
  assert.deepEqual(await reopened(setting), wanted)
  await one.snapshots.write(one.state)
  assert.deepEqual(await reopened(setting), wanted)
  assert.equal(unreadable(setting), 0)
  assert.equal(partsOf(setting).length, 3)
})

test('a snapshot that is replaced while it is read is looked for again', async () => {
  const { setting, wanted } = await snapshotted()
  const { state, snapshots } = await loadAccount(setting.deps, 'anna')
  for (const { messages } of state.mailboxes()) for (const segment of messages.segments) segment.touch()
  let reads = 0
  setting.engine.before = async (call) => {
    if (call !== 'read' || ++reads !== 2) return
    setting.engine.before = async () => undefined
    await snapshots.write(state)
  }
  assert.deepEqual(await reopened(setting), wanted)
  assert.ok(reads >= 2)
  assert.equal(unreadable(setting), 0)
})

test('only segments that changed are written again, and those of before are deleted', async () => {
  const { setting } = await snapshotted()
  const before = partsOf(setting)
  const { state, snapshots } = await loadAccount(setting.deps, 'anna')
  await snapshots.write(state)
  const store = setting.store({ snapshotEntries: 1 })
  const account = await store.open('anna')
  setting.engine.forgetCalls()
  await flag(account, 8999, 'Later')
  await account.log.settle()
  // The head, which holds the segment that grows.
  assert.deepEqual([setting.engine.calls.put, setting.engine.calls.delete], [1, 1])
  setting.engine.forgetCalls()
  await flag(account, 5, 'Later')
  await account.log.settle()
  assert.deepEqual([setting.engine.calls.put, setting.engine.calls.delete], [2, 2])
  assert.equal(partsOf(setting).length, before.length)
})

test('an engine that fails while a snapshot is written costs the snapshot and nothing else', async () => {
  for (const failing of ['put', 'commit', 'delete']) {
    const { setting } = await snapshotted()
    const store = setting.store({ snapshotEntries: 1 })
    const account = await store.open('anna')
    await account.log.settle()
    let commits = 0
    setting.engine.before = async (call) => {
      if (call === 'commit') commits++
      // The first commit is the entry's.
      if (call === failing && (call !== 'commit' || commits === 2)) throw new Error('the disk is full')
    }
    await flag(account, 7, '\\Answered')
    await account.log.settle()
    setting.engine.before = async () => undefined
    const wanted = describeState(account.state)
    assert.deepEqual(await reopened(setting), wanted, failing)
    await flag(account, 7, '\\Draft')
    await account.log.settle()
    assert.deepEqual(await reopened(setting), describeState(account.state), failing)
    assert.ok(setting.events.some(({ event }) => event === (failing === 'delete' ? 'snapshot-left-behind' : 'snapshot-failed')), failing)
    assert.equal(unreadable(setting), 0, failing)
  }
})

test('a long log without a snapshot leads to one snapshot when it is opened, not to many', async () => {
  const setting = cloneOf(large)
  const store = setting.store({ snapshotEntries: 5 })
  setting.engine.forgetCalls()
  const account = await store.open('anna')
  await account.log.settle()
  assert.equal(setting.engine.calls.commit, 1)
  assert.equal(setting.engine.calls.put, 3)
})

test('a quiet account is not written again', async () => {
  const setting = makeSetting({ snapshotEntries: 3 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < 4; n++) await fileText(account)
  await account.log.settle()
  setting.engine.forgetCalls()
  for (let n = 0; n < 3; n++) await reopened(setting, {})
  assert.deepEqual([setting.engine.calls.put, setting.engine.calls.commit], [0, 0])
})

test('who is behind never puts back the snapshot of a process that is ahead', async () => {
  const { setting } = await snapshotted()
  const { state, snapshots } = await loadAccount({ ...setting.deps, settings: { ...setting.deps.settings, snapshotEntries: 1 } }, 'anna')
  await snapshots.settle()
  const account = await setting.store({ snapshotEntries: 1 }).open('anna')
  await flag(account, 7, '\\Answered')
  await account.log.settle()
  const pointer = rowsOf(setting).get(snapshotSort)
  for (let times = 0; times < 3; times++) {
    snapshots.folded(state, 1)
    await snapshots.settle()
    assert.deepEqual(rowsOf(setting).get(snapshotSort), pointer)
  }
  assert.deepEqual(await reopened(setting), describeState(account.state))
})
