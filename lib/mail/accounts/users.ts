/** Users: their rows, made and changed. Removing one is in removal.ts. */
import { randomBytes } from 'node:crypto'
import type { Change } from '#lib/engine/ports.ts'
import { foldAddress, formatAddress, parseAddress, showAddress } from '#lib/formats/address/address.ts'
import type { MailAddress } from '#lib/formats/address/address.ts'
import type { Account } from './account.ts'
import { makeCredentials, preparePassword } from './credentials.ts'
import type { Credentials, Hashing } from './credentials.ts'
import { demandDomain, demandLocalAddress } from './deps.ts'
import type { DirectoryDeps } from './deps.ts'
import { demandOpenDomain, demandQuota, listDomains } from './domains.ts'
import type { OwnLimits } from './limits.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, decodeRow, encodeRow, keys, readPartition, readRow, replace, unchanged } from './rows.ts'
import type { AddressRow, DomainRow, Read } from './rows.ts'

export interface NewUser {
  readonly address: string
  /** Without one, only app passwords log in. */
  readonly password?: string
  readonly name?: string
  readonly quotaBytes?: number | null
  /** Of a user removed before whose mail was kept: takes it over. */
  readonly accountId?: string
}

/** @throws DirectoryRefusal `exists`, `missing` (the domain), `invalid` */
export async function addUser(deps: DirectoryDeps, hashing: Hashing, user: NewUser): Promise<Account> {
  const address = demandLocalAddress(user.address)
  demandQuota(user.quotaBytes)
  const account = newAccount(deps, user, address)
  const credentials = user.password === undefined ? undefined : await hashPassword(deps, hashing, account.address, user.password)
  return await changeRows(deps.table, async () => {
    const domain = await demandOpenDomain(deps, address.domain)
    await demandFree(deps, address)
    if (await deps.table.get(keys.user(account.id, 'address'))) throw new DirectoryRefusal('exists', `the account ${account.id} belongs to a user`)
    return { changes: userRows(account, address, credentials, domain), result: account }
  })
}

function newAccount(deps: DirectoryDeps, { name, quotaBytes, accountId }: NewUser, address: MailAddress): Account {
  if (accountId !== undefined && !/^[a-z0-9]{8,40}$/.test(accountId)) throw new DirectoryRefusal('invalid', `"${accountId}" is not the id of an account`)
  return {
    id: accountId ?? `a${randomBytes(10).toString('hex')}`,
    address: formatAddress(address),
    domain: address.domain,
    disabled: false,
    quotaBytes: quotaBytes ?? null,
    createdAt: deps.clock.now(),
    ...(name === undefined ? {} : { name }),
  }
}

function userRows(account: Account, address: MailAddress, credentials: Credentials | undefined, domain: Read<DomainRow>): Change[] {
  const first = domain.value.postmaster === null
  return [
    replace(keys.address(address), undefined, { kind: 'user', account } satisfies AddressRow),
    replace(keys.user(account.id, 'address'), undefined, { address: account.address }),
    ...(credentials === undefined ? [] : [replace(keys.user(account.id, 'credentials'), undefined, credentials)]),
    // The domain is still there and open when the user comes in; the first user answers for it.
    first ? replace(keys.domain(domain.value.name), domain, { ...domain.value, postmaster: account.address }) : unchanged(keys.domain(domain.value.name), domain),
  ]
}

/** @throws DirectoryRefusal `exists` */
export async function demandFree({ table }: DirectoryDeps, address: MailAddress): Promise<void> {
  const read = await readRow<AddressRow>(table, keys.address(address))
  if (read !== undefined) throw new DirectoryRefusal('exists', `${showAddress(formatAddress(address))} is ${read.value.kind === 'user' ? 'a user' : 'an alias'} already`)
}

/** @throws DirectoryRefusal `invalid` */
async function hashPassword({ clock, settings }: DirectoryDeps, hashing: Hashing, address: string, password: string): Promise<Credentials> {
  const prepared = preparePassword(password)
  if (prepared === undefined) throw new DirectoryRefusal('invalid', 'a password cannot be empty, have control characters or mix directions of writing')
  if (Array.from(prepared).length < settings.minPasswordLength) throw new DirectoryRefusal('invalid', `a password has ${settings.minPasswordLength} characters at least`)
  if (Buffer.byteLength(prepared) > settings.maxPasswordBytes) throw new DirectoryRefusal('invalid', `a password has ${settings.maxPasswordBytes} octets at most`)
  return await makeCredentials({ address, prepared, changedAt: clock.now() }, hashing, settings)
}

