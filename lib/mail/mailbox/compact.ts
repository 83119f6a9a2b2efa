/**
 * Compaction: changes of flags older than `mailbox.retentionMs`, and than a day, are taken out of the log, and one entry in the place
 * of the last of them says what all of them had made (settle.ts).
 *
 * In words. A stretch is looked for: entries that change flags and nothing else, all old enough, from the first (`since`) to the last
 * one (`last`); whatever else stands between them stays where it is. Then
 *   1. the log is folded to `last`, and the settling change is made of it;
 *   2. the stretch is folded as it will be, and has to give the same state, octet for octet of what states hold, or nothing is done;
 *   3. a snapshot of `last` or later is written where there is none, so that nobody begins within the stretch, or writes one there;
 *   4. the settling entry takes the place of `last`, if that still is the entry that was read;
 *   5. the others are deleted, oldest first; in the commit that deletes some, the next entry that stays is made to stand for them.
 *
 * Invariants:
 * - numbers have no holes: each number is that of an entry, or stood for by the next one (`first`), which `mailbox check` verifies;
 *   the last entry of a log is never touched, for the next one gets its number from it;
 * - after `last`, and in every reading of flags, mod-sequences, UIDs and what vanished (CONDSTORE, QRESYNC, JMAP) all is as it was, so
 *   clients with a position from before are answered exactly, and never have to begin anew;
 * - up to 4 nothing has changed; from 4 on a reader may meet any part of the flag changes, in whatever order they go, and after `last`
 *   has the same state, for that entry says how things are and not how they change. So a crash at any instant loses nothing,
 *   readers that are on their way need not know, and the next compaction deletes what is left (`covered`);
 * - what is lost, and said so: flags as they were at a time before `last` (asOf.ts), and events of those changes (lib/mail/events).
 *   Entries that a webhook has not been told of are not old enough, whatever their age.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import type { MailDeps } from './accountLog.ts'
import { portLimits } from '#lib/engine/ports.ts'
import type { Change } from '#lib/engine/ports.ts'
import { cloneState } from './cloneState.ts'
import { firstDifferenceInTurns } from './describe.ts'
import { encodeEntry, entryLimitBytes, standingFor } from './entry.ts'
import type { Entry } from './entry.ts'
import { loadAccount, onlyReading } from './load.ts'
import { compactedSort, entryKey, partitionOf, snapshotSort } from './logKeys.ts'
import { isFlagsOnly, marking, settleChange } from './settle.ts'
import { snapshotSequence } from './snapshotKeeper.ts'
import { AccountState, applyEntry } from './state.ts'
import type { AccountMail } from './store.ts'
import { strayBefore } from './strays.ts'
import { readEntries, readRow, readRows } from './tail.ts'
import type { LogRow } from './tail.ts'

/** Fewer are not worth the reading. */
const leastTogether = 64
/** What one settling entry can say of messages that changed one by one. */
const mostTogether = 4096
/** Entries that another one stands for after one commit. */
const atOnce = 40
/** Octets of a commit, conditions included; with one more group of entries it is below the limit of the ports. */
const commitBytes = 512 * 1024

interface Stretch {
  readonly since: number
  readonly last: number
  readonly entries: number
  /** A settling entry stands at `last` already: a compaction broke off. */
  readonly covered: boolean
}

export interface CompactOptions {
  /** Stops between commits when it says so. */
  readonly signal?: AbortSignal | undefined
  /** Fewer entries stay as they are. */
  readonly least?: number
}

/** How many entries were taken out. Reads the log from its beginning when there is something to do. @throws {EntryFormatError}; the engine's errors */
export async function compactAccount(account: AccountMail, { signal, least = leastTogether }: CompactOptions = {}): Promise<number> {
  const { deps } = account.log
  const { accountId } = account
  let state = new AccountState()
  let from = (await readCompacted(deps, accountId)) + 1
  let most = mostTogether
  let taken = 0
  const until = await heldFrom(account)
  while (signal?.aborted !== true) {
    const stretch = await findStretch(deps, accountId, { from, until, least, most })
    if (stretch === undefined) break
    if (!stretch.covered) {
      const settled = await settleStretch(account, state, stretch)
      if (settled === 'too large') {
        most = Math.floor(stretch.entries / 2)
        // These stay as they are.
        if (most < least) [from, most] = [stretch.last + 1, mostTogether]
        continue
      }
      if (settled === undefined) break
      state = settled
      most = mostTogether
    }
    const dropped = await deleteFlags(deps, accountId, stretch, signal)
    taken += dropped.entries
    if (!dropped.whole) break
    await writeCompacted(deps, accountId, stretch.last)
    from = stretch.last + 1
  }
  return taken
}

