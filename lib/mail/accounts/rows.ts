/**
 * The directory's rows in the Table. Values are JSON with a version, so that an operator can read them.
 *
 *   domain            <name>          a domain
 *   address/<domain>  <local part>    a user or an alias: what RCPT asks for, one get
 *   user/<id>         address         where the user's row is
 *                     credentials     the password, hashed
 *                     lock            until when logins are refused
 *                     app/<id>        an app password's digest
 *   target/<address>  <alias>         the aliases that lead to a local address
 *   usage/<domain>    <account id>    octets held
 *   secret            accounts        random octets of this installation
 */
import type { Change, Row, RowKey, Table } from '#lib/engine/ports.ts'
import type { MailAddress } from '#lib/formats/address/address.ts'
import type { Account, Domain } from './account.ts'

const rowVersion = 1

export type AddressRow =
  | { readonly kind: 'user'; readonly account: Account }
  | { readonly kind: 'alias'; readonly targets: readonly string[]; readonly createdAt: number }

export type DomainRow = Domain & {
  /** Being removed: nothing may be added any more. */
  readonly removing?: boolean
}

export const keys = {
  domain: (name: string): RowKey => ({ partition: 'domain', sort: name }),
  address: ({ localPart, domain }: MailAddress): RowKey => ({ partition: `address/${domain}`, sort: localPart }),
  user: (id: string, sort: string): RowKey => ({ partition: `user/${id}`, sort }),
  target: (target: string, alias: string): RowKey => ({ partition: `target/${target}`, sort: alias }),
  usage: (domain: string, accountId: string): RowKey => ({ partition: `usage/${domain}`, sort: accountId }),
  secret: { partition: 'secret', sort: 'accounts' } satisfies RowKey,
}

export function encodeRow(value: object): Uint8Array {
  return Buffer.from(JSON.stringify({ v: rowVersion, ...value }))
}

/** @throws when the row is of another version: an older program must not guess at it. */
export function decodeRow<T>(bytes: Uint8Array): T {
  const { v, ...value } = JSON.parse(Buffer.from(bytes).toString()) as { v: number }
  if (v !== rowVersion) throw new Error(`a row of the directory has version ${v}, this program reads version ${rowVersion}`)
  return value as T
}

/** A row as it was read: `bytes` are the condition of a later change, so that nothing written between is lost. */
export interface Read<T> {
  readonly value: T
  readonly bytes: Uint8Array
}

export async function readRow<T>(table: Table, key: RowKey): Promise<Read<T> | undefined> {
  const bytes = await table.get(key)
  return bytes === undefined ? undefined : { value: decodeRow<T>(bytes), bytes }
}

/** Every row of a partition, page by page. */
export async function* readPartition(table: Table, partition: string): AsyncGenerator<Row> {
  let cursor: string | undefined
  do {
    const page = await table.range({ partition, ...(cursor === undefined ? {} : { cursor }) })
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}

/** A put over exactly what was read, or over nothing. */
export function replace(key: RowKey, read: Read<unknown> | undefined, value: object): Change {
  return { put: key, value: encodeRow(value), onlyIf: read === undefined ? 'absent' : { equals: read.bytes } }
}

/** A condition alone: the row is still as it was read. */
export function unchanged(key: RowKey, read: Read<unknown>): Change {
  return { put: key, value: read.bytes, onlyIf: { equals: read.bytes } }
}

// Of a hundred who change one row at once, one succeeds in every round.
const mostRounds = 200

/**
 * Reads, decides and commits, again and again until nobody came between.
 * `plan` throws its refusals; it must read anew each time and change nothing itself.
 */
export async function changeRows<T>(table: Table, plan: () => Promise<{ readonly changes: readonly Change[]; readonly result: T }>): Promise<T> {
  for (let round = 0; round < mostRounds; round++) {
    const { changes, result } = await plan()
    if (changes.length === 0 || (await table.commit(changes)).committed) return result
  }
  throw new Error('the directory is being changed by too many at once')
}
