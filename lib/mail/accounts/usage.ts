/** How much a domain's accounts hold, said by whoever files mail: one row each, the last word counts. */
import { parseDomain } from '#lib/formats/address/domain.ts'
import type { DirectoryDeps } from './deps.ts'
import { decodeRow, encodeRow, keys, readPartition } from './rows.ts'

export async function recordUsage({ table }: DirectoryDeps, domain: string, accountId: string, bytes: number): Promise<void> {
  await table.commit([{ put: keys.usage(domain, accountId), value: encodeRow({ bytes }) }])
}

/** Octets of all its accounts together. */
export async function domainUsage({ table }: DirectoryDeps, text: string): Promise<number> {
  const domain = parseDomain(text)
  let sum = 0
  if (domain !== undefined) for await (const { value } of readPartition(table, `usage/${domain}`)) sum += decodeRow<{ bytes: number }>(value).bytes
  return sum
}
