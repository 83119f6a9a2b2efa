/**
 * Header fields of a message or a part (RFC 5322 §2.2), with their places.
 *
 * Invariants: values are octet strings (code points 0-255 are the octets) as they stand, folding included, without the
 * white space around them; a line that is no field and continues none belongs to no field; nothing here throws.
 */

export interface HeaderField {
  /** As written. */
  readonly name: string
  readonly value: string
  /** Offsets of the whole field, its line end included. */
  readonly start: number
  readonly end: number
}

export interface Header {
  readonly fields: readonly HeaderField[]
  /** Where the body begins: behind the empty line, or at the end of the octets. */
  readonly end: number
}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Reads the header at the start of these octets; what follows the empty line is not looked at. */
export function parseHeader(bytes: Uint8Array): Header {
  const octets = asBuffer(bytes)
  const fields: HeaderField[] = []
  const n = octets.length
  let at = 0
  while (at < n) {
    const start = at
    if (isEmptyLine(octets, at)) return { fields, end: at + (octets[at] === LF ? 1 : 2) }
    const nameEnd = endOfName(octets, at)
    at = endOfLine(octets, at)
    // A folded line goes on; so does the white space of a line that is no field.
    while (at < n && isBlank(octets[at])) at = endOfLine(octets, at)
    if (nameEnd > start) fields.push(readField(octets, start, nameEnd, at))
  }
  return { fields, end: n }
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB
}

function isEmptyLine(octets: Buffer, at: number): boolean {
  const octet = octets[at]
  return octet === LF || (octet === CR && octets[at + 1] === LF)
}

function endOfLine(octets: Buffer, at: number): number {
  const end = octets.indexOf(LF, at)
  return end < 0 ? octets.length : end + 1
}

/** The end of the field name that begins here; `at` itself when none does. */
function endOfName(octets: Buffer, at: number): number {
  let end = at
  for (let octet = octets[end]; octet !== undefined && octet > SPACE && octet < 127 && octet !== COLON; octet = octets[end]) end++
  // RFC 5322 §4.5: white space before the colon is obsolete.
  let colon = end
  while (isBlank(octets[colon])) colon++
  return octets[colon] === COLON ? end : at
}

function readField(octets: Buffer, start: number, nameEnd: number, end: number): HeaderField {
  let from = octets.indexOf(COLON, nameEnd) + 1
  let until = end
  while (from < until && isSpace(octets[from])) from++
  while (until > from && isSpace(octets[until - 1])) until--
  return { name: octets.toString('latin1', start, nameEnd), value: octets.toString('latin1', from, until), start, end }
}

function isSpace(octet: number | undefined): boolean {
  return octet === SPACE || octet === LF || octet === CR || octet === TAB
}

/** RFC 5322 §2.2.3: the line ends of folding go, the white space behind them stays. */
export function unfold(value: string): string {
  return value.includes('\n') ? value.replaceAll(/\r?\n/g, '') : value
}

const lineEnd = Buffer.from('\r\n')

/** The fields of these names (or all others, when `not`) as they stand, and the empty line (RFC 9051 §6.4.5.1). */
export function filterHeader(header: Uint8Array, names: readonly string[], not: boolean): Uint8Array {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const pieces = parseHeader(header).fields.filter(({ name }) => wanted.has(name.toLowerCase()) !== not).map(({ start, end }) => header.subarray(start, end))
  return Buffer.concat([...pieces, lineEnd])
}
