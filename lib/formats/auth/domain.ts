/** Domain names as the checks compare them. */
import { domainToASCII } from 'node:url'

/** Lower case, A-labels (RFC 5890 §2.3), no final dot; empty for what is no domain. */
export function domainName(domain: string): string {
  const bare = domain.trim().toLowerCase().replace(/\.$/, '')
  return /^[\x21-\x7e]*$/.test(bare) ? bare : domainToASCII(bare)
}

/** Of an address; empty when it has none. */
export function domainOfAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 0 ? '' : domainName(address.slice(at + 1))
}

export function isSameOrBelow(domain: string, parent: string): boolean {
  return domain !== '' && parent !== '' && (domain === parent || domain.endsWith(`.${parent}`))
}
