/** Compaction: old changes of flags go, and nothing else is any different. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changeAcl } from '#lib/mail/mailbox/acl.ts'
import { annotate } from '#lib/mail/mailbox/annotate.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { cloneState } from '#lib/mail/mailbox/cloneState.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import type { Change, Entry } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { compactedSort, entryKey, partitionOf, snapshotSort } from '#lib/mail/mailbox/logKeys.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { isFlagsOnly, marking, settleChange } from '#lib/mail/mailbox/settle.ts'
import { snapshotSequence } from '#lib/mail/mailbox/snapshotKeeper.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepDue } from '#lib/mail/mailbox/sweeper.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import type { LogRow } from '#lib/mail/mailbox/tail.ts'
import { day, deed, perform } from './deeds.ts'
import type { Deed } from './deeds.ts'
import { cloneOf, describeState, fileText, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const runs = { numRuns: 200, seed: 20_261_126 }
/** Flags more often than in other histories. */
const flagging = fc.oneof({ weight: 3, arbitrary: deed }, { weight: 3, arbitrary: deed.filter((one) => one.do === 'flags' || one.do === 'move' || one.do === 'copy') })
const histories = fc.array(flagging, { minLength: 10, maxLength: 60 })

async function rowsOf({ deps }: Setting): Promise<LogRow[]> {
  const rows: LogRow[] = []
  for await (const row of readEntries(deps.table, 'anna', 1)) rows.push(row)
  return rows
}

function fold(rows: readonly { readonly sequence: number; readonly entry: Entry }[], upTo = Infinity): AccountState {
  const state = new AccountState()
  for (const { sequence, entry } of rows) if (sequence <= upTo) applyEntry(state, sequence, entry)
  return state
}

/** One or two messages to flag at first, so that histories are about something. */
async function write(setting: Setting, account: AccountMail, deeds: readonly Deed[]): Promise<void> {
  await fileText(account)
  await fileText(account)
  for (const act of deeds) {
    setting.clock.time += 60_000
    await perform(setting, account, act)
  }
}

async function wholeAccount(setting: Setting): Promise<void> {
  assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
}

// ---------------------------------------------------------------- properties

test('whichever changes of flags are still there, after the settling entry the state is the same', () => {
  let partial = 0
  return fc.assert(
    fc.asyncProperty(histories, fc.infiniteStream(fc.boolean()), fc.nat(20), async (deeds, keep, skip) => {
      const setting = makeSetting({ snapshotEntries: 0 })
      const account = await setting.store().open('anna')
      await write(setting, account, deeds)
      const rows = await rowsOf(setting)
      const flagRows = rows.filter(({ entry }) => isFlagsOnly(entry)).slice(skip % 5)
      const [since, last] = [flagRows[0]?.sequence, flagRows.at(-1)?.sequence]
      if (since === undefined || last === undefined) return
      const state = fold(rows, last)
      const marked = fold(rows, since - 1)
      for (const { sequence, entry } of rows) if (sequence >= since && sequence <= last) applyEntry(marked, sequence, marking(entry))
      const settling = settleChange(state, marked, since)
      const read = new AccountState()
      for (const { sequence, entry } of rows) {
        const goes = sequence >= since && sequence < last && isFlagsOnly(entry)
        if (goes && keep.next().value === true) continue
        if (goes) partial++
        applyEntry(read, sequence, { ...entry, first: read.sequence + 1, ...(sequence === last ? { changes: [settling] } : {}) })
        if (sequence >= last) assert.deepEqual(describeState(read), describeState(fold(rows, sequence)))
      }
      assert.deepEqual(read.flagSets.spellings().sort(), fold(rows).flagSets.spellings().sort())
    }),
    runs,
  ).then(() => assert.ok(partial > 50, `${partial} were still there`))
})

