/**
 * A report as a message: multipart/report (RFC 6522) of words for people, fields for machines (RFC 3464), and the
 * message it is about, whole or its header. With UTF-8 in addresses or header the parts have the types of RFC 6533.
 *
 * Invariant: what comes from outside (addresses, replies, the original) can neither end a part nor add a field.
 */
import { formatDate } from '#lib/formats/compose/date.ts'
import { asBuffer } from '#lib/formats/message/header.ts'
import { encodeText, foldField, isAscii, oneLine, quotedPrintable } from '#lib/formats/compose/text.ts'
import { composeStatus } from './status.ts'
import type { ReportedMessage, ReportedRecipient } from './status.ts'
import { composeWords, titles, worstAction } from './words.ts'

export interface Report {
  /** Becomes the Message-ID, and the boundary is made from it. */
  readonly id: string
  /** Who sends it: `postmaster@domain`. */
  readonly from: string
  /** Who gets it: the reverse path of the message. */
  readonly to: string
  /** ms since 1970 */
  readonly date: number
  readonly message: ReportedMessage
  readonly recipients: readonly ReportedRecipient[]
  readonly original: Original
  /**
   * What the sender's side knows: ASCII alone, the types of UTF-8 (SMTPUTF8), or these on every host of the way back,
   * so that nothing need be encoded.
   */
  readonly utf8: 'none' | 'types' | 'way'
}

export interface Original {
  /** The subject, decoded. */
  readonly subject: string
  /** With its angle brackets; absent when there is none, or a malformed one. */
  readonly messageId?: string | undefined
  readonly kind: 'message' | 'header'
  /** Lines end with CRLF. */
  readonly octets: Uint8Array
}

export interface ComposedReport {
  /** In order, values without CRLF at their ends; UTF-8. */
  readonly fields: readonly { readonly name: string; readonly value: string }[]
  readonly body: Buffer
  /** Has octets above 127, so the way must be 8BITMIME. */
  readonly eightBit: boolean
  /** Has UTF-8 in its own header, or a header with it in a part that is not encoded. */
  readonly needsSmtpUtf8: boolean
}

export function composeReport(report: Report): ComposedReport {
  const { message, recipients, original } = report
  const addresses = [report.to, ...recipients.flatMap(({ address, orcpt }) => [address, orcpt ?? ''])]
  const global = report.utf8 !== 'none' && !(addresses.every(isAscii) && isAscii(headerText(original)))
  const letter = { host: message.reportingMta, postmaster: report.from, subject: original.subject, arrivedAt: message.arrivedAt }
  // RFC 6533 §4.5: where a host may not know SMTPUTF8, what is in UTF-8 goes in a 7-bit encoding.
  const native = report.utf8 === 'way' || !isAscii(report.to)
  const status = Buffer.from(composeStatus(message, recipients, global))
  const parts = [wordsPart(composeWords(letter, recipients)), global ? globalPart('message/global-delivery-status', status, native) : statusPart(status), global ? globalPart(original.kind === 'message' ? 'message/global' : 'message/global-headers', original.octets, native) : originalPart(original)]
  const eightBit = parts.some(({ encoding }) => encoding === '8bit')
  const boundary = freeBoundary(report.id, parts)
  const body = Buffer.concat([...parts.flatMap(({ type, encoding, octets }) => [Buffer.from(`--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`), octets, Buffer.from('\r\n')]), Buffer.from(`--${boundary}--\r\n`)])
  return { fields: headerFields(report, `multipart/report; report-type=${global ? 'global-' : ''}delivery-status; boundary="${boundary}"`, eightBit), body, eightBit, needsSmtpUtf8: global && native }
}

function headerFields({ id, from, to, date, recipients, original }: Report, contentType: string, eightBit: boolean): { name: string; value: string }[] {
  const title = `${titles[worstAction(recipients)]}${original.subject === '' ? ' message' : `: ${oneLine(original.subject, 400)}`}`
  const field = (name: string, value: string) => ({ name, value: foldField(name, value).slice(name.length + 1, -2) })
  return [
    field('Date', formatDate(date)),
    field('From', `Mail Delivery System <${oneLine(from)}>`),
    field('To', `<${oneLine(to)}>`),
    field('Subject', encodeText(title)),
    field('Message-ID', `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`),
    // So that mail programs show it beside the message it is about.
    ...(original.messageId === undefined ? [] : [field('In-Reply-To', original.messageId), field('References', original.messageId)]),
    // RFC 3834 §5
    field('Auto-Submitted', 'auto-replied'),
    field('MIME-Version', '1.0'),
    field('Content-Type', contentType),
    ...(eightBit ? [field('Content-Transfer-Encoding', '8bit')] : []),
  ]
}

interface Part {
  readonly type: string
  readonly encoding: '7bit' | '8bit' | 'quoted-printable'
  readonly octets: Buffer
}

function wordsPart(text: string): Part {
  const octets = Buffer.from(text)
  const type = 'text/plain; charset=utf-8'
  return isAscii(text) ? { type, encoding: '7bit', octets } : { type, encoding: 'quoted-printable', octets: Buffer.from(quotedPrintable(octets)) }
}

function statusPart(octets: Buffer): Part {
  return { type: 'message/delivery-status', encoding: '7bit', octets }
}

/** RFC 6533 §4.4: unlike message/rfc822, these may be encoded. */
function globalPart(type: string, octets: Uint8Array, native: boolean): Part {
  return native ? { type, encoding: '8bit', octets: asBuffer(octets) } : { type, encoding: 'quoted-printable', octets: Buffer.from(quotedPrintable(octets)) }
}

function originalPart({ kind, octets: given }: Original): Part {
  const octets = asBuffer(given)
  const plain = isAsciiOctets(octets)
  // RFC 2046 §5.2.1: a message inside a message is never encoded.
  if (kind === 'message') return { type: 'message/rfc822', encoding: plain ? '7bit' : '8bit', octets }
  // RFC 6522 §4
  const type = 'text/rfc822-headers'
  return plain && !hasLongLine(octets) ? { type, encoding: '7bit', octets } : { type: `${type}; charset=utf-8`, encoding: 'quoted-printable', octets: Buffer.from(quotedPrintable(octets)) }
}

/** Whether a message may stand inside another as it is: RFC 2045 §2.7 and §2.8. */
export function maySitInside(octets: Buffer): boolean {
  return !octets.includes(0) && !hasLongLine(octets)
}

function isAsciiOctets(octets: Buffer): boolean {
  return !octets.some((octet) => octet > 127)
}

function hasLongLine(octets: Buffer): boolean {
  for (let start = 0; start < octets.length; ) {
    const end = octets.indexOf('\r\n', start)
    const length = (end < 0 ? octets.length : end) - start
    if (length > 998) return true
    start += length + 2
  }
  return false
}

function headerText({ octets }: Original): string {
  const text = asBuffer(octets).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  return end < 0 ? text : text.slice(0, end)
}

/** One that no part holds, so that the original cannot end its part. RFC 2046 §5.1.1 */
function freeBoundary(id: string, parts: readonly Part[]): string {
  const stem = `=_${id.replace(/[^A-Za-z0-9.-]/g, '').slice(0, 50)}`
  let boundary = stem
  for (let n = 1; parts.some(({ octets }) => octets.includes(boundary)); n++) boundary = `${stem}_${n}`
  return boundary
}
