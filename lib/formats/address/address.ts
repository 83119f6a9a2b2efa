/**
 * A mail address as accounts know it: a local part with its quoting undone, and a domain in A-labels.
 *
 * Invariant: two spellings of one local mailbox (case, quoting, IDN form, Unicode composition) have one key.
 */
import { parseDomain, showDomain } from './domain.ts'
import { foldLocalPart, formatLocalPart, parseLocalPart } from './localPart.ts'

export interface MailAddress {
  /** Unquoted, as written otherwise. */
  readonly localPart: string
  /** Lower case, A-labels. */
  readonly domain: string
}

/** Of `local@domain`, without angle brackets; undefined for anything else. Address literals have no accounts. */
export function parseAddress(text: string): MailAddress | undefined {
  const at = text.lastIndexOf('@')
  const localPart = parseLocalPart(text.slice(0, Math.max(0, at)))
  const domain = parseDomain(text.slice(at + 1))
  return at < 1 || localPart === undefined || domain === undefined ? undefined : { localPart, domain }
}

export function formatAddress({ localPart, domain }: MailAddress): string {
  return `${formatLocalPart(localPart)}@${domain}`
}

/** With the local part folded, as addresses of local domains are kept. */
export function foldAddress({ localPart, domain }: MailAddress): MailAddress {
  return { localPart: foldLocalPart(localPart), domain }
}

/** For people: the domain in U-labels. Text that is no address stays as it is. */
export function showAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 0 ? address : address.slice(0, at + 1) + showDomain(address.slice(at + 1))
}
