/** ENVELOPE and BODYSTRUCTURE as nested values (RFC 3501 §7.4.2, RFC 9051 §7.5.2). */
import type { ResponseValue } from '#lib/formats/imap/value.ts'
import type { Address } from './address.ts'
import type { Parameters } from './parameters.ts'
import type { Disposition, Envelope, Part } from './part.ts'

/** Nil would mean a group, and clients take an empty string for nil. */
const missingMailbox = 'MISSING_MAILBOX'
const missingHost = 'MISSING_DOMAIN'

export function envelopeValue({ date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId }: Envelope): ResponseValue {
  const fromValue = addressesValue(from)
  const like = (addresses: readonly Address[] | null) => (addresses === from ? fromValue : addressesValue(addresses))
  return [date, subject, fromValue, like(sender), like(replyTo), addressesValue(to), addressesValue(cc), addressesValue(bcc), inReplyTo, messageId]
}

function addressesValue(addresses: readonly Address[] | null): ResponseValue {
  return addresses === null ? null : addresses.map(({ name, adl, mailbox, host }) => [name, adl ?? null, mailbox === '' ? missingMailbox : mailbox, host === '' ? missingHost : host])
}

/** `extended`: BODYSTRUCTURE, else BODY. */
export function bodyStructureValue(part: Part, extended: boolean): ResponseValue {
  return part.type === 'multipart' ? multipartValue(part, extended) : leafValue(part, extended)
}

function multipartValue({ parts, subtype, parameters, disposition, language, location }: Part, extended: boolean): ResponseValue {
  const inner = parts.map((part) => bodyStructureValue(part, extended))
  return extended ? [...inner, subtype, parametersValue(parameters), dispositionValue(disposition), language, location] : [...inner, subtype]
}

function leafValue(part: Part, extended: boolean): ResponseValue {
  const { type, subtype, id, description, encoding, bodyStart, bodyEnd, lines, message, md5, disposition, language, location } = part
  const value: ResponseValue[] = [type, subtype, parametersValue(shownParameters(part)), id, description, encoding, bodyEnd - bodyStart]
  if (message !== null) value.push(envelopeValue(message.envelope), bodyStructureValue(message.root, extended), lines)
  else if (type === 'text') value.push(lines)
  if (extended) value.push(md5, dispositionValue(disposition), language, location)
  return value
}

/** RFC 2046 §4.1.2: text without a charset is in US-ASCII. */
function shownParameters({ type, parameters }: Part): Parameters {
  return type === 'text' && !parameters.some(([name]) => name.toLowerCase() === 'charset') ? [...parameters, ['charset', 'us-ascii']] : parameters
}

function parametersValue(parameters: Parameters): ResponseValue {
  if (parameters.length === 0) return null
  const value: string[] = []
  for (const [name, text] of parameters) value.push(name, text)
  return value
}

function dispositionValue(disposition: Disposition | null): ResponseValue {
  return disposition === null ? null : [disposition.type, parametersValue(disposition.parameters)]
}
