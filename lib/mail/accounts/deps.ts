import type { Clock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import type { Table } from '#lib/engine/ports.ts'
import { foldAddress, parseAddress } from '#lib/formats/address/address.ts'
import type { MailAddress } from '#lib/formats/address/address.ts'
import { parseDomain } from '#lib/formats/address/domain.ts'
import type { DkimKey } from './account.ts'
import { DirectoryRefusal } from './refusal.ts'
import type { SlowHashes } from './slowHashes.ts'

export interface DirectoryDeps {
  readonly table: Table
  readonly clock: Clock
  readonly settings: Config['accounts']
  /** Makes the keys of a new domain; tests that need none save the time. */
  readonly makeDkimKeys?: (now: number) => Promise<DkimKey[]>
  /** Instead of its own: tests count them. */
  readonly hashes?: SlowHashes
}

/** @throws DirectoryRefusal */
export function demandAddress(text: string): MailAddress {
  const address = parseAddress(text.trim())
  if (address === undefined) throw new DirectoryRefusal('invalid', `"${text}" is not a mail address (local@domain)`)
  return address
}

/** Of one of our domains: folded. @throws DirectoryRefusal */
export function demandLocalAddress(text: string): MailAddress {
  return foldAddress(demandAddress(text))
}

/** @throws DirectoryRefusal */
export function demandDomain(text: string): string {
  const name = parseDomain(text.trim())
  if (name === undefined) throw new DirectoryRefusal('invalid', `"${text}" is not a domain name`)
  return name
}
