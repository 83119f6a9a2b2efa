/**
 * Removing users and domains, with care: who is still needed is not removed unless forced, and a removal cut short
 * by a crash is finished by asking for it again. Mail is deleted before the row that names its account.
 */
import { formatAddress, showAddress } from '#lib/formats/address/address.ts'
import { showDomain } from '#lib/formats/address/domain.ts'
import type { Change } from '#lib/engine/ports.ts'
import type { Account } from './account.ts'
import { aliasesTo, dropTarget, listAliases, removeAlias } from './aliases.ts'
import { demandDomain } from './deps.ts'
import type { DirectoryDeps } from './deps.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, keys, readPartition, readRow, replace } from './rows.ts'
import type { DomainRow } from './rows.ts'
import { allUsers, changeUser, demandUser } from './users.ts'

export interface RemovalOptions {
  /** Also when others still lead there: aliases lose the target, a catch-all ends. */
  readonly force?: boolean
  /** Deletes an account's mail (`MailStore.deleteAccount`); without it the mail stays under the account's id. */
  readonly deleteMail?: (accountId: string) => Promise<void>
}

/** Returns the account as it was. @throws DirectoryRefusal `missing`, `in-use`, `invalid` */
export async function removeUser(deps: DirectoryDeps, text: string, options: RemovalOptions = {}): Promise<Account> {
  const { account } = await demandUser(deps, text)
  const aliases = await aliasesTo(deps, account.address)
  if (options.force !== true) await demandUnneeded(deps, account, aliases)
  for (const alias of aliases) await dropTarget(deps, alias, account.address)
  if (options.deleteMail !== undefined) {
    // No new mail and no login while it is being deleted.
    await changeUser(deps, account.address, { disabled: true })
    await options.deleteMail(account.id)
  }
  await removeUserRows(deps, account.address, options.deleteMail !== undefined)
  return account
}

async function demandUnneeded({ table }: DirectoryDeps, { address, domain }: Account, aliases: readonly string[]): Promise<void> {
  const name = showAddress(address)
  if (aliases.length > 0) throw new DirectoryRefusal('in-use', `${name} is a target of ${aliases.map(showAddress).join(', ')}`)
  const read = await readRow<DomainRow>(table, keys.domain(domain))
  if (read?.value.catchAll === address) throw new DirectoryRefusal('in-use', `${name} is the catch-all of ${showDomain(domain)}`)
}

async function removeUserRows(deps: DirectoryDeps, text: string, mailGone: boolean): Promise<void> {
  const { table } = deps
  await changeRows(table, async () => {
    const { address, account, read } = await demandUser(deps, text)
    const changes: Change[] = [{ delete: keys.address(address), onlyIf: { equals: read.bytes } }]
    for await (const { sort } of readPartition(table, `user/${account.id}`)) changes.push({ delete: keys.user(account.id, sort) })
    if (mailGone) changes.push({ delete: keys.usage(account.domain, account.id) })
    const domain = await readRow<DomainRow>(table, keys.domain(account.domain))
    const { catchAll, postmaster } = domain?.value ?? {}
    if (domain !== undefined && (catchAll === account.address || postmaster === account.address)) {
      const heir = postmaster === account.address ? await otherUser(deps, account) : (postmaster ?? null)
      changes.push(replace(keys.domain(account.domain), domain, { ...domain.value, catchAll: catchAll === account.address ? null : (catchAll ?? null), postmaster: heir }))
    }
    return { changes, result: undefined }
  })
}

/** Someone has to answer for the domain. */
async function otherUser(deps: DirectoryDeps, gone: Account): Promise<string | null> {
  for await (const user of allUsers(deps, gone.domain)) if (user.address !== gone.address) return user.address
  return null
}

/** Forced, it takes the domain's users and aliases with it. @throws DirectoryRefusal `missing`, `in-use`, `invalid` */
export async function removeDomain(deps: DirectoryDeps, text: string, options: RemovalOptions = {}): Promise<void> {
  const name = demandDomain(text)
  if (options.force !== true) await demandEmpty(deps, name)
  await close(deps, name, true)
  try {
    // Again, for whoever came in before it was closed.
    if (options.force !== true) await demandEmpty(deps, name)
  } catch (error) {
    await close(deps, name, false)
    throw error
  }
  for (const alias of await listAliases(deps, name)) await removeAlias(deps, alias.address)
  for await (const user of allUsers(deps, name)) await removeUser(deps, user.address, { ...options, force: true })
  for await (const { sort } of readPartition(deps.table, `usage/${name}`)) await deps.table.commit([{ delete: keys.usage(name, sort) }])
  await deps.table.commit([{ delete: keys.domain(name) }])
}

async function demandEmpty(deps: DirectoryDeps, name: string): Promise<void> {
  const inhabitants: string[] = []
  for await (const { sort } of readPartition(deps.table, `address/${name}`)) inhabitants.push(formatAddress({ localPart: sort, domain: name }))
  if (inhabitants.length > 0) throw new DirectoryRefusal('in-use', `${showDomain(name)} has users or aliases still: ${firstFew(inhabitants).map(showAddress).join(', ')}`)
}

const firstFew = (names: readonly string[]): string[] => (names.length > 5 ? [...names.slice(0, 4), `and ${names.length - 4} more`] : [...names])

/** While it is closed nothing is added to the domain. */
async function close({ table }: DirectoryDeps, name: string, removing: boolean): Promise<void> {
  await changeRows(table, async () => {
    const read = await readRow<DomainRow>(table, keys.domain(name))
    if (read === undefined) throw new DirectoryRefusal('missing', `${showDomain(name)} is not a domain here`)
    return { changes: [replace(keys.domain(name), read, { ...read.value, removing })], result: undefined }
  })
}
