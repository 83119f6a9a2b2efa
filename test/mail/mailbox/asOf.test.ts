/** The state of any time, against folding the entries up to then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readStateAsOf } from '#lib/mail/mailbox/asOf.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import type { LogRow } from '#lib/mail/mailbox/tail.ts'
import { day, deed, perform } from './deeds.ts'
import { describeState, fileText, inboxOf, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

async function rowsOf({ deps }: Setting): Promise<LogRow[]> {
  const rows: LogRow[] = []
  for await (const row of readEntries(deps.table, 'anna', 1)) rows.push(row)
  return rows
}

/** Up to the first entry of later. */
function foldUntil(rows: readonly LogRow[], time: number): AccountState {
  const state = new AccountState()
  for (const { sequence, entry } of rows) {
    if (entry.at > time) break
    applyEntry(state, sequence, entry)
  }
  return state
}

test('the state as of any time is the fold of the entries up to then, with a snapshot before it, behind it or none', async () => {
  let pasts = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: -2000, max: 60_000 }), deed), { minLength: 5, maxLength: 40 }), fc.integer({ min: 0, max: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 6 }), async (deeds, snapshotEntries, times) => {
      const setting = makeSetting()
      const store = setting.store({ snapshotEntries })
      const account = await store.open('anna')
      for (const [step, act] of deeds) {
        setting.clock.time += step
        await perform(setting, account, act)
      }
      await store.close()
      const rows = await rowsOf(setting)
      for (const part of [0, ...times, 1]) {
        const time = (rows[Math.floor(part * (rows.length - 1))]?.entry.at ?? 0) + (rows.length % 3) - 1
        const { state, flagsKnown } = await readStateAsOf(setting.deps, 'anna', time)
        assert.deepEqual(describeState(state), describeState(foldUntil(rows, time)))
        assert.ok(flagsKnown)
        if (state.sequence > 1 && state.sequence < rows.length) pasts++
      }
    }),
    { numRuns: 120, seed: 20_261_126 },
  )
  assert.ok(pasts > 50, `${pasts} were neither the beginning nor the end`)
})

test('after a compaction messages of any time are known, and flags where they are said to be', async () => {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  const inbox = inboxOf(account.state).id
  const act = async (n: number) => {
    setting.clock.time += 60_000
    await fileText(account)
    await changeFlags(account, { mailboxId: inbox, uids: [n + 1, (n % 5) + 1], action: n % 2 === 0 ? 'add' : 'replace', flags: [`k${n % 3}`] })
  }
  for (let n = 0; n < 100; n++) await act(n)
  setting.clock.time += 31 * day
  for (let n = 100; n < 110; n++) await act(n)
  const before = await rowsOf(setting)
  assert.ok((await compactAccount(account)) > 90)
  const answers = { known: 0, unknown: 0 }
  for (const { entry } of before) {
    const past = await readStateAsOf(setting.deps, 'anna', entry.at)
    const wanted = foldUntil(before, entry.at)
    assert.deepEqual([...(past.state.mailbox('INBOX')?.uids() ?? [])], [...(wanted.mailbox('INBOX')?.uids() ?? [])])
    if (past.flagsKnown) assert.deepEqual(describeState(past.state), describeState(wanted))
    answers[past.flagsKnown ? 'known' : 'unknown']++
  }
  assert.ok(answers.known > 20 && answers.unknown > 150, JSON.stringify(answers))
})

test('before its first entry there is no account, and a deleted one has no past', async () => {
  const setting = makeSetting()
  const store = setting.store()
  const account = await store.open('anna')
  await fileText(account)
  assert.equal((await readStateAsOf(setting.deps, 'anna', setting.clock.time - 1)).state.sequence, 0)
  await store.deleteAccount('anna')
  await assert.rejects(readStateAsOf(setting.deps, 'anna', setting.clock.time), { name: 'MailboxRefusal', code: 'NONEXISTENT' })
})
