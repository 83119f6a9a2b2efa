import { createHmac, randomBytes } from 'node:crypto'
import type { Table } from '#lib/engine/ports.ts'
import { encodeRow, keys, readRow } from './rows.ts'

/** Random octets of this installation, made at first need and the same in every process from then on. */
export class Secret {
  readonly #table: Table
  #octets: Promise<Buffer> | undefined

  constructor(table: Table) {
    this.#table = table
  }

  /** A keyed digest; `purpose` keeps one use from answering for another. */
  async digest(purpose: string, ...parts: readonly string[]): Promise<Buffer> {
    this.#octets ??= this.#load().catch((error: unknown) => {
      // The next one tries again.
      this.#octets = undefined
      throw error
    })
    return createHmac('sha256', await this.#octets).update([purpose, ...parts].join('\0')).digest()
  }

  async #load(): Promise<Buffer> {
    for (;;) {
      const read = await readRow<{ octets: string }>(this.#table, keys.secret)
      if (read !== undefined) return Buffer.from(read.value.octets, 'base64')
      await this.#table.commit([{ put: keys.secret, value: encodeRow({ octets: randomBytes(32).toString('base64') }), onlyIf: 'absent' }])
    }
  }
}
