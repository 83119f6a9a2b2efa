/**
 * One holder at a time, over all processes: a row that says who holds and until when, renewed while it is held.
 *
 * Invariants: a lease is taken, renewed and given back by conditional changes only; who dies holding it is waited for
 * no longer than its life; who loses it is told once.
 */
import { randomBytes } from 'node:crypto'
import { errorFields } from '#lib/base/log.ts'
import type { RowKey } from '#lib/engine/ports.ts'
import type { MailDeps } from './accountLog.ts'
import type { AccountMail } from './store.ts'

interface LeaseRow {
  readonly v: 1
  readonly holder: string
  readonly until: number
}

export interface LeaseOptions {
  /** What is held alone, e.g. `maildrop`. */
  readonly name: string
  readonly lifeMs: number
  readonly onLost: () => void
}

/** Undefined when somebody else has it. */
export async function takeLease({ accountId, log: { deps } }: AccountMail, options: LeaseOptions): Promise<Lease | undefined> {
  return await takeLeaseOf(deps, accountId, options)
}

/** Of anything else that one process does at a time. */
export async function takeLeaseOf(deps: Pick<MailDeps, 'table' | 'clock' | 'log'>, what: string, options: LeaseOptions): Promise<Lease | undefined> {
  const key = { partition: `lease/${what}`, sort: options.name }
  const found = await deps.table.get(key)
  if (found !== undefined && readRow(found).until > deps.clock.now()) return undefined
  const lease = new Lease(deps, key, options)
  return (await lease.take(found)) ? lease : undefined
}

function readRow(bytes: Uint8Array): LeaseRow {
  const row = JSON.parse(Buffer.from(bytes).toString()) as LeaseRow
  if (row.v !== 1) throw new Error(`a lease has version ${String(row.v)}, this program reads version 1`)
  return row
}

export class Lease {
  readonly #deps: Pick<MailDeps, 'table' | 'clock' | 'log'>
  readonly #key: RowKey
  readonly #options: LeaseOptions
  readonly #holder = randomBytes(9).toString('base64url')
  readonly #over = new AbortController()
  #row: Uint8Array = new Uint8Array(0)
  #until = 0
  #renewing: Promise<void> = Promise.resolve()

  constructor(deps: Pick<MailDeps, 'table' | 'clock' | 'log'>, key: RowKey, options: LeaseOptions) {
    this.#deps = deps
    this.#key = key
    this.#options = options
  }

  /** For {@link takeLease}. */
  async take(found: Uint8Array | undefined): Promise<boolean> {
    if (!(await this.#write(found))) return false
    this.#renewing = this.#renew()
    return true
  }

  /** Others may take it now. */
  async release(): Promise<void> {
    this.#over.abort()
    await this.#renewing
    await this.#deps.table.commit([{ delete: this.#key, onlyIf: { equals: this.#row } }])
  }

  async #write(before: Uint8Array | undefined): Promise<boolean> {
    const until = this.#deps.clock.now() + this.#options.lifeMs
    const row = Buffer.from(JSON.stringify({ v: 1, holder: this.#holder, until } satisfies LeaseRow))
    const { committed } = await this.#deps.table.commit([{ put: this.#key, value: row, onlyIf: before === undefined ? 'absent' : { equals: before } }])
    if (committed) {
      this.#row = row
      this.#until = until
    }
    return committed
  }

  async #renew(): Promise<void> {
    const { clock, log } = this.#deps
    for (;;) {
      await clock.sleep(this.#options.lifeMs / 3, this.#over.signal)
      if (this.#over.signal.aborted) return
      try {
        if (await this.#write(this.#row)) continue
        return this.#options.onLost()
      } catch (error) {
        // The next try may still come in time.
        log.warn('lease-not-renewed', { lease: this.#key.partition, ...errorFields(error) })
        if (clock.now() > this.#until) return this.#options.onLost()
      }
    }
  }
}
