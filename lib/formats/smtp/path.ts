/** Reverse path and forward path, RFC 5321 §4.1.2, RFC 6531 §3.3. */
import { parseIp } from '#lib/base/ip.ts'

export interface Path {
  /** '' for the null reverse path; `postmaster` alone where the domain may be left out. A needless quotation is undone. */
  readonly address: string
  /** Has characters outside ASCII. */
  readonly utf8: boolean
}

/**
 * RFC 5321 §4.5.3.1 has 64 octets for the local part and asks for no such limit where none is needed: rewritten (SRS) and
 * per-message reverse paths are longer.
 */
export const pathLimits = { domainBytes: 255, pathBytes: 256 } as const

const atext = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-\\u0080-\\u{10ffff}]"
const dotString = new RegExp(`^${atext}+(\\.${atext}+)*$`, 'u')
const domainLabel = /^[\p{L}\p{N}\p{M}_](?:[\p{L}\p{N}\p{M}_-]*[\p{L}\p{N}\p{M}_])?$/u
// C1 controls are no text, whatever their number (RFC 6532 §3.1 lets them in; no mailbox has one).
const controls = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/

/**
 * Reads `<...>` at the start of `text`. Returns the path and what stands behind it; undefined when malformed.
 */
export function parsePath(text: string): { path: Path; rest: string } | undefined {
  if (text.startsWith('<>')) return { path: { address: '', utf8: false }, rest: text.slice(2) }
  if (!text.startsWith('<')) return undefined
  const end = closingBracket(text)
  if (end === -1) return undefined
  const whole = text.slice(1, end)
  // The source route is accepted and ignored. RFC 5321 §4.1.1.3, Appendix C
  const mailbox = whole.startsWith('@') ? whole.slice(whole.indexOf(':') + 1) : whole
  if (whole.startsWith('@') && !validRoute(whole.slice(0, whole.indexOf(':')))) return undefined
  const address = parseMailbox(mailbox)
  if (address === undefined) return undefined
  return { path: { address, utf8: /[^\x00-\x7f]/.test(address) }, rest: text.slice(end + 1) }
}

function validRoute(route: string): boolean {
  return route !== '' && route.split(',').every((hop) => hop.startsWith('@') && isDomain(hop.slice(1)))
}

/** The `>` that is not inside a quoted local part. */
function closingBracket(text: string): number {
  let quoted = false
  for (let i = 1; i < text.length; i++) {
    const char = text[i]
    if (char === '\\' && quoted) i++
    else if (char === '"') quoted = !quoted
    else if (char === '>' && !quoted) return i
  }
  return -1
}

/** An address as `local@domain` in its simplest spelling, or `postmaster`; undefined when it is none. */
export function parseMailbox(text: string): string | undefined {
  if (controls.test(text)) return undefined
  // RFC 5321 §4.5.1: postmaster needs no domain.
  if (/^postmaster$/i.test(text)) return 'postmaster'
  const at = text.lastIndexOf('@')
  if (at < 1) return undefined
  const local = simplestLocalPart(text.slice(0, at))
  const domain = text.slice(at + 1)
  if (local === undefined || !isDomain(domain)) return undefined
  // RFC 5321 §4.5.3.1.2, §4.5.3.1.3
  if (Buffer.byteLength(domain) > pathLimits.domainBytes) return undefined
  return Buffer.byteLength(local) + Buffer.byteLength(domain) + 1 <= pathLimits.pathBytes ? `${local}@${domain}` : undefined
}

/** `"joe"` is `joe`; `"a b"` stays quoted, with no needless backslash. RFC 5321 §4.1.2 asks for the least quoting. */
function simplestLocalPart(text: string): string | undefined {
  if (!text.startsWith('"')) return dotString.test(text) ? text : undefined
  if (!/^"(?:[^"\\]|\\[\x20-\x7e])*"$/u.test(text)) return undefined
  const bare = text.slice(1, -1).replace(/\\(.)/gu, '$1')
  return dotString.test(bare) ? bare : `"${bare.replace(/["\\]/g, '\\$&')}"`
}

/** A domain name (also in Unicode) or an address literal. */
function isDomain(text: string): boolean {
  if (text.startsWith('[')) return parseAddressLiteral(text) !== undefined
  return text.length > 0 && text.length <= pathLimits.domainBytes && text.split('.').every((label) => label.length <= 63 && domainLabel.test(label))
}

/** The IP address inside `[192.0.2.1]` or `[IPv6:2001:db8::1]`. RFC 5321 §4.1.3 */
export function parseAddressLiteral(text: string): string | undefined {
  const inner = /^\[(IPv6:)?([0-9A-Fa-f:.]+)\]$/i.exec(text)
  const [, tag, address] = inner ?? []
  if (address === undefined || parseIp(address)?.length !== (tag === undefined ? 4 : 16)) return undefined
  return address
}
