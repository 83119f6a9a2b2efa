/** Random histories, written by several processes at once, against a plain model of what each entry means. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import type { Entry } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { partitionOf, snapshotPrefix, snapshotSort } from '#lib/mail/mailbox/logKeys.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { cloneOf, describeState, fileText, makeLarge, makeSetting } from './setting.ts'
import type { Setting } from './setting.ts'
import { deed, housekeeping, perform } from './deeds.ts'
import type { Deed } from './deeds.ts'
import { PlainAccount } from './plainAccount.ts'

const runs = { numRuns: 300, seed: 20_261_124, interruptAfterTimeLimit: 15_000 }

// ---------------------------------------------------------------- what is looked at

async function readAll({ deps }: Setting): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const { sequence, entry } of readEntries(deps.table, 'anna', 1)) {
    assert.equal(sequence, entries.length + 1)
    entries.push(entry)
  }
  return entries
}

function foldAll(entries: readonly Entry[]): AccountState {
  const state = new AccountState()
  entries.forEach((entry, at) => applyEntry(state, at + 1, entry))
  return state
}

async function openAnew(setting: Setting): Promise<string[]> {
  return describeState((await setting.store({ snapshotEntries: 0 }).open('anna')).state)
}

function dropSnapshots({ engine }: Setting): void {
  engine.rows.get(partitionOf('anna'))?.delete(snapshotSort)
  for (const key of engine.kept.keys()) if (key.startsWith(snapshotPrefix('anna'))) engine.kept.delete(key)
}

// ---------------------------------------------------------------- properties

test('writers that interleave in any order come to one history, which every reader folds to the same state', async () => {
  let interleaved = 0
  let snapshots = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.tuple(fc.nat(2), deed), { minLength: 5, maxLength: 40 }), async (scheduler, deeds) => {
      const setting = makeSetting()
      const stores = [{ snapshotEntries: 3 }, { snapshotEntries: 5 }, {}].map((settings) => setting.store(settings))
      const writers = await Promise.all(stores.map((store) => store.open('anna')))
      setting.engine.before = async (call) => await scheduler.schedule(Promise.resolve(), call)
      const working = writers.map(async (account, at) => {
        for (const [writer, act] of deeds) if (writer === at) await perform(setting, account, act)
        await account.refresh()
      })
      await scheduler.waitFor(Promise.all(working))
      await scheduler.waitFor(Promise.all(stores.map((store) => store.close())))
      setting.engine.before = async () => undefined
      for (const account of writers) await account.refresh()

      const entries = await readAll(setting)
      const wanted = describeState(foldAll(entries))
      for (const account of writers) assert.deepEqual(describeState(account.state), wanted)
      assert.deepEqual(await openAnew(setting), wanted)
      if (setting.engine.rows.get(partitionOf('anna'))?.has(snapshotSort) === true) snapshots++
      if (new Set(entries.map(({ writer }) => writer)).size > 1) interleaved++
      assert.deepEqual((await checkAccount(setting.deps, 'anna')).problems, [])
      dropSnapshots(setting)
      assert.deepEqual(await openAnew(setting), wanted)
    }),
    runs,
  )
  // Else the property says little.
  assert.ok(interleaved > 50 && snapshots > 50, `${interleaved} interleaved, ${snapshots} with a snapshot`)
})

const wide = fc.record({ do: fc.constantFrom('flags' as const, 'flags' as const, 'expunge' as const, 'move' as const, 'copy' as const), from: fc.integer({ min: 1, max: 9000 }), length: fc.integer({ min: 1, max: 300 }) })

async function performWide(account: AccountMail, { do: word, from, length }: typeof wide extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  const uids = Array.from({ length }, (_, place) => from + place)
  const [inbox, trash] = ['INBOX', 'Trash'].map((name) => account.state.mailbox(name)?.id ?? '')
  assert.ok(inbox && trash)
  if (word === 'flags') await changeFlags(account, { mailboxId: inbox, uids, action: 'add', flags: ['\\Seen'] })
  else if (word === 'expunge') await expungeMessages(account, { mailboxId: inbox, uids, regardless: true })
  else await (word === 'move' ? moveMessages : copyMessages)(account, { from: inbox, to: trash, uids })
}

test('in large mailboxes, whose segments are blobs that snapshots share, nothing else comes out', async () => {
  const large = await makeLarge()
  let shared = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(wide, { minLength: 6, maxLength: 12 }), fc.array(wide, { maxLength: 6 }), fc.integer({ min: 1, max: 3 }), async (scheduler, often, seldom, snapshotEntries) => {
      const setting = cloneOf(large)
      const stores = [setting.store({ snapshotEntries }), setting.store({ snapshotEntries: snapshotEntries + 4 })]
      const writers = await Promise.all(stores.map((store) => store.open('anna')))
      setting.engine.before = async (call) => await scheduler.schedule(Promise.resolve(), call)
      const working = writers.map(async (account, at) => {
        for (const act of at === 0 ? often : seldom) {
          await performWide(account, act)
          // So that one snapshot builds on another.
          if (at === 0) await account.log.settle()
        }
      })
      await scheduler.waitFor(Promise.all(working))
      await scheduler.waitFor(Promise.all(stores.map((store) => store.close())))
      setting.engine.before = async () => undefined
      const wanted = describeState(foldAll(await readAll(setting)))
      assert.deepEqual(await openAnew(setting), wanted)
      assert.deepEqual(setting.events.filter(({ event }) => event === 'snapshot-unreadable'), [])
      const parts = [...setting.engine.kept.keys()].filter((key) => key.startsWith(snapshotPrefix('anna')))
      // Nothing is left of the snapshots before but the segments that the last one shares with them.
      assert.ok(parts.length <= 8, parts.join(' '))
      if (new Set(parts.map((key) => key.replace(/-[^-]*$/, ''))).size > 1) shared++
    }),
    { ...runs, numRuns: 20 },
  )
  assert.ok(shared >= 5, `${shared} snapshots shared segments with the one before`)
})

/** One writer's history, an entry for each deed that changes something. */
async function writeHistory(deeds: readonly Deed[], settings: Parameters<Setting['store']>[0] = {}): Promise<{ setting: Setting; account: AccountMail }> {
  const setting = makeSetting()
  const store = setting.store(settings)
  const account = await store.open('anna')
  for (const act of deeds) await perform(setting, account, act)
  await store.close()
  return { setting, account }
}

