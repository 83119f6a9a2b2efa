/**
 * Where a visitor finds the accounts that share something with them: one row for each pair of them.
 *
 *   shares/<account id>   <owner's account id>    the owner shares with this account
 *   shares/@<domain>      <owner's account id>    the owner shares with anyone of this domain
 *
 * Invariants: the rows only say where to look, the log says who may do what; a row is there before the first right is
 * given, and goes after the last one is taken, so that one too many is all that a crash can leave; writing them anew
 * changes nothing.
 */
import type { RowKey, Table } from '#lib/engine/ports.ts'
import { anyone } from './rights.ts'
import type { AccountState } from './state.ts'
import type { AccountMail } from './store.ts'

/** `who`: an account's id, or `@` and a domain. */
export function sharesOf(who: string): string {
  return `shares/${who}`
}

const key = (who: string, ownerId: string): RowKey => ({ partition: sharesOf(who), sort: ownerId })

/** Undefined for an identifier that only takes rights away. */
function visitorsOf(identifier: string, domain: string): string | undefined {
  if (identifier.startsWith('-')) return undefined
  return identifier === anyone ? `@${domain}` : identifier
}

/** `domain` is the owner's, here and below. */
export async function noteShare({ accountId, log }: AccountMail, identifier: string, domain: string): Promise<void> {
  const who = visitorsOf(identifier, domain)
  if (who !== undefined) await log.deps.table.commit([{ put: key(who, accountId), value: Buffer.from('{"v":1}') }])
}

/** Unless the identifier has rights in another mailbox of the account. */
export async function dropShare(account: AccountMail, identifier: string, domain: string): Promise<void> {
  const who = visitorsOf(identifier, domain)
  if (who === undefined || isNamed(account.state, identifier)) return
  await account.log.deps.table.commit([{ delete: key(who, account.accountId) }])
  // Somebody may have given rights to it meanwhile, and have written the row before it was deleted here.
  await account.refresh()
  if (isNamed(account.state, identifier)) await noteShare(account, identifier, domain)
}

function isNamed(state: AccountState, identifier: string): boolean {
  return state.mailboxes().some(({ acl }) => acl.has(identifier))
}

/** Writes the rows of an account anew, whatever has become of them. */
export async function repairShares(account: AccountMail, domain: string): Promise<void> {
  const identifiers = new Set(account.state.mailboxes().flatMap(({ acl }) => [...acl.keys()]))
  for (const identifier of identifiers) await noteShare(account, identifier, domain)
}

export interface VisitorName {
  readonly accountId: string
  readonly domain: string
}

/** The ids of accounts that may share something with this one. */
export async function findOwners(table: Table, { accountId, domain }: VisitorName): Promise<string[]> {
  const owners = new Set<string>()
  for (const who of [accountId, `@${domain}`]) {
    let cursor: string | undefined
    do {
      const page = await table.range({ partition: sharesOf(who), ...(cursor === undefined ? {} : { cursor }) })
      for (const { sort } of page.items) owners.add(sort)
      cursor = page.next
    } while (cursor !== undefined)
  }
  owners.delete(accountId)
  return [...owners].sort()
}

/** Whether there is a row for this pair. */
export async function mayShare(table: Table, { accountId, domain }: VisitorName, ownerId: string): Promise<boolean> {
  const rows = await Promise.all([table.get(key(accountId, ownerId)), table.get(key(`@${domain}`, ownerId))])
  return rows.some((row) => row !== undefined)
}

/** A row of an owner who is gone. */
export async function forgetOwner(table: Table, { accountId, domain }: VisitorName, ownerId: string): Promise<void> {
  await table.commit([{ delete: key(accountId, ownerId) }, { delete: key(`@${domain}`, ownerId) }])
}
