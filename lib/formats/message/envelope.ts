/** The envelope of a message and the keys of its thread, from its header fields. */
import { parseAddressList } from './address.ts'
import type { Address } from './address.ts'
import { parseDate } from './date.ts'
import { unfold } from './header.ts'
import type { HeaderField } from './header.ts'
import type { Envelope } from './part.ts'

/** What joins messages to threads. */
export interface Threading {
  /** ms, of Date; null when there is none that can be understood. */
  readonly sentAt: number | null
  /** Message-IDs without brackets: References, or In-Reply-To when there are none; oldest first. */
  readonly references: readonly string[]
}

type Fields = Partial<Record<string, string>>

const wanted = new Set(['date', 'subject', 'from', 'sender', 'reply-to', 'to', 'cc', 'bcc', 'in-reply-to', 'message-id', 'references'])
const longestName = 11

const withAddresses = new Set(['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'])

/** RFC 5322 §3.6 allows each once. Of one that stands twice the last counts, but addresses are taken together. */
function gather(fields: readonly HeaderField[]): Fields {
  const found: Fields = {}
  for (const field of fields) {
    if (field.name.length > longestName) continue
    const name = field.name.toLowerCase()
    if (!wanted.has(name)) continue
    const known = found[name]
    const value = unfold(field.value)
    found[name] = known === undefined || !withAddresses.has(name) ? value : `${known}, ${value}`
  }
  return found
}

export function readEnvelope(fields: readonly HeaderField[]): { envelope: Envelope; threading: Threading } {
  const found = gather(fields)
  const from = addresses(found['from'])
  const envelope = {
    date: found['date'] ?? null,
    subject: found['subject'] === undefined ? null : squeeze(found['subject']),
    from,
    // RFC 9051 §7.5.2: the server sets these from From when they are absent or empty.
    sender: addresses(found['sender']) ?? from,
    replyTo: addresses(found['reply-to']) ?? from,
    to: addresses(found['to']),
    cc: addresses(found['cc']),
    bcc: addresses(found['bcc']),
    inReplyTo: found['in-reply-to'] ?? null,
    messageId: found['message-id'] ?? null,
  }
  return { envelope, threading: { sentAt: sentAt(found['date']), references: references(found) } }
}

function addresses(value: string | undefined): readonly Address[] | null {
  if (value === undefined) return null
  const list = parseAddressList(value)
  return list.length === 0 ? null : list
}

function squeeze(value: string): string {
  return /[\t\r\n]| {2}/.test(value) ? value.replaceAll(/[ \t\r\n]+/g, ' ') : value
}

function sentAt(date: string | undefined): number | null {
  return date === undefined ? null : (parseDate(date) ?? null)
}

/** The first, which began the thread, and the latest. */
const referenceLimit = 20

function references(found: Fields): string[] {
  const ids = messageIds(found['references'])
  const all = ids.length > 0 ? ids : messageIds(found['in-reply-to'])
  return all.length <= referenceLimit ? all : [...all.slice(0, 1), ...all.slice(1 - referenceLimit)]
}

function messageIds(value: string | undefined): string[] {
  return value === undefined ? [] : Array.from(value.matchAll(/<([^<> \t\r\n]{1,250})>/g), ([, id]) => id ?? '')
}
