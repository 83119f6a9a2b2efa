/**
 * Aliases: an address that stands for others. Beside each goes one row per local target, so that from a user one
 * finds the aliases that lead there without reading them all.
 */
import type { Change } from '#lib/engine/ports.ts'
import { foldAddress, formatAddress, showAddress } from '#lib/formats/address/address.ts'
import type { MailAddress } from '#lib/formats/address/address.ts'
import { parseAddress } from '#lib/formats/address/address.ts'
import { splitDetail } from '#lib/formats/address/localPart.ts'
import type { Alias } from './account.ts'
import { demandAddress, demandDomain, demandLocalAddress } from './deps.ts'
import type { DirectoryDeps } from './deps.ts'
import { demandOpenDomain, listDomains } from './domains.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, decodeRow, encodeRow, keys, readPartition, readRow, replace, unchanged } from './rows.ts'
import type { AddressRow, Read } from './rows.ts'
import { demandFree } from './users.ts'

export interface NewAlias {
  readonly address: string
  readonly targets: readonly string[]
}

interface AliasRead {
  readonly address: MailAddress
  readonly row: Extract<AddressRow, { kind: 'alias' }>
  readonly read: Read<AddressRow>
}

/** @throws DirectoryRefusal `exists`, `missing` (the domain), `invalid` (also: an alias of itself) */
export async function addAlias(deps: DirectoryDeps, { address: text, targets: texts }: NewAlias): Promise<Alias> {
  const address = demandLocalAddress(text)
  return await changeRows(deps.table, async () => {
    const domain = await demandOpenDomain(deps, address.domain)
    await demandFree(deps, address)
    const targets = await demandTargets(deps, address, texts)
    const row = { kind: 'alias', targets: targets.map(formatAddress), createdAt: deps.clock.now() } satisfies AddressRow
    const name = formatAddress(address)
    const changes: Change[] = [
      replace(keys.address(address), undefined, row),
      unchanged(keys.domain(address.domain), domain),
      ...targetPartitions(deps, row.targets).map((target): Change => ({ put: keys.target(target, name), value: encodeRow({}) })),
    ]
    return { changes, result: { address: name, targets: row.targets, createdAt: row.createdAt } }
  })
}

async function demandTargets(deps: DirectoryDeps, alias: MailAddress, texts: readonly string[]): Promise<MailAddress[]> {
  const targets = new Map<string, MailAddress>()
  for (const text of texts) {
    const given = demandAddress(text)
    // A remote server may tell local parts apart by case; we do not.
    const local = given.domain === alias.domain || (await deps.table.get(keys.domain(given.domain))) !== undefined
    const target = local ? foldAddress(given) : given
    if (isSame(deps, target, alias)) throw new DirectoryRefusal('invalid', `${showAddress(formatAddress(alias))} cannot be an alias of itself`)
    targets.set(formatAddress(target), target)
  }
  if (targets.size === 0) throw new DirectoryRefusal('invalid', 'an alias needs a target at least')
  if (targets.size > deps.settings.maxAliasTargets) throw new DirectoryRefusal('invalid', `an alias has ${deps.settings.maxAliasTargets} targets at most; an alias may be a target of another`)
  return [...targets.values()]
}

function isSame({ settings }: DirectoryDeps, target: MailAddress, alias: MailAddress): boolean {
  return target.domain === alias.domain && (target.localPart === alias.localPart || splitDetail(target.localPart, settings.detailSeparator)?.user === alias.localPart)
}

/** Under which addresses an alias with these targets is found: those without detail. */
function targetPartitions({ settings }: DirectoryDeps, targets: readonly string[]): string[] {
  return [...new Set(targets.map((target) => withoutDetail(target, settings.detailSeparator)))]
}

function withoutDetail(target: string, separator: string): string {
  const address = parseAddress(target)
  const user = address && splitDetail(address.localPart, separator)?.user
  return address === undefined || user === undefined ? target : formatAddress({ localPart: user, domain: address.domain })
}

/** Of one domain, or of all. @throws DirectoryRefusal `invalid` */
export async function listAliases(deps: DirectoryDeps, domain: string | undefined): Promise<Alias[]> {
  const domains = domain === undefined ? (await listDomains(deps)).map(({ name }) => name) : [demandDomain(domain)]
  const aliases: Alias[] = []
  for (const name of domains) {
    for await (const { sort, value } of readPartition(deps.table, `address/${name}`)) {
      const row = decodeRow<AddressRow>(value)
      if (row.kind === 'alias') aliases.push({ address: formatAddress({ localPart: sort, domain: name }), targets: row.targets, createdAt: row.createdAt })
    }
  }
  return aliases
}

/** @throws DirectoryRefusal `missing`, `invalid` */
async function demandAlias({ table }: DirectoryDeps, text: string): Promise<AliasRead> {
  const address = demandLocalAddress(text)
  const read = await readRow<AddressRow>(table, keys.address(address))
  if (read?.value.kind !== 'alias') throw new DirectoryRefusal('missing', `there is no alias ${showAddress(formatAddress(address))}`)
  return { address, row: read.value, read }
}

/** @throws DirectoryRefusal `missing`, `invalid` */
export async function removeAlias(deps: DirectoryDeps, text: string): Promise<void> {
  await changeRows(deps.table, async () => ({ changes: aliasRemoval(deps, await demandAlias(deps, text)), result: undefined }))
}

function aliasRemoval(deps: DirectoryDeps, { address, row, read }: AliasRead): Change[] {
  return [{ delete: keys.address(address), onlyIf: { equals: read.bytes } }, ...targetRemovals(deps, address, row.targets)]
}

function targetRemovals(deps: DirectoryDeps, alias: MailAddress, targets: readonly string[]): Change[] {
  return targetPartitions(deps, targets).map((target) => ({ delete: keys.target(target, formatAddress(alias)) }))
}

/** Aliases with this local address among their targets. */
export async function aliasesTo({ table, settings }: DirectoryDeps, target: string): Promise<string[]> {
  const aliases: string[] = []
  for await (const { sort } of readPartition(table, `target/${target}`)) {
    const address = parseAddress(sort)
    const read = address && (await readRow<AddressRow>(table, keys.address(address)))
    if (read?.value.kind === 'alias' && leadsTo(read.value.targets, target, settings.detailSeparator)) aliases.push(sort)
  }
  return aliases
}

export function leadsTo(targets: readonly string[], address: string, separator: string): boolean {
  return targets.some((target) => target === address || withoutDetail(target, separator) === address)
}

/** Takes one target out of an alias; one that leads nowhere then is removed. */
export async function dropTarget(deps: DirectoryDeps, alias: string, target: string): Promise<void> {
  await changeRows(deps.table, async () => {
    const found = await demandAlias(deps, alias)
    const left = found.row.targets.filter((one) => one !== target && withoutDetail(one, deps.settings.detailSeparator) !== target)
    if (left.length === 0) return { changes: aliasRemoval(deps, found), result: undefined }
    const changes: Change[] = [replace(keys.address(found.address), found.read, { ...found.row, targets: left } satisfies AddressRow), { delete: keys.target(target, alias) }]
    return { changes, result: undefined }
  })
}