test('compaction at any moment changes no state of now, and none of after its horizon', async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(histories, histories, fc.integer({ min: 0, max: 9 }), async (before, after, snapshotEntries) => {
      const setting = makeSetting({ snapshotEntries })
      const store = setting.store()
      const account = await store.open('anna')
      await write(setting, account, before)
      setting.clock.time += 31 * day
      await write(setting, account, after.slice(0, 5))
      await account.log.settle()
      const old = await rowsOf(setting)
      const went = await compactAccount(account, { least: 2 })
      taken += went
      await write(setting, account, after.slice(5))
      await store.close()
      const rows = await rowsOf(setting)
      const whole = [...old, ...rows.filter(({ sequence }) => sequence > (old.at(-1)?.sequence ?? 0))]
      // Taken out is what was found, no more.
      assert.equal(rows.length, whole.length - went)
      const settled = rows.findLast(({ entry }) => entry.changes.some(({ kind }) => kind === 'settle'))?.sequence ?? 1
      const [left, right] = [new AccountState(), new AccountState()]
      const remaining = new Map(rows.map((row) => [row.sequence, row]))
      for (const { sequence, entry } of whole) {
        applyEntry(left, sequence, entry)
        const row = remaining.get(sequence)
        if (row !== undefined) applyEntry(right, sequence, row.entry)
        if (sequence >= settled) assert.deepEqual(describeState(right), describeState(left))
      }
      assert.deepEqual(describeState(account.state), describeState(right))
      assert.deepEqual(describeState((await setting.store().open('anna')).state), describeState(right))
      // What a client with any old position is told (RFC 7162 §3.1, §3.2).
      for (const mailbox of account.state.mailboxes()) {
        const again = right.mailboxById(mailbox.id)
        for (let since = 0; since <= right.sequence; since++) assert.deepEqual([again?.changedSince(since), again?.vanishedSince(since)], [mailbox.changedSince(since), mailbox.vanishedSince(since)])
      }
      await wholeAccount(setting)
    }),
    { ...runs, numRuns: 100 },
  )
  assert.ok(taken > 100, `${taken} entries were taken out`)
})

test('a compaction that is cut short at any call has lost nothing, and the next one finishes it', async () => {
  const history = fc.sample(histories, { seed: 4, numRuns: 12 }).find((deeds) => deeds.filter((one) => one.do === 'flags').length > 8) ?? []
  let cutAt = 1
  for (let whole = false; !whole; cutAt++) {
    const setting = makeSetting({ snapshotEntries: 7 })
    const store = setting.store()
    const account = await store.open('anna')
    await write(setting, account, history)
    for (let n = 0; n < 90; n++) await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1, 2], action: n % 2 === 0 ? 'add' : 'remove', flags: ['\\Flagged'] })
    await fileText(account)
    setting.clock.time += 31 * day
    await fileText(account)
    await store.close()
    const wanted = describeState(account.state)
    let calls = 0
    setting.engine.before = async () => {
      if (++calls >= cutAt) throw new Error('killed')
    }
    whole = await compactAccount(account, { least: 2 }).then(() => true, () => false)
    setting.engine.before = async () => undefined
    const again = await setting.store().open('anna')
    assert.deepEqual(describeState(again.state), wanted, `cut at call ${cutAt}`)
    assert.deepEqual(describeState(fold(await rowsOf(setting))), wanted, `cut at call ${cutAt}`)
    await wholeAccount(setting)
    await compactAccount(again, { least: 2 })
    const rows = await rowsOf(setting)
    assert.deepEqual(describeState(fold(rows)), wanted, `finished after call ${cutAt}`)
    assert.equal(rows.filter(({ entry }) => isFlagsOnly(entry)).length, 0, `finished after call ${cutAt}`)
    await wholeAccount(setting)
  }
  assert.ok(cutAt > 10, `${cutAt} calls`)
})

test('a reader that is on its way through the log while it is compacted comes to the same state', async () => {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  const inbox = inboxOf(account.state).id
  for (let n = 0; n < 150; n++) {
    await fileText(account)
    await changeFlags(account, { mailboxId: inbox, uids: [n + 1, (n % 7) + 1], action: n % 3 === 0 ? 'add' : 'replace', flags: ['\\Seen', `k${n % 5}`] })
  }
  setting.clock.time += 31 * day
  await fileText(account)
  const wanted = describeState(account.state)
  // Pages of the engine are of a hundred rows.
  for (let stopAt = 1; stopAt <= 4; stopAt++) {
    const copy = cloneOf(setting)
    copy.clock.time = setting.clock.time
    const other = await copy.store().open('anna')
    let ranges = 0
    copy.engine.before = async (call) => {
      if (call !== 'range' || ++ranges !== stopAt) return
      copy.engine.before = async () => undefined
      assert.ok((await compactAccount(other)) > 100)
    }
    const { state } = await loadAccount({ ...copy.deps, settings: { ...copy.deps.settings, snapshotEntries: 0 } }, 'anna')
    assert.deepEqual(describeState(state), wanted)
  }
})

// ---------------------------------------------------------------- cases

async function flagged(times: number, setting = makeSetting({ snapshotEntries: 0 })): Promise<{ setting: Setting; account: AccountMail }> {
  const account = await setting.store().open('anna')
  await fileText(account)
  for (let n = 0; n < times; n++) {
    setting.clock.time += 1000
    await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['\\Flagged'] })
  }
  return { setting, account }
}

test('young changes stay, few ones stay, and the last entry of a log stays', async () => {
  const { setting, account } = await flagged(200)
  setting.clock.time += 29 * day
  assert.equal(await compactAccount(account), 0)
  setting.clock.time += 2 * day
  setting.engine.forgetCalls()
  // One is the last of the log, another gets the settling change.
  assert.equal(await compactAccount(account), 198)
  assert.equal((await rowsOf(setting)).at(-1)?.sequence, account.state.sequence)
  await wholeAccount(setting)
  const few = await flagged(60)
  few.setting.clock.time += 31 * day
  assert.equal(await compactAccount(few.account), 0)
})

