/**
 * The log of an account: gapless, readable, small entries, and the snapshot the very state that the log alone gives.
 * A fold is a function of state and entry, so when both are equal at the snapshot's entry they are equal ever after.
 */
import type { Row } from '#lib/engine/ports.ts'
import type { CheckProgress } from './check.ts'
import { firstDifference } from './describe.ts'
import { endsLog, entryLimitBytes } from './entry.ts'
import type { Entry } from './entry.ts'
import { entriesEnd, partitionOf, sequenceOf, snapshotSort } from './logKeys.ts'
import type { Problems } from './problems.ts'
import { SnapshotKeeper } from './snapshotKeeper.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import { AccountState, applyEntry } from './state.ts'
import { readRow, readRows } from './tail.ts'
import type { LogRow } from './tail.ts'

export interface CheckedLog {
  /** By the log alone; where that is damaged, by the snapshot and what follows it; undefined where both are. */
  readonly state: AccountState | undefined
  readonly entries: number
}

const progressEvery = 500
/** A snapshot that is replaced while it is read is looked for again. */
const tries = 3

export async function checkLog(deps: SnapshotDeps, accountId: string, problems: Problems, onProgress: (progress: CheckProgress) => void): Promise<CheckedLog> {
  const end = await lastEntry(deps, accountId)
  if (end !== undefined && endsLog(end.entry)) {
    problems.add('log', 'The mail of this account was deleted, but its user is still there: remove the user again')
    return { state: undefined, entries: 1 }
  }
  const snapshot = await readSnapshot(deps, accountId, problems)
  const total = end?.sequence ?? 0
  const fold = new DoubleFold(snapshot, problems)
  let entries = 0
  let last = 0
  for await (const row of readRows(deps.table, accountId, 1)) {
    const sequence = sequenceOf(row.sort) ?? NaN
    const read = readOrTell(row, problems)
    // Numbers without an entry are those that this one stands for.
    const first = read?.entry.first ?? sequence
    if (first > last + 1) {
      fold.miss()
      problems.add('log', last + 2 === first ? `Entry ${last + 1} of the log is missing` : `Entries ${last + 1} to ${first - 1} of the log are missing`)
    }
    if (first <= last && sequence > last && first < sequence && !(read !== undefined && beginsAnew(read.entry))) problems.add('log', `Entry ${sequence} of the log stands for entry ${first}, which is there`)
    if (sequence > last) last = sequence
    if (row.value.length > entryLimitBytes) problems.add('log', `Entry ${sequence} of the log has ${row.value.length} octets, more than ${entryLimitBytes}`)
    if (read === undefined) fold.miss()
    else fold.add(read)
    if (++entries % progressEvery === 0) onProgress({ stage: 'log', done: entries, total: Math.max(total, entries) })
  }
  fold.end()
  if (last < fold.snapshotSequence) problems.add('log', `The log ends at entry ${last}, before its snapshot of entry ${fold.snapshotSequence}`)
  onProgress({ stage: 'log', done: entries, total: entries })
  return { state: fold.state, entries }
}

/** Such an entry stands for all before it, whether they are there or not (erase.ts). */
function beginsAnew({ changes }: Entry): boolean {
  return changes.length === 0 || changes.some(({ kind }) => kind === 'begin')
}

function readOrTell(row: Row, problems: Problems): LogRow | undefined {
  try {
    return readRow(row)
  } catch (error) {
    problems.add('log', upper(messageOf(error)))
    return undefined
  }
}

/** Folds from nothing and, once that has failed, on from the snapshot. */
class DoubleFold {
  readonly snapshotSequence: number
  #whole: AccountState | undefined = new AccountState()
  #snapshot: AccountState | undefined
  readonly #problems: Problems
  /** What the snapshot says otherwise, until an entry that settles flag changes (compact.ts) makes it the same. */
  #difference: readonly [string, string] | undefined

  constructor(snapshot: AccountState | undefined, problems: Problems) {
    this.#snapshot = snapshot
    this.snapshotSequence = snapshot?.sequence ?? 0
    this.#problems = problems
  }

  get state(): AccountState | undefined {
    return this.#whole ?? this.#snapshot
  }

  miss(): void {
    this.#whole = undefined
  }

  add({ sequence, entry }: LogRow): void {
    if (this.#whole !== undefined) this.#whole = this.#applied(this.#whole, sequence, entry)
    if (sequence < this.snapshotSequence || this.#snapshot === undefined) return
    if (sequence > this.snapshotSequence) this.#snapshot = this.#follows(this.#snapshot, sequence, entry)
    const settles = entry.changes.some(({ kind }) => kind === 'settle')
    if (this.#whole !== undefined && this.#snapshot !== undefined && (this.#difference === undefined || settles)) this.#compare(this.#whole, this.#snapshot)
  }

  /** After the last entry. */
  end(): void {
    if (this.#difference === undefined) return
    const [whole, snapshot] = this.#difference
    this.#problems.add('snapshot', `The snapshot of entry ${this.snapshotSequence} says "${short(snapshot)}" where the log says "${short(whole)}"`)
  }

  #follows(state: AccountState, sequence: number, entry: LogRow['entry']): AccountState | undefined {
    // The gap has been told of already.
    return (entry.first ?? sequence) <= state.sequence + 1 ? this.#applied(state, sequence, entry) : undefined
  }

  #applied(state: AccountState, sequence: number, entry: LogRow['entry']): AccountState | undefined {
    try {
      applyEntry(state, sequence, entry)
      return state
    } catch (error) {
      this.#problems.add('log', upper(messageOf(error)))
      return undefined
    }
  }

  #compare(whole: AccountState, snapshot: AccountState): void {
    this.#difference = firstDifference(whole, snapshot)
    // From here on both go the same way: one of them is enough.
    if (this.#difference === undefined) this.#snapshot = undefined
  }
}

async function readSnapshot(deps: SnapshotDeps, accountId: string, problems: Problems): Promise<AccountState | undefined> {
  for (let left = tries; ; left--) {
    const pointer = await deps.table.get({ partition: partitionOf(accountId), sort: snapshotSort })
    try {
      return await new SnapshotKeeper(deps, accountId).load(pointer)
    } catch (error) {
      if (left > 1) continue
      problems.add('snapshot', `The snapshot cannot be read, so that the account opens slowly until the next one is written: ${messageOf(error)}`)
      return undefined
    }
  }
}

/** Undefined when there is none, or when it cannot be read, which is told of where it is met. */
async function lastEntry({ table }: SnapshotDeps, accountId: string): Promise<LogRow | undefined> {
  const { items } = await table.range({ partition: partitionOf(accountId), to: entriesEnd, backward: true, limit: 1 })
  try {
    return items[0] === undefined ? undefined : readRow(items[0])
  } catch {
    return undefined
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function upper(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1)
}

function short(line: string): string {
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