async function heldFrom({ accountId, log: { deps } }: AccountMail): Promise<number> {
  return (await deps.feed?.heldFrom?.(accountId)) ?? Infinity
}

// ---------------------------------------------------------------- which

async function findStretch(deps: MailDeps, accountId: string, { from, until, least, most }: { readonly from: number; readonly until: number; readonly least: number; readonly most: number }): Promise<Stretch | undefined> {
  // However short the retention: a process that has not looked for some minutes must not find the number of its next entry free again.
  const before = strayBefore(deps)
  const found: number[] = []
  let waiting: number | undefined
  for await (const { sequence, entry } of readEntries(deps.table, accountId, from)) {
    // One that has another behind it is not the last of the log.
    if (waiting !== undefined) found.push(waiting)
    waiting = undefined
    if (found.length >= most || entry.at > before || sequence >= until) break
    const settles = entry.changes.find((change) => change.kind === 'settle')
    if (settles !== undefined) {
      const covered = found.filter((one) => one >= settles.since)
      if (covered[0] !== undefined) return { since: covered[0], last: sequence, entries: covered.length, covered: true }
    }
    if (isFlagsOnly(entry)) waiting = sequence
  }
  const [since, last] = [found[0], found.at(-1)]
  return since === undefined || last === undefined || found.length < least ? undefined : { since, last, entries: found.length, covered: false }
}

// ---------------------------------------------------------------- settling

/** The state at the stretch's end, where the settling entry stands now. `before` is one of any entry before the stretch. Undefined when somebody else was faster. */
async function settleStretch(account: AccountMail, before: AccountState, { since, last }: Stretch): Promise<AccountState | 'too large' | undefined> {
  const { accountId, log } = account
  const { table } = log.deps
  const base = cloneState(before)
  for await (const { sequence, entry } of readEntries(table, accountId, base.sequence + 1, since)) applyEntry(base, sequence, entry)
  const state = cloneState(base)
  // Of a million messages each takes a tenth of a second.
  await turn()
  const marked = cloneState(base)
  let replaced: { readonly entry: Entry; readonly value: Uint8Array } | undefined
  for await (const row of readRows(table, accountId, base.sequence + 1, last + 1)) {
    const { sequence, entry } = readRow(row)
    applyEntry(state, sequence, entry)
    applyEntry(marked, sequence, marking(entry))
    if (sequence === last) replaced = { entry, value: row.value }
  }
  // Another compaction has been here.
  if (replaced === undefined || !isFlagsOnly(replaced.entry)) return undefined
  const { at, writer, first } = replaced.entry
  const settling: Entry = { at, writer, changes: [settleChange(state, marked, since)], ...(first === undefined ? {} : { first }) }
  const value = encodeEntry(settling)
  if (value.length > entryLimitBytes) return 'too large'
  await demandSame(account, base, state, settling)
  if (!(await isBehindSnapshot(account, last))) return undefined
  const { committed } = await table.commit([{ put: entryKey(accountId, last), value, onlyIf: { equals: replaced.value } }])
  return committed ? state : undefined
}

/** @throws when the log would say something else without the flag changes: then there is a mistake here, and the log stays as it is */
async function demandSame({ accountId, log }: AccountMail, base: AccountState, state: AccountState, settling: Entry): Promise<void> {
  const last = state.sequence
  const apply = (sequence: number, entry: Entry) => applyEntry(base, sequence, { ...entry, first: base.sequence + 1 })
  let waiting: LogRow | undefined
  for await (const row of readEntries(log.deps.table, accountId, base.sequence + 1, last)) {
    if (waiting !== undefined && row.entry.at < waiting.entry.at) apply(waiting.sequence, waiting.entry)
    waiting = isFlagsOnly(row.entry) ? row : undefined
    if (waiting === undefined) apply(row.sequence, row.entry)
  }
  if (waiting !== undefined && settling.at < waiting.entry.at) apply(waiting.sequence, waiting.entry)
  apply(last, settling)
  const difference = await firstDifferenceInTurns(state, base)
  if (difference !== undefined) throw new Error(`compaction of account ${accountId} up to entry ${last} would turn "${difference[0]}" into "${difference[1]}"`)
}

/** There is a snapshot, and not one of before; or this system writes none. */
async function isBehindSnapshot({ accountId, log }: AccountMail, sequence: number): Promise<boolean> {
  const stands = async () => {
    const pointer = await log.deps.table.get({ partition: partitionOf(accountId), sort: snapshotSort })
    return pointer === undefined ? log.deps.settings.snapshotEntries === 0 : snapshotSequence(pointer) >= sequence
  }
  if (await stands()) return true
  const { state, snapshots } = await loadAccount(onlyReading(log.deps), accountId)
  await snapshots.write(state)
  return await stands()
}

