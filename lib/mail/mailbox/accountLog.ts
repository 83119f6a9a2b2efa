/**
 * One account's log in one process: the folded state, the reading of the tail, the writing of new entries.
 *
 * Invariants:
 * - an entry is appended by one conditional put at the next sequence number; when another process was faster, its
 *   entries are read and everything is decided anew;
 * - changes of this process stand in a row, so they never race each other; filings that wait together share an entry;
 * - the state only ever holds what is durable, and holds it before the caller hears of it;
 * - a refusal is given on a state that was read after the change was asked for, never on an old one.
 */
import type { Log } from '#lib/base/log.ts'
import { errorFields } from '#lib/base/log.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Bell, Blobs, Table } from '#lib/engine/ports.ts'
import type { Clock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import { BodyPacker } from './bodyPacker.ts'
import { Draft } from './draft.ts'
import { entryLimitBytes } from './entry.ts'
import type { Change, Entry, FileChange } from './entry.ts'
import type { EntryFeed } from './feed.ts'
import { entryKey } from './logKeys.ts'
import { encodeWithNames, namesIn } from './names.ts'
import { originKey } from './origin.ts'
import type { Origin } from './origin.ts'
import { loadAccount } from './load.ts'
import { MailboxRefusal } from './refusal.ts'
import type { SnapshotKeeper } from './snapshotKeeper.ts'
import { applyEntry } from './state.ts'
import type { AccountState } from './state.ts'
import { readEntries } from './tail.ts'
import type { LogRow } from './tail.ts'
import { UnreadRows } from './unreadRows.ts'

export interface MailDeps {
  readonly table: Table
  readonly blobs: Blobs
  readonly bell: Bell
  readonly clock: Clock
  readonly log: Log
  readonly settings: Config['mailbox']
  readonly feed?: EntryFeed | undefined
}

/** Decides on the state of the draft: adds changes (or none) and says what its caller gets. @throws {MailboxRefusal} */
export type Decide<T> = (draft: Draft) => T

interface Proposal {
  readonly decide: Decide<unknown>
  /** Octets it adds to an entry that it may share; undefined: it wants an entry of its own. */
  readonly sharedBytes: number | undefined
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  /** The state has been read anew since this was asked for. */
  fresh: boolean
  result: unknown
}

/** Leaves room for what an entry has besides its changes. */
const sharedLimitBytes = entryLimitBytes - 2048
/** Filings whose place in the log was just read or written: bodies are mostly asked for after lists. */
const filedLimit = 512
const latestSequence = 0xffff_ffff
/** Filings that come together are cut into entries of this size: whoever wants one of them reads the others of its entry too. */
const leastPageBytes = 8 * 1024
/** One commit takes 100 rows, and an entry may have another one beside it. */
const mostPages = 40

export class AccountLog {
  readonly accountId: string
  readonly deps: MailDeps
  readonly bodies: BodyPacker
  readonly #writer: string
  #snapshots: SnapshotKeeper
  #rows: UnreadRows
  readonly #listeners = new Set<() => void>()
  readonly #filed = new Map<number, FileChange>()
  #state: AccountState
  #waiting: Proposal[] = []
  #writing: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #readingNext: Promise<void> | undefined
  /** What ended this log's use: its account is deleted, or it holds what this program cannot read. */
  #broken: Error | undefined

  constructor(deps: MailDeps, accountId: string, writer: string, state: AccountState, snapshots: SnapshotKeeper) {
    this.deps = deps
    this.accountId = accountId
    this.bodies = new BodyPacker(deps, accountId)
    this.#writer = writer
    this.#state = state
    this.#snapshots = snapshots
    this.#rows = new UnreadRows(state, snapshots)
  }

  /** False while the state is good for filing alone. */
  get whole(): boolean {
    return this.#rows.whole
  }

  get state(): AccountState {
    return this.#state
  }

  get idle(): boolean {
    return this.#writing === undefined && this.#reading === undefined && this.#listeners.size === 0
  }

  listen(listener: () => void): () => void {
    const entry = () => listener()
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  close(reason: Error): void {
    this.#broken ??= reason
  }

  /** Waits for what is being written, snapshots included. */
  async settle(): Promise<void> {
    await this.#writing
    await this.#snapshots.settle()
  }

  // ---------------------------------------------------------------- reading

  /** Folds what was appended until now by anyone. Callers that come while one read is under way share the next. */
  async refresh(): Promise<void> {
    if (this.#reading === undefined) return await this.#startReading()
    this.#readingNext ??= this.#reading.then(
      () => this.#startReading(),
      () => this.#startReading(),
    )
    return await this.#readingNext
  }

  #startReading(): Promise<void> {
    this.#readingNext = undefined
    this.#reading = this.#readTail().finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async #readTail(): Promise<void> {
    this.#demandWhole()
    const before = this.#state.sequence
    for await (const row of readEntries(this.deps.table, this.accountId, before + 1)) {
      if (!this.#rows.whole) await this.#withRows(async (rows) => rows.bring(row.entry.changes))
      this.#fold(row)
    }
    if (this.#state.sequence > before) this.#tell()
  }

  /** Reads the rows that were left unread when this was opened for filing. @throws the engine's errors */
  async readAll(): Promise<void> {
    if (!this.#rows.whole) await this.#withRows(async (rows) => rows.bringAll())
  }

  /** What `look` sees of a state that may be good for filing alone. @throws what it throws; the engine's errors */
  async show<T>(look: (state: AccountState) => T): Promise<T> {
    return await this.#withRows(async (rows) => rows.show(look))
  }

  /** Where rows cannot be read, for another process has replaced them, the whole state is read anew. */
  async #withRows<T>(work: (rows: UnreadRows) => Promise<T>): Promise<T> {
    const rows = this.#rows
    try {
      return await work(rows)
    } catch (error) {
      if (rows.whole || error instanceof MailboxRefusal) throw error
      // Another call may have done so already.
      if (rows === this.#rows) {
        const { state, snapshots } = await loadAccount(this.deps, this.accountId)
        this.#state = state
        this.#snapshots = snapshots
        this.#rows = new UnreadRows(state, snapshots)
      }
      return await work(this.#rows)
    }
  }

  /** Entries that are folded already are passed over: a read and an own append may overlap. */
  #fold({ sequence, entry, sizeBytes }: LogRow): void {
    if (sequence <= this.#state.sequence) return
    try {
      applyEntry(this.#state, sequence, entry)
    } catch (error) {
      // Half of an entry may be folded, or the account is at its end: nothing may be built on that.
      this.#broken ??= error instanceof Error ? error : new Error(String(error))
      throw error
    }
    this.#snapshots.folded(this.#state, sizeBytes)
  }

  #demandWhole(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (error) {
        this.deps.log.error('mail-listener-failed', { account: this.accountId, ...errorFields(error) })
      }
    }
  }

  /** Remembers where a message lies, for a while. */
  noteFiled(origin: Origin, change: FileChange): void {
    if (this.#filed.size >= filedLimit) for (const key of [...this.#filed.keys()].slice(0, filedLimit / 4)) this.#filed.delete(key)
    // Without the metadata: only the place of the body is wanted again.
    this.#filed.set(originKey(origin.sequence, origin.index), { ...change, metadata: null })
  }

  filedAt(origin: Origin): FileChange | undefined {
    return this.#filed.get(originKey(origin.sequence, origin.index))
  }

  // ---------------------------------------------------------------- writing

  /**
   * Appends what `decide` adds; durable and folded when it resolves. `decide` may run several times.
   * @throws {MailboxRefusal} what `decide` refuses; the engine's errors, after which nobody knows whether the entry is there
   */
  change<T>(decide: Decide<T>, sharedBytes?: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // What comes back to this proposal is what its own decide returned.
      this.#waiting.push({ decide, sharedBytes, resolve: resolve as (result: unknown) => void, reject, fresh: false, result: undefined })
      this.#writing ??= this.#write()
    })
  }

  async #write(): Promise<void> {
    // All that come in this turn of the event loop are on board.
    await Promise.resolve()
    let lost = 0
    while (this.#waiting.length > 0) {
      try {
        lost = (await this.#writeOnce()) ? 0 : lost + 1
        if (lost >= this.deps.settings.appendTries) throw new EngineUnavailableError(`others were faster ${lost} times`)
      } catch (error) {
        for (const proposal of this.#waiting.splice(0)) proposal.reject(error)
      }
    }
    this.#writing = undefined
  }

  /** False when another process took the place in the log. */
  async #writeOnce(): Promise<boolean> {
    this.#demandWhole()
    const draft = new Draft(this.#state)
    const { taken, refused } = this.#gather(draft)
    let won = true
    if (draft.changes.length === 0) for (const { resolve, result } of taken) resolve(result)
    else won = await this.#append(draft, taken)
    if (refused.length > 0) {
      this.#waiting.unshift(...refused)
      await this.refresh()
      for (const proposal of refused) proposal.fresh = true
    }
    return won
  }

  /** Decides waiting proposals in their order, as many as fit into one entry. */
  #gather(draft: Draft): { taken: Proposal[]; refused: Proposal[] } {
    const taken: Proposal[] = []
    const refused: Proposal[] = []
    let bytes = 0
    let ran = 0
    for (const proposal of this.#waiting) {
      if (draft.changes.length > 0 && (proposal.sharedBytes === undefined || bytes + proposal.sharedBytes > sharedLimitBytes)) break
      ran++
      try {
        proposal.result = proposal.decide(draft)
        taken.push(proposal)
        bytes += proposal.sharedBytes ?? sharedLimitBytes
      } catch (error) {
        if (error instanceof MailboxRefusal && !proposal.fresh) refused.push(proposal)
        else proposal.reject(error)
      }
    }
    this.#waiting.splice(0, ran)
    return { taken, refused }
  }

  async #append(draft: Draft, taken: readonly Proposal[]): Promise<boolean> {
    const { sequence, changes } = draft
    const entry: Entry = { at: this.deps.clock.now(), writer: this.#writer, changes, mailboxes: namesIn(draft) }
    let entries: readonly Entry[]
    try {
      entries = inPages(entry)
      await this.#withRows(async (rows) => rows.bring(changes))
      if (!(await this.#commit(sequence, entries))) {
        this.#waiting.unshift(...taken)
        await this.refresh()
        for (const proposal of taken) proposal.fresh = true
        return false
      }
    } catch (error) {
      this.#waiting = this.#waiting.filter((proposal) => !taken.includes(proposal))
      for (const { reject } of taken) reject(error)
      return true
    }
    for (const [page, { changes: paged }] of entries.entries()) {
      for (const [index, change] of paged.entries()) if (change.kind === 'file') this.noteFiled({ sequence: sequence + page, index }, change)
    }
    this.deps.bell.ring(this.accountId)
    this.#tell()
    for (const { resolve, result } of taken) resolve(result)
    return true
  }

  /** True when these very entries are in the log, all of them, and folded. */
  async #commit(first: number, entries: readonly Entry[]): Promise<boolean> {
    if (first + entries.length - 1 > latestSequence) throw new MailboxRefusal('LIMIT', 'The log of this account is full')
    const rows = entries.map((entry, page) => ({ sequence: first + page, entry, value: encodeWithNames(entry), key: entryKey(this.accountId, first + page) }))
    for (const { value } of rows) if (value.length > entryLimitBytes) throw new Error(`an entry of ${value.length} octets was not split`)
    const { table, feed } = this.deps
    const { committed } = await table.commit(rows.flatMap(({ key, value, sequence }) => [{ put: key, value, onlyIf: 'absent' as const }, ...(feed?.rows(this.accountId, sequence) ?? [])]))
    // A put that an engine sent twice fails the second time: then the entry that stands there is this one, and one stands for all.
    const [head] = rows
    const stands = committed || (head !== undefined && sameBytes(await table.get(head.key), head.value))
    if (!stands) return false
    feed?.told()
    for (const { sequence, entry, value } of rows) this.#fold({ sequence, entry, sizeBytes: value.length })
    return true
  }
}

/**
 * Filings that are too many for one entry go into several, which stand or fall together and follow on each other: nobody
 * can come between. Whoever decides something else keeps it small enough.
 */
function inPages(entry: Entry): readonly Entry[] {
  if (entry.changes.length === 1 || entry.changes.some(({ kind }) => kind !== 'file')) return [entry]
  const sizes = entry.changes.map((change) => encodeWithNames({ ...entry, changes: [change] }).length)
  const pageBytes = Math.min(entryLimitBytes, Math.max(leastPageBytes, sizes.reduce((sum, size) => sum + size, 0) / mostPages))
  const pages: Change[][] = [[]]
  let bytes = 0
  entry.changes.forEach((change, index) => {
    const size = sizes[index] ?? 0
    if (bytes > 0 && bytes + size > pageBytes) {
      pages.push([])
      bytes = 0
    }
    pages.at(-1)?.push(change)
    bytes += size
  })
  return pages.map((changes) => ({ ...entry, changes }))
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}
