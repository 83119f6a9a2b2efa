/** Everything that changes an account's log, its snapshots and its blobs, by several processes at once and in any order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readStateAsOf } from '#lib/mail/mailbox/asOf.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { beginAnew } from '#lib/mail/mailbox/rebuild.ts'
import { AnewRefusal, MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { restoreMessages } from '#lib/mail/mailbox/restore.ts'
import { planRestore } from '#lib/mail/mailbox/restorePlan.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { day } from './deeds.ts'
import { cloneOf, describeState, fileText, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'

const messages = 9000
/** Longer on demand. */
const minutes = Number(process.env['PENNYPOST_TEST_MINUTES'] ?? 0)
const seed = Number(process.env['PENNYPOST_TEST_SEED'] ?? 20_261_126)
const runs = minutes > 0 ? { seed, numRuns: 1_000_000, interruptAfterTimeLimit: minutes * 60_000 } : { seed, numRuns: 12 }

/** Three segments of messages and of delivery ids, two of which are blobs. */
async function makeLarge(): Promise<Setting> {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < messages; n += 200) await Promise.all(Array.from({ length: 200 }, (_, index) => fileText(account, { deliveryId: `delivery ${n + index}` })))
  const { state, snapshots } = await loadAccount(setting.deps, 'anna')
  await snapshots.write(state)
  return setting
}

const large = await makeLarge()

const where = { from: fc.oneof(fc.integer({ min: 1, max: messages + 50 }), fc.integer({ min: 4050, max: 4140 })), length: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 60 }) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 5000 }) }), back: fc.nat(4).map((n) => n === 0) }
const deed = fc.oneof(
  { weight: 14, arbitrary: fc.record({ do: fc.constant('flags' as const), ...where, action: fc.constantFrom('add' as const, 'add' as const, 'remove' as const, 'replace' as const), flags: fc.subarray(['\\Seen', '\\Deleted', 'Work', 'WORK', '$Later'], { minLength: 1 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('expunge' as const, 'move' as const, 'copy' as const), ...where }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('file' as const, 'fileLight' as const), id: fc.oneof(fc.integer({ min: messages - 10, max: messages + 10 }), fc.integer({ min: 4090, max: 4100 }), fc.nat(messages)) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('restore' as const), hours: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 900 })) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('anew' as const), really: fc.nat(3).map((n) => n === 0) }) },
  { weight: 11, arbitrary: fc.record({ do: fc.constantFrom('wait' as const, 'sweep' as const, 'compact' as const, 'compact' as const, 'refresh' as const, 'reopen' as const, 'settle' as const) }) },
)
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never

/** One process with the account open. */
interface Process {
  store: MailStore
  account: AccountMail
}

const madeAnew = new WeakSet<Setting>()
const tally = { runs: 0, compacted: 0, restored: 0, swept: 0, light: 0, anew: 0 }

async function openProcess(setting: Setting, snapshotEntries: number): Promise<Process> {
  const store = setting.store({ snapshotEntries })
  return { store, account: await (snapshotEntries > 20 ? store.open('anna') : store.openForFiling('anna')) }
}

async function perform(setting: Setting, process: Process, snapshotEntries: number, act: Deed): Promise<void> {
  try {
    await performOrRefuse(setting, process, snapshotEntries, act)
  } catch (error) {
    // Who reads a log while it is thrown away sees that it is not whole.
    if (!(error instanceof MailboxRefusal) && !(error instanceof EntryFormatError && madeAnew.has(setting))) throw error
    if (error instanceof AnewRefusal) await perform(setting, process, snapshotEntries, { do: 'reopen' })
  }
}