test('a snapshot taken anywhere and the tail give what the whole log gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 5, maxLength: 40 }), fc.integer({ min: 1, max: 9 }), async (deeds, snapshotEntries) => {
      const { setting, account } = await writeHistory(deeds, { snapshotEntries })
      const wanted = describeState(foldAll(await readAll(setting)))
      assert.deepEqual(describeState(account.state), wanted)
      setting.engine.forgetCalls()
      assert.deepEqual(await openAnew(setting), wanted)
      if (account.state.sequence > snapshotEntries * 2) assert.ok(setting.engine.calls.read > 0, 'no snapshot was read')
    }),
    runs,
  )
})

test('the fold does what a plain model does, UIDs only grow and mod-sequences never go back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(deed, { minLength: 5, maxLength: 60 }), fc.array(housekeeping, { minLength: 5, maxLength: 60 })), async (deeds) => {
      const { setting } = await writeHistory(deeds)
      const entries = await readAll(setting)
      const state = new AccountState()
      const plain = new PlainAccount()
      const named = new Map<string, string>()
      const validities = new Map<string, number>()
      const before = new Map<string, { uidNext: number; highestModSeq: number }>()
      entries.forEach((entry, at) => {
        applyEntry(state, at + 1, entry)
        plain.apply(at + 1, entry)
        assert.deepEqual(plain.describeState(state), plain.describe())
        for (const mailbox of state.mailboxes()) {
          const known = before.get(mailbox.id) ?? { uidNext: 1, highestModSeq: 0 }
          assert.ok(mailbox.uidNext >= known.uidNext)
          assert.ok(mailbox.highestModSeq >= known.highestModSeq && mailbox.highestModSeq <= at + 1)
          // RFC 9051 §2.3.1.1: under one name UIDVALIDITY never goes back.
          assert.ok(mailbox.uidValidity >= (validities.get(mailbox.name) ?? 0))
          validities.set(mailbox.name, mailbox.uidValidity)
          for (let place = 0; place < mailbox.count; place++) {
            const uid = mailbox.uidAt(place)
            assert.ok(uid < mailbox.uidNext)
            // RFC 9051 §2.3.1.1: name, UIDVALIDITY and UID name one message for ever.
            for (const key of [`${mailbox.id} ${uid}`, `${mailbox.name} ${mailbox.uidValidity} ${uid}`]) {
              assert.equal(named.get(key) ?? mailbox.emailIdAt(place), mailbox.emailIdAt(place), key)
              named.set(key, mailbox.emailIdAt(place))
            }
          }
          before.set(mailbox.id, { uidNext: mailbox.uidNext, highestModSeq: mailbox.highestModSeq })
        }
      })
    }),
    runs,
  )
})

test('deliveries that come again change nothing, whoever brings them and whatever happened since', async () => {
  const ids = ['d1', 'd2', 'd3', 'd4', 'q/æ']
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { maxLength: 30 }), fc.integer({ min: 0, max: 9 }), fc.shuffledSubarray([...ids, ...ids], { minLength: 10 }), async (deeds, snapshotEntries, again) => {
      const { setting, account } = await writeHistory(deeds, { snapshotEntries })
      for (const deliveryId of ids) await fileText(account, { deliveryId })
      const before = describeState(account.state)
      const others = [account, await setting.store().open('anna'), await setting.store({ snapshotEntries: 1 }).open('anna')]
      for (const [at, deliveryId] of again.entries()) {
        const other = others[at % others.length] ?? account
        assert.deepEqual((await fileText(other, { deliveryId })).duplicate, true)
      }
      for (const other of others) {
        await other.refresh()
        assert.deepEqual(describeState(other.state), before)
      }
    }),
    { ...runs, numRuns: 60 },
  )
})