test('what was looked at is not looked at again', async () => {
  const { setting, account } = await flagged(200)
  await fileText(account)
  setting.clock.time += 31 * day
  await compactAccount(account)
  setting.engine.forgetCalls()
  assert.equal(await compactAccount(account), 0)
  assert.deepEqual([setting.engine.calls.range, setting.engine.calls.commit], [1, 0])
  setting.engine.rows.get(partitionOf('anna'))?.delete(compactedSort)
  assert.equal(await compactAccount(account), 0)
  await wholeAccount(setting)
})

test('thousands of changes are settled by several entries', async () => {
  const { setting, account } = await flagged(0)
  const inbox = inboxOf(account.state).id
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 100 }, () => fileText(account)))
  // Each message at a time of its own, and with so many flags that not all fit into one entry.
  for (let uid = 1; uid <= 3000; uid++) await changeFlags(account, { mailboxId: inbox, uids: [uid], action: 'add', flags: [`keyword-number-${uid % 50}`, '\\Seen'] })
  setting.clock.time += 31 * day
  await fileText(account)
  const wanted = describeState(account.state)
  assert.equal((await compactAccount(account)) > 2900, true)
  const rows = await rowsOf(setting)
  assert.deepEqual(describeState(fold(rows)), wanted)
  assert.ok(rows.filter(({ entry }) => entry.changes.some(({ kind }) => kind === 'settle')).length > 1)
  await wholeAccount(setting)
})

test('entries that somebody must be told of still are not taken out', async () => {
  const { setting, account } = await flagged(200)
  setting.clock.time += 31 * day
  await fileText(account)
  const held: AccountMail = Object.assign(Object.create(account) as AccountMail, { log: Object.assign(Object.create(account.log) as typeof account.log, { deps: { ...setting.deps, feed: { rows: () => [], told: () => undefined, heldFrom: async () => 150 } } }) })
  await compactAccount(held)
  const rows = await rowsOf(setting)
  assert.equal(rows.filter(({ sequence, entry }) => sequence >= 150 && isFlagsOnly(entry)).length, 53)
  assert.equal(rows.filter(({ sequence, entry }) => sequence < 150 && isFlagsOnly(entry)).length, 0)
})

test('an entry whose clock was ahead stays, for the time of the log is the latest of its entries', async () => {
  const { setting, account } = await flagged(100)
  setting.clock.time += 3 * day
  await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: 'add', flags: ['ahead'] })
  setting.clock.time -= 3 * day
  for (let n = 0; n < 100; n++) await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['later'] })
  setting.clock.time += 40 * day
  await fileText(account)
  const wanted = describeState(account.state)
  assert.equal(await compactAccount(account), 199)
  const rows = await rowsOf(setting)
  assert.deepEqual(describeState(fold(rows)), wanted)
  await wholeAccount(setting)
})

test('keywords of messages that are gone stay known to their mailboxes, and those that only a part of a log gave do not', async () => {
  const { setting, account } = await flagged(0)
  const [inbox, archive] = [inboxOf(account.state).id, account.state.mailbox('Archive')?.id ?? '']
  const flags = (uid: number, action: 'add' | 'remove', mailboxId = inbox, keyword = 'Work') => changeFlags(account, { mailboxId, uids: [uid], action, flags: [keyword] })
  await flags(1, 'add')
  await expungeMessages(account, { mailboxId: inbox, uids: [1], regardless: true })
  await fileText(account)
  await flags(2, 'add')
  await flags(2, 'remove')
  await moveMessages(account, { from: inbox, to: archive, uids: [2] })
  await flags(1, 'add', archive, 'Other')
  await flags(1, 'remove', archive, 'Other')
  const early = await rowsOf(setting)
  await flags(1, 'add', archive)
  const last = await rowsOf(setting)
  const settled = settleChange(fold(early), early.reduce((marked, { sequence, entry }) => (applyEntry(marked, sequence, marking(entry)), marked), new AccountState()), 1)
  // Each single change may be there or not.
  const places = early.filter(({ entry }) => isFlagsOnly(entry)).map(({ sequence }) => sequence)
  const end = places.at(-1)
  for (let kept = 0; kept < 1 << places.length; kept++) {
    const read = new AccountState()
    for (const { sequence, entry } of last) {
      const at = places.indexOf(sequence)
      if (at >= 0 && sequence !== end && ((kept >> at) & 1) === 0) continue
      applyEntry(read, sequence, { ...entry, first: read.sequence + 1, ...(sequence === end ? { changes: [settled] } : {}) })
    }
    assert.deepEqual(describeState(read), describeState(fold(last)), `kept ${kept.toString(2)}`)
  }
})