async function performOrRefuse(setting: Setting, process: Process, snapshotEntries: number, act: Deed): Promise<void> {
  const { account } = process
  const [inbox = '', trash = ''] = ['INBOX', 'Trash'].map((name) => account.state.mailbox(name)?.id)
  switch (act.do) {
    case 'flags':
    case 'expunge':
    case 'move':
    case 'copy': {
      await account.log.readAll()
      const uids = Array.from({ length: act.length }, (_, place) => act.from + place)
      const [from, to] = act.back ? [trash, inbox] : [inbox, trash]
      if (act.do === 'flags') await changeFlags(account, { mailboxId: from, uids, action: act.action, flags: act.flags })
      else if (act.do === 'expunge') await expungeMessages(account, { mailboxId: from, uids, regardless: true })
      else await (act.do === 'move' ? moveMessages : copyMessages)(account, { from, to, uids })
      return
    }
    case 'file':
      return void (await fileText(account, { deliveryId: `delivery ${act.id}` }))
    case 'fileLight': {
      const store = setting.store({ snapshotEntries })
      const light = await store.openForFiling('anna')
      await fileText(light, { deliveryId: `delivery ${act.id}` })
      if (!light.log.whole) tally.light++
      return await store.close()
    }
    case 'restore': {
      await account.log.readAll()
      const time = setting.clock.time - act.hours * 60 * 60 * 1000
      const past = await readStateAsOf(setting.deps, 'anna', time)
      const plan = await planRestore(account, { past: past.state, time })
      const { mailboxes } = await restoreMessages(account, plan.messages.slice(0, 300))
      for (const count of mailboxes.values()) tally.restored += count
      return
    }
    case 'wait':
      setting.clock.time += 17 * day
      return
    case 'sweep':
      await account.log.readAll()
      tally.swept += (await sweepAccount(account, { strays: true })).messages
      return
    case 'compact':
      tally.compacted += await compactAccount(account, { least: 2 })
      return
    case 'anew':
      if (!act.really) return
      tally.anew++
      madeAnew.add(setting)
      return await beginAnew(setting.deps, 'anna')
    case 'refresh':
      return await account.refresh()
    case 'reopen':
      await process.store.close()
      process.store = setting.store({ snapshotEntries })
      process.account = await process.store.openForFiling('anna')
      return
    case 'settle':
      return await account.log.settle()
  }
}

async function foldAll({ deps }: Setting): Promise<AccountState> {
  const state = new AccountState()
  for await (const { sequence, entry } of readEntries(deps.table, 'anna', 1)) applyEntry(state, sequence, entry)
  return state
}

test('whoever files, flags, removes, restores, sweeps, compacts and writes snapshots at the same time, all come to what the log says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(deed, { minLength: 10, maxLength: 25 }), fc.array(fc.tuple(fc.nat(2), deed), { minLength: 10, maxLength: 40 }), fc.integer({ min: 1, max: 9 }), async (scheduler, before, deeds, snapshotEntries) => {
      const setting = cloneOf(large)
      const first = await openProcess(setting, 30)
      // Old enough for compaction and the sweep when the others come.
      for (const act of before) await perform(setting, first, 30, act)
      await first.store.close()
      setting.clock.time += 31 * day
      const every = [snapshotEntries, snapshotEntries + 4, 40]
      const processes = await Promise.all(every.map((entries) => openProcess(setting, entries)))
      setting.engine.before = async (call) => await scheduler.schedule(Promise.resolve(), call)
      const working = processes.map(async (process, at) => {
        for (const [who, act] of deeds) {
          if (who !== at) continue
          setting.clock.time += 30 * 60_000
          await perform(setting, process, every[at] ?? 1, act)
        }
      })
      await scheduler.waitFor(Promise.all(working))
      await scheduler.waitFor(Promise.all(processes.map(({ store }) => store.settle())))
      setting.engine.before = async () => undefined
      // One that was made anew begins when it is opened.
      await setting.store().createAccount('anna')
      const state = await foldAll(setting)
      const wanted = describeState(state)
      tally.runs++
      for (const { store } of processes) assert.deepEqual(describeState((await store.open('anna')).state), wanted)
      const light = await setting.store({ snapshotEntries: 0 }).openForFiling('anna')
      assert.deepEqual([light.state.usedBytes, light.state.messageCount, light.state.mailboxes().map(({ unseen, count }) => [unseen, count])], [state.usedBytes, state.messageCount, state.mailboxes().map(({ unseen, count }) => [unseen, count])])
      await light.log.readAll()
      assert.deepEqual(describeState(light.state), wanted)
      // Of an account that was made anew, the contents of before wait to be filed again.
      const { problems } = await checkAccount(setting.deps, 'anna')
      assert.deepEqual(problems.filter(({ kind }) => !madeAnew.has(setting) || kind !== 'stray'), [])
    }),
    { ...runs, endOnFailure: true },
  )
  // Else the property says little.
  for (const [what, count] of Object.entries(tally)) assert.ok(count > 0, `${what}: ${count}`)
})
