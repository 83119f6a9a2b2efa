/**
 * Encoded words of header fields (RFC 2047) and bodies of text parts as text.
 *
 * Invariants: octet strings or octets in, text out; faulty input decodes as far as it makes sense; linear time.
 */
import { decodeCharset } from './charset.ts'
import { asBuffer } from './header.ts'
import type { Part } from './part.ts'

/** RFC 2047 §2, with a language (RFC 2231 §5); spaces in the text are wrong and common. */
const encodedWord = /=\?([^?\s*]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]{0,10000})\?=/g
const nothingButSpace = /^\s+$/

interface Run {
  readonly charset: string
  readonly octets: Buffer[]
}

/** A field value, or a part of one, as text. Raw 8-bit octets are taken as UTF-8 (RFC 6532 §3.2) where they are that. */
export function decodeEncodedWords(value: string): string {
  if (!value.includes('=?')) return rawText(value)
  let text = ''
  let behind = 0
  let run: Run | undefined
  // Words side by side in one character set may share a character: their octets are joined before they are decoded.
  const flush = () => {
    if (run !== undefined) text += decodeCharset(Buffer.concat(run.octets), run.charset)
    run = undefined
  }
  for (const found of value.matchAll(encodedWord)) {
    const between = value.slice(behind, found.index)
    const charset = (found[1] ?? '').toLowerCase()
    // RFC 2047 §6.2: white space between encoded words is not shown.
    const adjacent = behind > 0 && (between === '' || nothingButSpace.test(between))
    if (!adjacent) {
      flush()
      text += rawText(between)
    } else if (run?.charset !== charset) flush()
    run ??= { charset, octets: [] }
    run.octets.push(wordOctets(found[2] ?? '', found[3] ?? ''))
    behind = found.index + found[0].length
  }
  flush()
  return text + rawText(value.slice(behind))
}

function rawText(octets: string): string {
  return /[^\x00-\x7f]/.test(octets) ? decodeCharset(Buffer.from(octets, 'latin1'), '') : octets
}

function wordOctets(encoding: string, text: string): Buffer {
  // RFC 2047 §4.2: in Q an underscore is a space.
  return encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : Buffer.from(unescapeHex(text.replaceAll('_', ' '), '='), 'latin1')
}

/** `=41` or `%41` to octets. */
export function unescapeHex(text: string, mark: '=' | '%'): string {
  if (!text.includes(mark)) return text
  return text.replaceAll(mark === '=' ? /=([0-9A-Fa-f]{2})/g : /%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

/** The body (or its beginning) of a text part as text: transfer encoding and character set taken off. */
export function decodeText(part: Part, body: Uint8Array): string {
  const charset = part.parameters.find(([name]) => name.toLowerCase() === 'charset')?.[1] ?? ''
  return decodeCharset(decodeTransfer(part.encoding, asBuffer(body)), charset)
}

/** RFC 2045 §6; an unknown encoding is taken for none. */
function decodeTransfer(encoding: string, body: Buffer): Buffer {
  switch (encoding.toLowerCase()) {
    case 'base64':
      return Buffer.from(body.toString('latin1'), 'base64')
    case 'quoted-printable':
      return body.includes('=') ? decodeQuotedPrintable(body) : body
    default:
      return body
  }
}

const LF = 10
const CR = 13
const EQUALS = 61

function decodeQuotedPrintable(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length)
  const n = body.length
  let to = 0
  for (let at = 0; at < n; at++) {
    const octet = body[at] as number
    if (octet !== EQUALS) {
      out[to++] = octet
      continue
    }
    const high = hexValue(body[at + 1])
    const low = hexValue(body[at + 2])
    if (high >= 0 && low >= 0) {
      out[to++] = high * 16 + low
      at += 2
      continue
    }
    // RFC 2045 §6.7 (3) and (5): a soft line break, white space before its line end included.
    let next = at + 1
    while (body[next] === 32 || body[next] === 9) next++
    if (next >= n || body[next] === LF) at = next
    else if (body[next] === CR) at = body[next + 1] === LF ? next + 1 : next
    else out[to++] = octet
  }
  return out.subarray(0, to)
}

function hexValue(octet: number | undefined): number {
  if (octet === undefined) return -1
  if (octet >= 48 && octet <= 57) return octet - 48
  const letter = octet | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
