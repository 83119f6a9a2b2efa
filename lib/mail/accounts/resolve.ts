/**
 * What an address is to us: the question of every RCPT. One get for a user or alias, two for a sub-address or a
 * remote address, three where a catch-all or the postmaster steps in.
 */
import { foldAddress, formatAddress, parseAddress } from '#lib/formats/address/address.ts'
import type { MailAddress } from '#lib/formats/address/address.ts'
import { splitDetail } from '#lib/formats/address/localPart.ts'
import type { Account, Domain, Resolution } from './account.ts'
import { leadsTo } from './aliases.ts'
import type { DirectoryDeps } from './deps.ts'
import { keys, readRow } from './rows.ts'
import type { AddressRow, DomainRow } from './rows.ts'

/** Of `domain`, so that somebody reads what they get. RFC 5321 §4.5.1, RFC 2142 §4 */
const roles = ['postmaster', 'abuse']

export async function resolveRecipient(deps: DirectoryDeps, text: string): Promise<Resolution> {
  const given = parseAddress(text)
  // An address literal names a host, not one of our domains.
  if (given === undefined) return { kind: text.endsWith(']') ? 'remote' : 'unknown' }
  const address = foldAddress(given)
  const exact = await findAddress(deps, address)
  if (exact !== undefined) return settle(exact, formatAddress(address))
  const parts = splitDetail(address.localPart, deps.settings.detailSeparator)
  if (parts !== undefined) {
    const base = { localPart: parts.user, domain: address.domain }
    const row = await findAddress(deps, base)
    if (row !== undefined) return settle(row, formatAddress(base), parts.detail)
  }
  return await resolveByDomain(deps, address, parts?.user)
}

async function findAddress({ table }: DirectoryDeps, address: MailAddress): Promise<AddressRow | undefined> {
  return (await readRow<AddressRow>(table, keys.address(address)))?.value
}

function settle(row: AddressRow, address: string, detail?: string): Resolution {
  if (row.kind === 'alias') return { kind: 'alias', address, targets: row.targets }
  if (row.account.disabled) return { kind: 'disabled', account: row.account }
  return { kind: 'account', account: row.account, address, ...(detail === undefined ? {} : { detail }) }
}

async function resolveByDomain(deps: DirectoryDeps, address: MailAddress, user: string | undefined): Promise<Resolution> {
  const domain = (await readRow<DomainRow>(deps.table, keys.domain(address.domain)))?.value
  if (domain === undefined) return { kind: 'remote' }
  const isRole = roles.includes(address.localPart) || (user !== undefined && roles.includes(user))
  const heir = (isRole ? domain.postmaster : null) ?? domain.catchAll
  return heir === null ? { kind: 'unknown' } : await resolveHeir(deps, domain, heir, formatAddress(address))
}

/** The catch-all or postmaster takes the place of an address that has no row of its own. */
async function resolveHeir(deps: DirectoryDeps, domain: Domain, heir: string, address: string): Promise<Resolution> {
  const target = parseAddress(heir)
  const row = target && (await findAddress(deps, target))
  if (row !== undefined) return settle(row, address)
  // Elsewhere: a forward like any other. One of this domain that is not there would lead back here for ever.
  return target === undefined || target.domain === domain.name ? { kind: 'unknown' } : { kind: 'alias', address, targets: [heir] }
}

/**
 * A user sends as their own address, with any detail, as every alias that names them, and as any address that
 * reaches them by catch-all or as postmaster.
 */
export async function maySendAs(deps: DirectoryDeps, account: Account, text: string): Promise<boolean> {
  const given = parseAddress(text)
  if (given === undefined) return false
  const resolution = await resolveRecipient(deps, formatAddress(foldAddress(given)))
  if (resolution.kind === 'account') return resolution.account.id === account.id
  return resolution.kind === 'alias' && leadsTo(resolution.targets, account.address, deps.settings.detailSeparator)
}
