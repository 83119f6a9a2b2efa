/**
 * What lists need of a message, packed small and quick to read: it stands in the account log for ever.
 *
 * Invariants: the first octets tell the version; fields are only ever added at the end of a list; a change of meaning is
 * a new version, and old ones stay readable.
 */
import { Packr } from 'msgpackr'
import type { Address } from './address.ts'
import type { Threading } from './envelope.ts'
import type { Parameters } from './parameters.ts'
import type { Disposition, Envelope, Part } from './part.ts'
import type { ParsedMessage } from './structure.ts'

const metadataVersion = 1

export interface MessageMetadata {
  readonly envelope: Envelope
  readonly root: Part
  readonly preview: string
  /** Octets of the message's own header, the empty line included. */
  readonly headerBytes: number
  readonly threading: Threading
}

/** Words that most messages hold, told by their number. Only ever added to, at the end. */
const words = [
  'text', 'plain', 'html', 'multipart', 'alternative', 'mixed', 'related', 'charset', 'utf-8', 'UTF-8', 'us-ascii', 'iso-8859-1', 'boundary', 'format', 'flowed', '7bit', '8bit', 'base64', 'quoted-printable',
  'image', 'png', 'jpeg', 'gif', 'application', 'pdf', 'octet-stream', 'message', 'rfc822', 'name', 'filename', 'attachment', 'inline', 'type', 'report', 'delivery-status', 'signed', 'protocol', 'micalg',
  'ISO-8859-1', 'binary', 'windows-1252', 'delsp', 'yes', 'fixed', 'size', 'creation-date', 'modification-date', 'text/html', 'multipart/alternative', 'US-ASCII', 'calendar', 'method',
]
const wordNumbers = new Map(words.map((word, number) => [word, number]))

type Packed = readonly unknown[]

const packr = new Packr({ useRecords: false })

export function packMetadata({ envelope, root, preview, headerBytes, threading }: MessageMetadata | ParsedMessage): Uint8Array {
  return packr.pack([metadataVersion, packEnvelope(envelope), packPart(root), preview, headerBytes, threading.sentAt, threading.references])
}

/** @throws Error when these octets are no metadata, or of a version that this program does not know. */
export function unpackMetadata(bytes: Uint8Array): MessageMetadata {
  const [version, envelope, root, preview, headerBytes, sentAt, references] = listOf(packr.unpack(bytes))
  if (version !== metadataVersion) throw new Error(`the metadata of a message has version ${String(version)}, this program reads version ${metadataVersion}`)
  return {
    envelope: unpackEnvelope(listOf(envelope)),
    root: unpackPart(listOf(root)),
    preview: preview as string,
    headerBytes: headerBytes as number,
    threading: { sentAt: sentAt as number | null, references: references as string[] },
  }
}

function listOf(value: unknown): Packed {
  if (!Array.isArray(value)) throw new Error('the metadata of a message is damaged')
  return value
}

function packWord(word: string): string | number {
  return wordNumbers.get(word) ?? word
}

function unpackWord(packed: unknown): string {
  return typeof packed === 'number' ? (words[packed] ?? '') : (packed as string)
}

// ---------------------------------------------------------------- envelope

/** Stands for "the same as From", which Sender and Reply-To mostly are. */
const sameAsFrom = 1

function packEnvelope({ date, subject, from, sender, replyTo, to, cc, bcc, inReplyTo, messageId }: Envelope): Packed {
  const packedFrom = packAddresses(from)
  const like = (addresses: readonly Address[] | null) => (addresses === from ? sameAsFrom : packAddresses(addresses))
  return [date, subject, packedFrom, like(sender), like(replyTo), packAddresses(to), packAddresses(cc), packAddresses(bcc), inReplyTo, messageId]
}

/** Four values for each address. */
function packAddresses(addresses: readonly Address[] | null): Packed | null {
  return addresses === null ? null : addresses.flatMap(({ name, adl, mailbox, host }) => [name, adl ?? null, mailbox, host])
}

