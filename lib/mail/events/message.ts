/** What events say of a message: from the metadata in the entry that filed it. Pure. */
import { zstdDecompressSync } from 'node:zlib'
import type { Details, MessageFacts } from '#lib/formats/events/event.ts'
import type { Address } from '#lib/formats/message/address.ts'
import { unpackMetadata } from '#lib/formats/message/compact.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { parseDate } from '#lib/formats/message/date.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import type { Envelope, Part } from '#lib/formats/message/part.ts'
import type { FileChange } from '#lib/mail/mailbox/entry.ts'

/** So much is told of what its sender may have made as long as he liked. */
const limits = { addresses: 50, address: 320, text: 1000, name: 200, references: 20 } as const
/** Metadata of mail that people read unpacks to a few KB. */
const unpackedLimitBytes = 1024 * 1024
const latestTime = Date.UTC(9999, 11, 31)

type Complaint = Pick<Details<'complained'>, 'original'>

export function describeMessage(change: FileChange, id: string): { readonly message: MessageFacts; readonly complaint: Complaint | undefined } {
  const { internalDate, sizeBytes, blob } = change
  const metadata = readMetadata(change)
  const facts = metadata === undefined ? unknown : factsOf(metadata)
  const { key, offset, length, codec } = blob
  return { message: { emailId: id, ...facts, internalDate: timeOf(internalDate), sizeBytes, content: { key, offset, length, codec } }, complaint: metadata === undefined ? undefined : complaintOf(metadata.root) }
}

/** RFC 3339; years of four digits. */
export function timeOf(ms: number): string {
  return new Date(Math.max(0, Math.min(ms, latestTime))).toISOString()
}

type Facts = Omit<MessageFacts, 'emailId' | 'internalDate' | 'sizeBytes' | 'content'>
const unknown: Facts = { messageId: null, inReplyTo: [], subject: null, from: [], to: [], cc: [], sentAt: null, type: null }

/** Undefined where it is too large to stand in the entry, was given up, or cannot be read: an event is told all the same. */
function readMetadata({ metadata }: FileChange): MessageMetadata | undefined {
  if (metadata === null || !('inline' in metadata)) return undefined
  try {
    return unpackMetadata(metadata.codec === 'zstd' ? zstdDecompressSync(metadata.inline, { maxOutputLength: unpackedLimitBytes }) : metadata.inline)
  } catch {
    return undefined
  }
}

function factsOf({ envelope, root, threading }: MessageMetadata): Facts {
  return {
    messageId: messageIdOf(envelope),
    inReplyTo: threading.references.slice(-limits.references),
    subject: subjectOf(envelope),
    from: addressesOf(envelope.from),
    to: addressesOf(envelope.to),
    cc: addressesOf(envelope.cc),
    sentAt: threading.sentAt === null ? null : timeOf(threading.sentAt),
    type: clip(`${root.type}/${root.subtype}`, limits.name),
  }
}

function messageIdOf({ messageId }: Envelope): string | null {
  if (messageId === null) return null
  return clip(/<([^<>\s]+)>/.exec(messageId)?.[1] ?? messageId.trim(), limits.text)
}

function subjectOf({ subject }: Envelope): string | null {
  return subject === null ? null : clip(decodeEncodedWords(subject), limits.text)
}

/** Not in the middle of a character. */
function clip(text: string, chars: number): string {
  return text.slice(0, chars).toWellFormed()
}

/** Without the names of groups (RFC 5322 §3.4). */
function addressesOf(addresses: readonly Address[] | null): MessageFacts['from'] {
  return (addresses ?? [])
    .filter(({ mailbox, host }) => mailbox !== null && host !== null)
    .slice(0, limits.addresses)
    .map(({ name, mailbox, host }) => ({ name: name === null ? null : clip(decodeEncodedWords(name), limits.name), address: clip(decodeEncodedWords(`${mailbox}@${host}`), limits.address) }))
}

/** RFC 5965 §2: multipart/report of the type feedback-report, with the message complained of or its header. */
function complaintOf(root: Part): Complaint | undefined {
  const isReport = root.type === 'multipart' && root.subtype === 'report' && root.parameters.some(([name, value]) => name.toLowerCase() === 'report-type' && value.toLowerCase() === 'feedback-report')
  if (!isReport) return undefined
  const inside = root.parts.find(({ message }) => message !== null)?.message?.envelope
  if (inside === undefined) return { original: null }
  const sentAt = inside.date === null ? undefined : parseDate(inside.date)
  return { original: { messageId: messageIdOf(inside), from: addressesOf(inside.from), to: addressesOf(inside.to), subject: subjectOf(inside), sentAt: sentAt === undefined ? null : timeOf(sentAt) } }
}