// ---------------------------------------------------------------- deleting

interface FlagRow {
  readonly sequence: number
  readonly value: Uint8Array
  /** What it stands for itself. */
  readonly first: number
  readonly at: number
}

async function deleteFlags(deps: MailDeps, accountId: string, { since, last }: Stretch, signal: AbortSignal | undefined): Promise<{ readonly entries: number; readonly whole: boolean }> {
  const cut = new Cut(deps, accountId)
  let waiting: FlagRow[] = []
  for await (const row of readRows(deps.table, accountId, since, last + 1)) {
    if (signal?.aborted === true) return { entries: cut.entries, whole: false }
    const { sequence, entry } = readRow(row)
    const next: FlagRow = { sequence, value: row.value, first: entry.first ?? sequence, at: entry.at }
    const before = waiting.at(-1)
    if (before !== undefined && !canStandFor(next, before)) {
      if (!(await cut.replace(waiting.slice(0, -1), before))) return { entries: cut.entries, whole: false }
      waiting = []
    }
    const stays = sequence === last || !isFlagsOnly(entry)
    const oldest = waiting[0]
    if (!stays && waiting.length < atOnce && waiting.reduce((sum, { value }) => sum + value.length, 0) < commitBytes) {
      waiting.push(next)
      continue
    }
    // One that goes itself stands for the others until the next commit, so this one is made at once.
    if (!(await cut.replace(waiting, next)) || (!stays && !(await cut.flush()))) return { entries: cut.entries, whole: false }
    waiting = stays ? [] : [oldest === undefined ? next : { ...next, first: oldest.first, value: standingFor(next.value, oldest.first) }]
  }
  return (await cut.flush()) ? { entries: cut.entries, whole: true } : { entries: cut.entries, whole: false }
}

/** Gathers what goes and what stands for it into commits of some size: each is whole or not made. */
class Cut {
  readonly #table: MailDeps['table']
  readonly #accountId: string
  #changes: Change[] = []
  #bytes = 0
  #deletes = 0
  /** That are gone for certain. */
  entries = 0

  constructor({ table }: MailDeps, accountId: string) {
    this.#table = table
    this.#accountId = accountId
  }

  /** False when somebody else changed one of the rows. */
  async replace(gone: readonly FlagRow[], next: FlagRow): Promise<boolean> {
    const [oldest] = gone
    if (oldest === undefined) return true
    for (const { sequence, value } of gone) this.#changes.push({ delete: entryKey(this.#accountId, sequence), onlyIf: { equals: value } })
    this.#changes.push({ put: entryKey(this.#accountId, next.sequence), value: standingFor(next.value, oldest.first), onlyIf: { equals: next.value } })
    this.#deletes += gone.length
    this.#bytes += [...gone, next].reduce((sum, { value }) => sum + 2 * value.length, 0)
    return this.#changes.length + atOnce < portLimits.commitChanges && this.#bytes < commitBytes ? true : await this.flush()
  }

  async flush(): Promise<boolean> {
    const changes = this.#changes.splice(0)
    const { committed } = changes.length === 0 ? { committed: true } : await this.#table.commit(changes)
    if (committed) this.entries += this.#deletes
    this.#deletes = this.#bytes = 0
    return committed
  }
}

/** The time of a log is the latest of its entries' so far: an entry that was ahead of those behind it stays, or that time would be another. */
function canStandFor(next: FlagRow, before: FlagRow): boolean {
  return next.at >= before.at && next.value.length + 16 <= entryLimitBytes
}

// ---------------------------------------------------------------- how far

const packr = new Packr({ useRecords: false })
const rowVersion = 1

/** Up to where there is nothing left to do. Only saves the looking: without the row all is looked at again. */
async function readCompacted({ table }: MailDeps, accountId: string): Promise<number> {
  const found = await table.get({ partition: partitionOf(accountId), sort: compactedSort })
  if (found === undefined) return 0
  const [version, sequence] = packr.unpack(found) as readonly unknown[]
  return version === rowVersion && typeof sequence === 'number' ? sequence : 0
}

async function writeCompacted({ table }: MailDeps, accountId: string, sequence: number): Promise<void> {
  await table.commit([{ put: { partition: partitionOf(accountId), sort: compactedSort }, value: packr.pack([rowVersion, sequence]) }])
}