function unpackEnvelope([date, subject, packedFrom, sender, replyTo, to, cc, bcc, inReplyTo, messageId]: Packed): Envelope {
  const from = unpackAddresses(packedFrom)
  const like = (packed: unknown) => (packed === sameAsFrom ? from : unpackAddresses(packed))
  return {
    date: date as string | null, subject: subject as string | null, from, sender: like(sender), replyTo: like(replyTo), to: unpackAddresses(to), cc: unpackAddresses(cc), bcc: unpackAddresses(bcc),
    inReplyTo: inReplyTo as string | null, messageId: messageId as string | null,
  }
}

function unpackAddresses(packed: unknown): Address[] | null {
  if (packed === null) return null
  const list = listOf(packed) as (string | null)[]
  const addresses: Address[] = []
  for (let at = 0; at < list.length; at += 4) {
    const adl = list[at + 1] ?? null
    const address = { name: list[at] ?? null, mailbox: list[at + 2] ?? null, host: list[at + 3] ?? null }
    addresses.push(adl === null ? address : { ...address, adl })
  }
  return addresses
}

// ---------------------------------------------------------------- parts

function packPart(part: Part): Packed {
  const { message } = part
  const inside = message === null ? (part.parts.length === 0 ? null : part.parts.map(packPart)) : [packEnvelope(message.envelope), packPart(message.root)]
  const packed = [
    packWord(part.type), packWord(part.subtype), packParameters(part.parameters), packWord(part.encoding), part.headerStart, part.bodyStart - part.headerStart, part.bodyEnd - part.bodyStart, part.lines,
    inside, part.disposition === null ? null : [packWord(part.disposition.type), packParameters(part.disposition.parameters)], part.id, part.description, part.md5, part.language, part.location,
  ]
  while (packed.at(-1) === null) packed.pop()
  return packed
}

function packParameters(parameters: Parameters): Packed | null {
  return parameters.length === 0 ? null : parameters.flat().map(packWord)
}

function unpackParameters(packed: unknown): Parameters {
  if (packed === null || packed === undefined) return []
  const list = listOf(packed)
  const parameters: [string, string][] = []
  for (let at = 0; at < list.length; at += 2) parameters.push([unpackWord(list[at]), unpackWord(list[at + 1])])
  return parameters
}

function unpackPart(packed: Packed): Part {
  const [typeWord, subtypeWord, parameters, encoding, headerStart, headerBytes, bodyBytes, lines, inside, disposition, id, description, md5, language, location] = packed
  const type = unpackWord(typeWord)
  const bodyStart = (headerStart as number) + (headerBytes as number)
  const inner = inside === null || inside === undefined ? [] : listOf(inside)
  return {
    type,
    subtype: unpackWord(subtypeWord),
    parameters: unpackParameters(parameters),
    id: textOrNull(id),
    description: textOrNull(description),
    encoding: unpackWord(encoding),
    md5: textOrNull(md5),
    disposition: disposition === null || disposition === undefined ? null : unpackDisposition(listOf(disposition)),
    language: language === null || language === undefined ? null : (language as string[]),
    location: textOrNull(location),
    headerStart: headerStart as number,
    bodyStart,
    bodyEnd: bodyStart + (bodyBytes as number),
    lines: lines as number,
    parts: type === 'multipart' ? inner.map((one) => unpackPart(listOf(one))) : [],
    message: type === 'multipart' || inner.length === 0 ? null : { envelope: unpackEnvelope(listOf(inner[0])), root: unpackPart(listOf(inner[1])) },
  }
}

function unpackDisposition([type, parameters]: Packed): Disposition {
  return { type: unpackWord(type), parameters: unpackParameters(parameters) }
}

function textOrNull(packed: unknown): string | null {
  return typeof packed === 'string' ? packed : null
}
