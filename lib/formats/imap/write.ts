/** Values as they stand in responses: octet strings in, octet strings out (RFC 9051 §4). */

const needsMore = /[^\x20-\x7e]|["\\]/
const needsLiteral = /[^\x20-\x7e]/
const notAstring = /[^\x21\x23-\x24\x26-\x27\x2b-\x5b\x5d-\x7a\x7c-\x7e]/
const control = /[\x00-\x1f\x7f]/

function escapeQuoted(octets: string): string {
  return `"${octets.replaceAll(/["\\]/g, '\\$&')}"`
}

/** Quoted when that can be, else a literal. NUL cannot stand in either and is left out. */
export function writeString(octets: string): string {
  if (!needsMore.test(octets)) return `"${octets}"`
  if (!needsLiteral.test(octets)) return escapeQuoted(octets)
  const clean = octets.includes('\0') ? octets.replaceAll('\0', '') : octets
  return `{${clean.length}}\r\n${clean}`
}

export function writeNstring(octets: string | null): string {
  return octets === null ? 'NIL' : writeString(octets)
}

export function writeAstring(octets: string): string {
  return octets !== '' && !notAstring.test(octets) && octets.toUpperCase() !== 'NIL' ? octets : writeString(octets)
}

/** A quoted string that may hold UTF-8, where the client has said that it reads that (RFC 9051 §4.3). */
export function writeUtf8Quoted(octets: string): string {
  return control.test(octets) ? writeString(octets) : escapeQuoted(octets)
}
