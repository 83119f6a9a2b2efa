/**
 * The LMDB environment and its one writer.
 *
 * Invariants:
 * - changes of all ports go through {@link Environment.commit}; whoever waits while one transaction is being flushed
 *   shares the next one, so many small commits cost one flush;
 * - a promise resolves after LMDB flushed pages (fdatasync) and meta page (O_DSYNC): `overlappingSync` is off, because
 *   with it lmdb-js lets readers and promises go ahead of the flush;
 * - a transaction is a child transaction of lmdb-js, the only kind that can be rolled back when one write fails;
 * - values are copied when the transaction runs, so callers leave them unchanged until their promise resolves.
 */
import { open } from 'lmdb'
import type { RootDatabase, RootDatabaseOptions } from 'lmdb'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { EngineUnavailableError } from '../ports.ts'

/** Address space reserved for the file, so that growing seldom means mapping anew; fits the 39 bits of small ARM machines. */
const mapBytes = 128 * 1024 ** 3
/**
 * Values from here on are compressed by LZ4: reading costs no more than a copy of the octets, and messages take half the room.
 * Smaller ones lie within a page, where little is to be gained. LMDB tells by the first octet (250 and above) what is compressed,
 * and so reads what was written without; every kind of row begins with a small version number.
 */
const compressFromBytes = 2048
/** Octets after which a transaction takes no more jobs: bounds how long the event loop copies. */
const batchBytes = 4 * 1024 * 1024
/** A transaction this late will not come back: LMDB is stuck, and only a restart helps. */
const stuckAfterMs = 60_000

/** What a job may read: the state its changes will meet, those of the jobs before it included. */
export interface Rows {
  get(key: string): Uint8Array | undefined
  has(key: string): boolean
}

/** Changes are made at once inside the transaction: check first, then write. */
export interface Writes {
  put(key: string, value: Uint8Array): void
  remove(key: string): void
}

export interface Span {
  /** Inclusive. */
  readonly first: string
  /** Exclusive. */
  readonly end: string
  readonly backward?: boolean
}

interface Job {
  readonly decide: (rows: Rows, writes: Writes) => unknown
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
  answer: unknown
  failure: { readonly error: unknown } | undefined
}

const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number) => start + target.write(key, start),
  readKey: (target: Buffer, start: number, end: number) => target.toString('utf8', start, end),
}

export class Environment {
  readonly #root: RootDatabase<Uint8Array, string>
  readonly #log: Log
  readonly #rows: Rows
  #waiting: Job[] = []
  #writing: Promise<void> | undefined
  #closed = false
  /** Transactions begun, for tests and benchmarks that count flushes. */
  transactions = 0

  constructor(file: string, log: Log) {
    // eventTurnBatching would start each transaction with a promise of its own, whose rejection nobody could handle.
    const options: RootDatabaseOptions & { eventTurnBatching: boolean } = { overlappingSync: false, eventTurnBatching: false, mapSize: mapBytes, encoding: 'binary', keyEncoder, compression: { threshold: compressFromBytes } }
    this.#root = open<Uint8Array, string>(file, options)
    this.#log = log
    this.#rows = { get: (key) => this.#root.getBinary(key), has: (key) => this.#root.doesExist(key) }
  }

  /** The value as last committed by any process. */
  get(key: string): Uint8Array | undefined {
    this.#freshSnapshot()
    return this.#root.getBinary(key)
  }

  /** Rows in order until `visit` says false; all of one snapshot. Must not be left waiting: it reads in one go. */
  scan(span: Span, visit: (key: string, value: Uint8Array) => boolean): void {
    this.#freshSnapshot()
    for (const { key, value } of this.#root.getRange(rangeOptions(span))) {
      if (!visit(key, value)) return
    }
  }

  scanKeys(span: Span, visit: (key: string) => boolean): void {
    this.#freshSnapshot()
    for (const key of this.#root.getKeys(rangeOptions(span))) {
      if (!visit(key)) return
    }
  }

  /**
   * Runs `decide` inside a transaction that is atomic among all processes and resolves with its answer once its writes are durable.
   * A throw of `decide` before its first write rejects this commit alone.
   * @throws {EngineUnavailableError} when nothing could be written
   */
  commit<T>(decide: (rows: Rows, writes: Writes) => T): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineUnavailableError('the engine is closed'))
    return new Promise<T>((resolve, reject) => {
      // The answer that comes back is what decide returned: a T.
      this.#waiting.push({ decide, resolve: resolve as (answer: unknown) => void, reject, answer: undefined, failure: undefined })
      this.#writing ??= this.#write()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
    await this.#root.close()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeOnce()
    this.#writing = undefined
  }

  async #writeOnce(): Promise<void> {
    let batch: Job[] = []
    const watch = setTimeout(() => this.#log.error('engine-stuck', { afterMs: stuckAfterMs }), stuckAfterMs)
    watch.unref()
    try {
      await this.#root.childTransaction(() => {
        // Taken only now, so that all who came while the writer thread started are on board.
        batch = this.#runJobs()
      })
      this.transactions++
      for (const job of batch) {
        if (job.failure === undefined) job.resolve(job.answer)
        else job.reject(job.failure.error)
      }
    } catch (error) {
      await this.#fail(batch.length > 0 ? batch : this.#waiting.splice(0), error)
    } finally {
      clearTimeout(watch)
    }
  }

  /**
   * Runs waiting jobs in their order; each sees the writes of those before it and its own.
   * A job that throws before it wrote is refused alone; a throw after that rolls all of them back.
   */
  #runJobs(): Job[] {
    let bytes = 0
    let wrote = false
    const writes: Writes = {
      put: (key, value) => {
        wrote = true
        bytes += value.length
        this.#root.putSync(key, value)
      },
      remove: (key) => {
        wrote = true
        this.#root.removeSync(key)
      },
    }
    let ran = 0
    for (const job of this.#waiting) {
      if (bytes >= batchBytes) break
      ran++
      wrote = false
      try {
        job.answer = job.decide(this.#rows, writes)
      } catch (error) {
        if (wrote) throw error
        job.failure = { error }
      }
    }
    return this.#waiting.splice(0, ran)
  }

  async #fail(batch: Job[], error: unknown): Promise<void> {
    const cause = await rootCause(error)
    this.#log.error('commit-failed', { commits: batch.length, ...errorFields(cause) })
    for (const job of batch) job.reject(new EngineUnavailableError(`the data could not be written, perhaps because the disk is full: ${String(cause)}`, { cause }))
  }

  /** Lets go of the snapshot lmdb-js keeps for a turn of the event loop: another process may have committed since. */
  #freshSnapshot(): void {
    this.#root.resetReadTxn()
  }
}

function rangeOptions(span: Span): object {
  if (span.backward !== true) return { start: span.first, end: span.end }
  return { start: span.end, end: span.first, reverse: true, exclusiveStart: true, inclusiveEnd: true }
}

/** A failed commit carries its reason in a promise of its own that nobody else listens to. */
async function rootCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (reason) {
    return reason
  }
}
