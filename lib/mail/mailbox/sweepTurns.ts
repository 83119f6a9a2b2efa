/**
 * Whose turn it is to be swept: a row for each account with the times of its next sweeps.
 *
 *   sweep   <account id>   msgpack [version, next sweep, next search for strays], ms
 *
 * Invariant: a turn is taken by a conditional put, so among all processes one sweeps. Who dies on the way leaves the
 * work to the next turn.
 */
import { Packr } from 'msgpackr'
import type { RowKey, Table } from '#lib/engine/ports.ts'

const partition = 'sweep'
const rowVersion = 1
const packr = new Packr({ useRecords: false })

export interface Turn {
  readonly sweepAt: number
  readonly straysAt: number
}

export function sweepKey(accountId: string): RowKey {
  return { partition, sort: accountId }
}

/** Of accounts that had a turn before. */
export async function readTurns(table: Table): Promise<Map<string, Turn>> {
  const turns = new Map<string, Turn>()
  let cursor: string | undefined
  do {
    const page = await table.range({ partition, ...(cursor === undefined ? {} : { cursor }) })
    for (const { sort, value } of page.items) turns.set(sort, readTurn(value))
    cursor = page.next
  } while (cursor !== undefined)
  return turns
}

/** False when another process was faster. */
export async function takeTurn(table: Table, accountId: string, before: Turn | undefined, next: Turn): Promise<boolean> {
  const { committed } = await table.commit([{ put: sweepKey(accountId), value: writeTurn(next), onlyIf: before === undefined ? 'absent' : { equals: writeTurn(before) } }])
  return committed
}

function writeTurn({ sweepAt, straysAt }: Turn): Uint8Array {
  return packr.pack([rowVersion, sweepAt, straysAt])
}

function readTurn(bytes: Uint8Array): Turn {
  const [version, sweepAt, straysAt] = packr.unpack(bytes) as readonly unknown[]
  if (version !== rowVersion || typeof sweepAt !== 'number' || typeof straysAt !== 'number') throw new Error(`a row of sweeps has version ${String(version)}, this program reads version ${rowVersion}`)
  return { sweepAt, straysAt }
}
