/** Domains: who we answer for. Every change is conditional on what was read, so that none is lost between processes. */
import { randomBytes } from 'node:crypto'
import { formatAddress } from '#lib/formats/address/address.ts'
import { parseDomain, showDomain } from '#lib/formats/address/domain.ts'
import type { Domain, Smarthost } from './account.ts'
import { demandAddress, demandDomain, demandLocalAddress } from './deps.ts'
import type { DirectoryDeps } from './deps.ts'
import { makeDkimKeys } from './dkimKeys.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, decodeRow, keys, readPartition, readRow, replace } from './rows.ts'
import type { DomainRow, Read } from './rows.ts'

/** What may be said of a domain; what is left out stays as it is. `junkScore` and `refuseScore` null: the setting again. */
export interface DomainChange {
  readonly catchAll?: string | null
  readonly postmaster?: string | null
  readonly quotaBytes?: number | null
  readonly dmarc?: 'obey' | 'mark'
  readonly junkScore?: number | null
  readonly refuseScore?: number | null
  readonly smarthost?: Smarthost | null
  readonly dkim?: Domain['dkim']
}

/** @throws DirectoryRefusal `exists`, `invalid` */
export async function addDomain(deps: DirectoryDeps, { name: text, ...change }: { readonly name: string } & DomainChange): Promise<Domain> {
  const name = demandDomain(text)
  // Before the keys are made, which takes a while; the condition of the put is what decides.
  if ((await deps.table.get(keys.domain(name))) !== undefined) throw existsAlready(name)
  const createdAt = deps.clock.now()
  const dkim = await (deps.makeDkimKeys ?? makeDkimKeys)(createdAt)
  const fresh: Domain = { name, catchAll: null, postmaster: null, quotaBytes: null, dmarc: 'obey', dkim, smarthost: null, srsSecret: randomBytes(24).toString('base64url'), createdAt }
  const domain = applyChange(fresh, change)
  return await changeRows(deps.table, async () => {
    if ((await deps.table.get(keys.domain(name))) !== undefined) throw existsAlready(name)
    return { changes: [replace(keys.domain(name), undefined, domain)], result: domain }
  })
}

const existsAlready = (name: string) => new DirectoryRefusal('exists', `${showDomain(name)} is a domain here already`)

export async function listDomains({ table }: DirectoryDeps): Promise<Domain[]> {
  const domains: Domain[] = []
  for await (const { value } of readPartition(table, 'domain')) domains.push(publicDomain(decodeRow<DomainRow>(value)))
  return domains
}

/** Undefined when it is none of ours. */
export async function findDomain({ table }: DirectoryDeps, text: string): Promise<Domain | undefined> {
  const name = parseDomain(text)
  const read = name === undefined ? undefined : await readRow<DomainRow>(table, keys.domain(name))
  return read === undefined ? undefined : publicDomain(read.value)
}

function publicDomain(row: DomainRow): Domain {
  const { removing, ...domain } = row
  return removing === undefined ? row : domain
}

/** A domain to which something may be added. @throws DirectoryRefusal `missing` */
export async function demandOpenDomain({ table }: DirectoryDeps, name: string): Promise<Read<DomainRow>> {
  const read = await readRow<DomainRow>(table, keys.domain(name))
  if (read === undefined) throw new DirectoryRefusal('missing', `${showDomain(name)} is not a domain here: add it first`)
  if (read.value.removing === true) throw new DirectoryRefusal('missing', `${showDomain(name)} is being removed`)
  return read
}

/** @throws DirectoryRefusal `missing`, `invalid` */
export async function changeDomain(deps: DirectoryDeps, text: string, change: DomainChange): Promise<Domain> {
  const name = demandDomain(text)
  return await changeRows(deps.table, async () => {
    const read = await demandOpenDomain(deps, name)
    const domain = applyChange(read.value, change)
    return { changes: [replace(keys.domain(name), read, domain)], result: domain }
  })
}

function applyChange(domain: Domain, change: DomainChange): Domain {
  const { catchAll, postmaster, smarthost, junkScore, refuseScore, ...rest } = change
  const { junkScore: junk, refuseScore: refuse, ...base } = domain
  demandQuota(change.quotaBytes)
  return {
    ...base,
    ...rest,
    ...(catchAll === undefined ? {} : { catchAll: targetOrNull(domain.name, catchAll) }),
    ...(postmaster === undefined ? {} : { postmaster: targetOrNull(domain.name, postmaster) }),
    ...(smarthost === undefined ? {} : { smarthost: smarthost && demandSmarthost(smarthost) }),
    ...score('junkScore', junkScore === undefined ? junk : junkScore),
    ...score('refuseScore', refuseScore === undefined ? refuse : refuseScore),
  }
}

function score<K extends 'junkScore' | 'refuseScore'>(word: K, value: number | null | undefined): { [P in K]?: number } {
  if (value === null || value === undefined) return {}
  if (!Number.isFinite(value)) throw new DirectoryRefusal('invalid', 'a spam score is a number')
  // A computed key of type K is widened to string by the compiler.
  return { [word]: value } as { [P in K]?: number }
}

/** A local part alone means one of the domain itself. */
function targetOrNull(domain: string, text: string | null): string | null {
  if (text === null || text === '') return null
  const address = demandAddress(text.includes('@') ? text : `${text}@${domain}`)
  return formatAddress(address.domain === domain ? demandLocalAddress(formatAddress(address)) : address)
}

export function demandQuota(quotaBytes: number | null | undefined): void {
  if (quotaBytes === null || quotaBytes === undefined) return
  if (!Number.isSafeInteger(quotaBytes) || quotaBytes < 0) throw new DirectoryRefusal('invalid', 'a quota is a number of octets; 0 means unlimited')
}

function demandSmarthost(smarthost: Smarthost): Smarthost {
  const { port, login, password } = smarthost
  const host = smarthost.host.trim()
  // An address is as good as a name here.
  if (!/^[A-Za-z0-9:._-]+$/.test(host)) throw new DirectoryRefusal('invalid', `"${smarthost.host}" is no name of a host`)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new DirectoryRefusal('invalid', 'a port is a number from 1 to 65535')
  if ((login === undefined) !== (password === undefined)) throw new DirectoryRefusal('invalid', 'a smarthost needs both a login and a password, or neither')
  if (login !== undefined && smarthost.tls === 'none') throw new DirectoryRefusal('invalid', 'a password is never sent to a smarthost without TLS')
  return { ...smarthost, host }
}