export async function* allUsers({ table }: DirectoryDeps, domain: string): AsyncGenerator<Account> {
  for await (const { value } of readPartition(table, `address/${domain}`)) {
    const row = decodeRow<AddressRow>(value)
    if (row.kind === 'user') yield row.account
  }
}

/** Of one domain, or of all. @throws DirectoryRefusal `invalid` */
export async function listUsers(deps: DirectoryDeps, domain: string | undefined): Promise<Account[]> {
  const domains = domain === undefined ? (await listDomains(deps)).map(({ name }) => name) : [demandDomain(domain)]
  const users: Account[] = []
  for (const name of domains) for await (const user of allUsers(deps, name)) users.push(user)
  return users
}

/** Undefined for what is no user's own address. */
export async function findUser({ table }: DirectoryDeps, text: string): Promise<Account | undefined> {
  const address = parseAddress(text)
  const read = address === undefined ? undefined : await readRow<AddressRow>(table, keys.address(foldAddress(address)))
  return read?.value.kind === 'user' ? read.value.account : undefined
}

export async function findAccount(deps: DirectoryDeps, id: string): Promise<Account | undefined> {
  const pointer = await readRow<{ address: string }>(deps.table, keys.user(id, 'address'))
  return pointer === undefined ? undefined : await findUser(deps, pointer.value.address)
}

export interface FoundUser {
  readonly address: MailAddress
  readonly account: Account
  readonly read: Read<AddressRow>
}

/** @throws DirectoryRefusal `missing`, `invalid` */
export async function demandUser({ table }: DirectoryDeps, text: string): Promise<FoundUser> {
  const address = demandLocalAddress(text)
  const read = await readRow<AddressRow>(table, keys.address(address))
  if (read?.value.kind !== 'user') throw new DirectoryRefusal('missing', `there is no user ${showAddress(formatAddress(address))}`)
  return { address, account: read.value.account, read }
}

/** @throws DirectoryRefusal `missing`, `invalid` */
export async function changeUser(deps: DirectoryDeps, text: string, change: Partial<Pick<Account, 'disabled' | 'name'> & OwnLimits>): Promise<Account> {
  for (const quota of [change.quotaBytes, change.quotaMessages, change.quotaMailboxes, change.quotaAnnotationBytes]) demandQuota(quota)
  return await changeRows(deps.table, async () => {
    const { address, account, read } = await demandUser(deps, text)
    const changed = { ...account, ...change }
    return { changes: [replace(keys.address(address), read, { kind: 'user', account: changed } satisfies AddressRow)], result: changed }
  })
}

/** Ends a lock by failed logins as well. @throws DirectoryRefusal `missing`, `invalid` */
export async function setPassword(deps: DirectoryDeps, hashing: Hashing, text: string, password: string): Promise<void> {
  const { account: found } = await demandUser(deps, text)
  const credentials = await hashPassword(deps, hashing, found.address, password)
  await changeRows(deps.table, async () => {
    const { address, account, read } = await demandUser(deps, text)
    const changes: Change[] = [
      unchanged(keys.address(address), read),
      { put: keys.user(account.id, 'credentials'), value: encodeRow(credentials) },
      { delete: keys.user(account.id, 'lock') },
    ]
    return { changes, result: undefined }
  })
}

/** Until when the account is locked by failed logins; undefined when it is not. @throws DirectoryRefusal `missing`, `invalid` */
export async function lockedUntil(deps: DirectoryDeps, text: string): Promise<number | undefined> {
  const { account } = await demandUser(deps, text)
  const lock = await readRow<{ until: number }>(deps.table, keys.user(account.id, 'lock'))
  return lock !== undefined && lock.value.until > deps.clock.now() ? lock.value.until : undefined
}

/** False when there was no lock. @throws DirectoryRefusal `missing`, `invalid` */
export async function endLock(deps: DirectoryDeps, text: string): Promise<boolean> {
  const wasLocked = (await lockedUntil(deps, text)) !== undefined
  const { account } = await demandUser(deps, text)
  await deps.table.commit([{ delete: keys.user(account.id, 'lock') }])
  return wasLocked
}
