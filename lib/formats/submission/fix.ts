/**
 * What a submission server may mend in the header section (RFC 6409 §8), and what it takes out: the rest passes octet for octet.
 * Text is latin1: one character an octet.
 */
import { readAuthservId } from '#lib/formats/auth/results.ts'
import { formatDate } from '#lib/formats/compose/date.ts'
import { encodePhrase, foldField } from '#lib/formats/compose/text.ts'
import { isBlank, isNamed, readFrom } from './authors.ts'
import type { HeaderField } from './header.ts'

export interface SubmissionFacts {
  /** For a message without From. */
  readonly sender: { readonly address: string; readonly name?: string | undefined }
  /** With its angle brackets. */
  readonly messageId: string
  /** ms since 1970 */
  readonly at: number
  readonly hostname: string
}

/** Fields in their order, without what others must not see, and with what was missing behind them. */
export function fixHeader(fields: readonly HeaderField[], facts: SubmissionFacts): HeaderField[] {
  const kept = fields.filter((field) => !isTakenOut(field, facts.hostname))
  const missing = (name: string) => !kept.some((field) => isNamed(field, name))
  const { sender, messageId, at } = facts
  const from = `${sender.name === undefined || sender.name.trim() === '' ? '' : `${encodePhrase(sender.name)} `}<${sender.address}>`
  return [
    ...kept,
    // RFC 6409 §8.1 to §8.3
    ...(missing('from') ? [newField('From', from)] : []),
    // RFC 5322 §3.6.2: one of several authors sends it.
    ...(missing('sender') && severalAuthors(kept) ? [newField('Sender', `<${sender.address}>`)] : []),
    ...(missing('date') ? [newField('Date', formatDate(at))] : []),
    ...(missing('message-id') ? [newField('Message-ID', messageId)] : []),
  ]
}

/** As it stands in the message. */
export function formatFields(fields: readonly HeaderField[]): Buffer {
  return Buffer.from(fields.map(({ name, value }) => `${name}:${value}\r\n`).join(''), 'latin1')
}

function isTakenOut(field: HeaderField, hostname: string): boolean {
  switch (field.name.trimEnd().toLowerCase()) {
    // RFC 5322 §3.6.3: who got a blind copy is nobody's business.
    case 'bcc':
    case 'resent-bcc':
    // RFC 5321 §4.4: written where the message ends its way.
    case 'return-path':
      return true
    // RFC 8601 §5: nobody else may speak with our name.
    case 'authentication-results':
      return readAuthservId(field.value) === hostname.toLowerCase()
    // There, but empty: as good as missing.
    case 'from':
    case 'date':
    case 'message-id':
      return isBlank(field)
    default:
      return false
  }
}

function severalAuthors(fields: readonly HeaderField[]): boolean {
  const from = readFrom(fields)
  return Array.isArray(from) && from.length > 1
}

function newField(name: string, value: string): HeaderField {
  return { name, value: Buffer.from(foldField(name, value).slice(name.length + 1, -2)).toString('latin1') }
}
