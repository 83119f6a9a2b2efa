/** The rows of a user that a login needs, read together; and those a login leaves behind. */
import type { Table } from '#lib/engine/ports.ts'
import type { AppPasswordRow } from './appPasswords.ts'
import type { Credentials } from './credentials.ts'
import { decodeRow, encodeRow, keys, readPartition } from './rows.ts'

export interface LoginRows {
  readonly credentials: Credentials | undefined
  readonly appPasswords: readonly AppPasswordRow[]
  /** 0: not locked. */
  readonly lockedUntil: number
  /** Addresses (as limits count them) of successful logins, and when. */
  readonly known: Readonly<Record<string, number>>
  /** The row that says whose the account is: gone when the user is. */
  readonly owner: Uint8Array | undefined
}

export async function readLoginRows(table: Table, accountId: string): Promise<LoginRows> {
  let credentials: Credentials | undefined
  let lockedUntil = 0
  let known: Record<string, number> = {}
  let owner: Uint8Array | undefined
  const appPasswords: AppPasswordRow[] = []
  for await (const { sort, value } of readPartition(table, `user/${accountId}`)) {
    if (sort === 'credentials') credentials = decodeRow<Credentials>(value)
    else if (sort === 'lock') lockedUntil = decodeRow<{ until: number }>(value).until
    else if (sort === 'logins') known = decodeRow<{ known: Record<string, number> }>(value).known
    else if (sort === 'address') owner = value
    else if (sort.startsWith('app/')) appPasswords.push(decodeRow<AppPasswordRow>(value))
  }
  return { credentials, appPasswords, lockedUntil, known, owner }
}

/** No later than a removal of the user, which would leave the row behind for good. */
async function putBesideOwner(table: Table, accountId: string, { owner }: LoginRows, sort: string, value: object): Promise<void> {
  if (owner === undefined) return
  await table.commit([
    { put: keys.user(accountId, sort), value: encodeRow(value) },
    { put: keys.user(accountId, 'address'), value: owner, onlyIf: { equals: owner } },
  ])
}

export async function lockAccount(table: Table, accountId: string, rows: LoginRows, lock: { readonly until: number; readonly at: number; readonly failures: number }): Promise<void> {
  await putBesideOwner(table, accountId, rows, 'lock', lock)
}

const dayMs = 24 * 3600 * 1000

/** Remembers where a login came from; once a day is enough, so that most logins write nothing. */
export async function rememberAddress(table: Table, accountId: string, rows: LoginRows, address: string, now: number, limits: { readonly most: number; readonly lifeMs: number }): Promise<void> {
  const last = rows.known[address]
  if (limits.most === 0 || (last !== undefined && now - last < Math.min(dayMs, limits.lifeMs / 2))) return
  const others = Object.entries(rows.known).filter(([name, at]) => name !== address && now - at < limits.lifeMs)
  const kept = others.sort(([, a], [, b]) => b - a).slice(0, limits.most - 1)
  await putBesideOwner(table, accountId, rows, 'logins', { known: Object.fromEntries([[address, now], ...kept]) })
}
