/**
 * The header section of a message as it was handed in: cut into fields without changing an octet.
 * Text is latin1: one character an octet.
 */

export interface HeaderField {
  readonly name: string
  /** All after the colon, with its folds, without the final CRLF. */
  readonly value: string
}

export interface SplitHeader {
  readonly fields: readonly HeaderField[]
  /** Where the body begins: behind the empty line, or at the first line when there is no header at all. */
  readonly bodyAt: number
  /** The line that is no field, when one stands among fields. */
  readonly fault?: string
}

// RFC 5322 §3.6.8, and the obsolete white space before the colon (§4.5)
const fieldName = /^[\x21-\x39\x3b-\x7e]+[ \t]*(?=:)/

/**
 * Of octets that hold the whole header section, and may hold more. Lines end with CRLF.
 * A first line that is no field means that all is body.
 */
export function splitHeader(octets: Buffer): SplitHeader {
  const fields: HeaderField[] = []
  let at = mboxLine(octets)
  while (at < octets.length) {
    if (octets[at] === 0x0d && octets[at + 1] === 0x0a) return { fields, bodyAt: at + 2 }
    const end = fieldEnd(octets, at)
    const text = octets.toString('latin1', at, end)
    const name = fieldName.exec(text)?.[0]
    if (name === undefined) return fields.length === 0 ? { fields, bodyAt: at } : { fields, bodyAt: at, fault: text.slice(0, 60) }
    fields.push({ name, value: text.slice(name.length + 1) })
    at = end + 2
  }
  return { fields, bodyAt: octets.length }
}

/** A mailbox file's "From " line got in front of the header: it is no field, and nobody misses it. */
function mboxLine(octets: Buffer): number {
  if (!/^>?From /.test(octets.toString('latin1', 0, 6))) return 0
  const end = octets.indexOf('\r\n')
  const next = end < 0 ? '' : octets.toString('latin1', end + 2, end + 82)
  return fieldName.test(next) ? end + 2 : 0
}

/** The CRLF that no continuation line follows. */
function fieldEnd(octets: Buffer, from: number): number {
  for (let at = from; ; at += 2) {
    at = octets.indexOf('\r\n', at)
    if (at < 0) return octets.length
    const next = octets[at + 2]
    if (next !== 0x20 && next !== 0x09) return at
  }
}
