/** Domain names: kept and compared as lower-case A-labels, shown as U-labels (RFC 5890 §2.3.2.1). */
import { domainToASCII, domainToUnicode } from 'node:url'

// RFC 1035 §2.3.4; 253 is what 255 octets on the wire leave for text.
const domainBytes = 253
const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/
// The URL standard gives these a meaning that mail does not know (percent-encoding, user, port, address literals).
const notInDomain = /[\x00-\x20"#%'()*+,/:;<>?@[\\\]^`{|}\x7f]/

/**
 * The one spelling of a domain: lower case, A-labels, no final dot.
 * Undefined for what is no domain name; an address literal or an IP address is none.
 */
export function parseDomain(text: string): string | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text
  if (bare === '' || bare.length > domainBytes || notInDomain.test(bare)) return undefined
  const name = /^[\x21-\x7e]+$/.test(bare) && !/(?:^|\.)xn--/i.test(bare) ? bare.toLowerCase() : domainToASCII(bare)
  if (name.length > domainBytes) return undefined
  const labels = name.split('.')
  // A last label of digits alone is an IPv4 address to many readers. RFC 3696 §2
  if (!labels.every((one) => label.test(one)) || /^\d+$/.test(labels.at(-1) ?? '')) return undefined
  return name
}

/** For people: U-labels. Takes and gives ASCII names unchanged. */
export function showDomain(name: string): string {
  return name.includes('xn--') ? domainToUnicode(name) || name : name
}