test('before anything is taken out there is a snapshot of the end of the stretch or later', async () => {
  for (const first of ['none', 'old']) {
    const setting = makeSetting()
    const { account } = await flagged(200, setting)
    if (first === 'old') {
      const { state, snapshots } = await loadAccount(setting.deps, 'anna')
      await snapshots.write(state)
    }
    for (let n = 0; n < 100; n++) await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['later'] })
    setting.clock.time += 31 * day
    await fileText(account)
    let sequence = 0
    setting.engine.before = async (call) => {
      const rows = setting.engine.rows.get(partitionOf('anna'))
      const pointer = rows?.get(snapshotSort)
      if (call === 'commit' && pointer !== undefined) sequence = Math.max(sequence, snapshotSequence(pointer))
      if ((rows?.size ?? 0) < 300) assert.ok(sequence >= 302, `${first}: ${sequence}`)
    }
    assert.equal(await compactAccount(account), 299)
    assert.ok(sequence >= 302, `${first}: ${sequence}`)
  }
})

test('two processes that compact one account at once, while it changes, agree', async () => {
  const { setting, account } = await flagged(300)
  setting.clock.time += 31 * day
  await fileText(account)
  const other = await setting.store().open('anna')
  const busy = async () => {
    for (let n = 0; n < 20; n++) await fileText(other)
  }
  await Promise.all([compactAccount(account), compactAccount(other), busy()])
  await account.refresh()
  await other.refresh()
  assert.deepEqual(describeState(account.state), describeState(other.state))
  assert.deepEqual(describeState(fold(await rowsOf(setting))), describeState(account.state))
  await compactAccount(account)
  assert.equal((await rowsOf(setting)).filter(({ entry }) => isFlagsOnly(entry)).length, 0)
  await wholeAccount(setting)
})

test('the check finds an entry that is missing though others were taken out, and a wrong claim to stand for others', async () => {
  const { setting, account } = await flagged(200)
  setting.clock.time += 31 * day
  for (let n = 0; n < 3; n++) await fileText(account)
  await compactAccount(account)
  const rows = setting.engine.rows.get(partitionOf('anna'))
  rows?.delete(entryKey('anna', 203).sort)
  const { problems } = await checkAccount(setting.deps, 'anna')
  assert.ok(problems.some(({ sentence }) => sentence === 'Entry 203 of the log is missing'), JSON.stringify(problems))
})

test('the sweeper compacts when it looks for strays', async () => {
  const { setting, account } = await flagged(200)
  setting.clock.time += 31 * day
  await fileText(account)
  await sweepDue({ ...setting.deps, store: setting.store(), accountIds: async () => ['anna'] })
  assert.deepEqual(setting.events.filter(({ event }) => event === 'swept').map(({ fields }) => fields), [{ account: 'anna', messages: 0, strays: 0, entries: 199 }])
})

test('whatever the retention, a process that has not looked for an hour appends behind the others, not between them', async () => {
  const setting = makeSetting({ retentionMs: 0 })
  const account = await setting.store().open('anna')
  await fileText(account)
  const stale = await setting.store().open('anna')
  for (let n = 0; n < 9; n++) await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['Work'] })
  await fileText(account)
  setting.clock.time += day / 24
  await compactAccount(account, { least: 2 })
  assert.equal((await fileText(stale)).uid, 3)
  await wholeAccount(setting)
  setting.clock.time += day
  assert.equal(await compactAccount(account, { least: 2 }), 8)
  await wholeAccount(setting)
})

test('a clone is equal, and goes ways of its own', async () => {
  const { account } = await flagged(3)
  for (let n = 0; n < 60; n++) await Promise.all(Array.from({ length: 100 }, () => fileText(account)))
  await annotate(account, { mailboxId: inboxOf(account.state).id, changes: [{ user: 'anna', name: '/comment', value: Buffer.from('x') }] })
  await changeAcl(account, { mailboxId: inboxOf(account.state).id, identifier: 'bert', action: 'add', rights: 'lr', domain: 'example.org' })
  await moveMessages(account, { from: inboxOf(account.state).id, to: account.state.mailbox('Trash')?.id ?? '', uids: [3, 4] })
  const clone = cloneState(account.state)
  assert.deepEqual(describeState(clone), describeState(account.state))
  assert.deepEqual(clone.flagSets.spellings(), account.state.flagSets.spellings())
  const before = describeState(account.state)
  const change: Change = { kind: 'expunge', mailbox: inboxOf(clone).id, uids: [1, 5000] }
  applyEntry(clone, clone.sequence + 1, { at: 1, writer: 'w', changes: [change] })
  assert.deepEqual(describeState(account.state), before)
  assert.deepEqual(describeState(cloneState(clone)), describeState(clone))
})
