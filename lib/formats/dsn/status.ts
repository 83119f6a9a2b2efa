/**
 * The machine's part of a report: message/delivery-status (RFC 3464 §2) or message/global-delivery-status (RFC 6533 §4.1).
 * A group of fields about the message, then one group a recipient, with an empty line between.
 */
import { formatDate } from '#lib/formats/compose/date.ts'
import { asciiLine, foldField, isAscii, oneLine } from '#lib/formats/compose/text.ts'

export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface ReportedRecipient {
  readonly address: string
  /** `type;address` as the sender gave it. */
  readonly orcpt?: string | undefined
  readonly action: Action
  /** RFC 3463 */
  readonly status: string
  /** What the other host said, or our own words; lines joined by LF. */
  readonly reply: string
  /** SMTP reply code, when a host gave one. */
  readonly code?: number | undefined
  /** The host that said so. */
  readonly host?: string | undefined
  /** Of the last try; ms since 1970 */
  readonly at: number
  readonly retryUntil?: number | undefined
}

export interface ReportedMessage {
  /** Name of this host. */
  readonly reportingMta: string
  readonly arrivedAt: number
  /** Decoded from its xtext. */
  readonly envid?: string | undefined
}

/** `utf8`: the report may hold UTF-8 as it is (RFC 6533). */
export function composeStatus(message: ReportedMessage, recipients: readonly ReportedRecipient[], utf8: boolean): string {
  const value = utf8 ? oneLine : asciiLine
  const groups = [messageFields(message), ...recipients.map((recipient) => recipientFields(recipient, utf8))]
  return groups.map((fields) => fields.map(([name, text]) => foldField(name, value(text))).join('')).join('\r\n')
}

type Field = readonly [name: string, text: string]

/** RFC 3464 §2.2 */
function messageFields({ reportingMta, arrivedAt, envid }: ReportedMessage): Field[] {
  const fields: Field[] = [
    // RFC 3461 §6.3 (b): `dns` is for whole names.
    ['Reporting-MTA', `${reportingMta.includes('.') ? 'dns' : 'x-local-hostname'}; ${reportingMta}`],
    ['Arrival-Date', formatDate(arrivedAt)],
  ]
  // RFC 3461 §6.3 (a): present if and only if the sender gave one, decoded.
  return envid === undefined ? fields : [['Original-Envelope-Id', envid], ...fields]
}

/** RFC 3464 §2.3, in its order */
function recipientFields(recipient: ReportedRecipient, utf8: boolean): Field[] {
  const { address, action, host, at, retryUntil } = recipient
  const original = originalRecipient(recipient.orcpt, utf8)
  const fields: Field[] = original === undefined ? [] : [['Original-Recipient', original]]
  fields.push(['Final-Recipient', typedAddress(isAscii(address) ? 'rfc822' : 'utf-8', address, utf8)], ['Action', action], ['Status', statusCode(recipient)])
  // RFC 3461 §6.3 (h): also when the host did not answer.
  if (host !== undefined) fields.push(['Remote-MTA', `dns; ${host}`])
  const diagnostic = diagnosticCode(recipient)
  if (diagnostic !== undefined) fields.push(['Diagnostic-Code', diagnostic])
  fields.push(['Last-Attempt-Date', formatDate(at)])
  if (action === 'delayed' && retryUntil !== undefined) fields.push(['Will-Retry-Until', formatDate(retryUntil)])
  return fields
}

/** RFC 3464 §2.3.4: three numbers, whatever was handed down. */
export function statusCode({ status, action }: Pick<ReportedRecipient, 'status' | 'action'>): string {
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(status)) return status
  return action === 'failed' ? '5.0.0' : action === 'delayed' ? '4.0.0' : '2.0.0'
}

/** RFC 3464 §2.3.6: the reply of an SMTP server; ours has a type of its own. */
function diagnosticCode(recipient: ReportedRecipient): string | undefined {
  const said = wholeReply(recipient)
  if (said === '') return undefined
  return `${recipient.code === undefined ? 'x-pennypost' : 'smtp'}; ${said}`
}

/** The reply with its code, on one line. */
export function wholeReply({ reply, code }: Pick<ReportedRecipient, 'reply' | 'code'>): string {
  const line = oneLine(reply)
  return code === undefined || line.startsWith(String(code)) ? line : `${code} ${line}`.trim()
}

/** RFC 3464 §2.3.1: only when the sender named one. */
function originalRecipient(orcpt: string | undefined, utf8: boolean): string | undefined {
  const match = /^([A-Za-z0-9.-]{1,40});(.+)$/s.exec(orcpt ?? '')
  return match === null ? undefined : typedAddress(match[1] ?? '', match[2] ?? '', utf8)
}

function typedAddress(type: string, address: string, utf8: boolean): string {
  return `${type}; ${type.toLowerCase() === 'utf-8' && !utf8 ? encodeUtf8Address(address) : oneLine(address)}`
}

/** For a report in ASCII: `\x{E4}` for what is not. RFC 6533 §3 */
function encodeUtf8Address(address: string): string {
  return address.replace(/[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu, (char) => `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}}`)
}
