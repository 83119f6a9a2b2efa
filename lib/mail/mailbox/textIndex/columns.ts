/**
 * What searches, sorts and threads ask of every message's metadata, in columns: equal texts are kept once, so that a look
 * at all senders is a look at all different senders.
 *
 * Invariant: everything here follows from the metadata alone; texts are folded as searchText.ts folds them.
 */
import { hash } from 'node:crypto'
import { Packr } from 'msgpackr'
import { utf8Text } from '#lib/formats/imap/lexer.ts'
import type { Address } from '#lib/formats/message/address.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import { baseSubject } from '#lib/formats/message/subject.ts'
import type { Origin } from '../origin.ts'
import { addressText, foldText, sentDay, subjectText } from '../searchText.ts'
import { makeDocs } from './docs.ts'
import type { Docs } from './docs.ts'
import { asBytes, packNumbers, unpackF64, unpackI32, unpackU16, unpackU32 } from './packing.ts'

/** `from` to `bcc` and `subject` are what SEARCH looks at; the rest is what SORT compares (RFC 5256 §3, RFC 5957 §2). */
const textWords = ['from', 'to', 'cc', 'bcc', 'subject', 'baseSubject', 'fromMailbox', 'toMailbox', 'ccMailbox', 'fromDisplay', 'toDisplay'] as const

export type TextWord = (typeof textWords)[number]

export interface TextColumn {
  readonly strings: readonly string[]
  /** For each message the number of its string. */
  readonly ids: Uint32Array
}

export interface ColumnSegment {
  readonly docs: Docs
  readonly texts: Readonly<Record<TextWord, TextColumn>>
  /** ms; NaN for none. */
  readonly sentAt: Float64Array
  /** Days since 1970 as the sender wrote them; {@link noDay} for none. */
  readonly sentDay: Int32Array
  /** 1 when the subject says that the message is a reply or a forward. */
  readonly replies: Uint8Array
  /** {@link messageKey}; 0 for none. */
  readonly messageId: Float64Array
  /** Keys of the messages that each one refers to, the oldest first, and for each message where they end. */
  readonly references: Float64Array
  readonly referenceEnds: Uint32Array
}

export const noDay = -0x8000_0000

/** 53 bits of a hash: two messages of one account share one by chance once in millions of accounts. */
function messageKey(id: string): number {
  const digest = hash('sha1', id, 'buffer')
  return digest.readUInt32BE(0) * 0x20_0000 + (digest.readUInt32BE(4) >>> 11)
}

class TextColumnBuilder {
  readonly #ids: number[] = []
  readonly #known = new Map<string, number>()

  add(text: string): void {
    let id = this.#known.get(text)
    if (id === undefined) this.#known.set(text, (id = this.#known.size))
    this.#ids.push(id)
  }

  finish(): TextColumn {
    return { strings: [...this.#known.keys()], ids: Uint32Array.from(this.#ids) }
  }
}

function eachText<T>(make: (word: TextWord) => T): Record<TextWord, T> {
  // Object.fromEntries forgets which words there are.
  return Object.fromEntries(textWords.map((word) => [word, make(word)])) as Record<TextWord, T>
}

export class ColumnBuilder {
  readonly #origins: Origin[] = []
  readonly #texts = eachText(() => new TextColumnBuilder())
  readonly #sentAt: number[] = []
  readonly #sentDay: number[] = []
  readonly #replies: number[] = []
  readonly #messageId: number[] = []
  readonly #references: number[] = []
  readonly #referenceEnds: number[] = []

  get count(): number {
    return this.#origins.length
  }

  add(origin: Origin, metadata: MessageMetadata): void {
    const { envelope, threading } = metadata
    const { from, to, cc, bcc } = envelope
    this.#origins.push(origin)
    const subject = subjectText(envelope)
    const { base, isReply } = baseSubject(subject)
    this.#replies.push(Number(isReply))
    const texts: Record<TextWord, string> = {
      from: addressText(from), to: addressText(to), cc: addressText(cc), bcc: addressText(bcc), subject, baseSubject: base,
      fromMailbox: mailboxText(from), toMailbox: mailboxText(to), ccMailbox: mailboxText(cc), fromDisplay: displayText(from), toDisplay: displayText(to),
    }
    for (const word of textWords) this.#texts[word].add(texts[word])
    this.#sentAt.push(threading.sentAt ?? NaN)
    this.#sentDay.push(sentDay(envelope.date) ?? noDay)
    const id = firstId(envelope.messageId)
    this.#messageId.push(id === undefined ? 0 : messageKey(id))
    for (const reference of referencesOf(metadata)) this.#references.push(messageKey(reference))
    this.#referenceEnds.push(this.#references.length)
  }

  finish(): ColumnSegment {
    return {
      docs: makeDocs(this.#origins), texts: eachText((word) => this.#texts[word].finish()), sentAt: Float64Array.from(this.#sentAt), sentDay: Int32Array.from(this.#sentDay), replies: Uint8Array.from(this.#replies),
      messageId: Float64Array.from(this.#messageId), references: Float64Array.from(this.#references), referenceEnds: Uint32Array.from(this.#referenceEnds),
    }
  }
}

function firstId(value: string | null): string | undefined {
  return value === null ? undefined : /<([^<>\s]{1,250})>/.exec(value)?.[1]
}

/** RFC 5256 §3 (REFERENCES, 1): of In-Reply-To, where it stands for References, only the first counts. */
function referencesOf({ envelope: { inReplyTo }, threading: { references } }: MessageMetadata): readonly string[] {
  if (references.length < 2 || inReplyTo === null) return references
  const answered = Array.from(inReplyTo.matchAll(/<([^<>\s]{1,250})>/g), ([, id]) => id)
  return answered.length === references.length && answered.every((id, at) => id === references[at]) ? references.slice(0, 1) : references
}

/** RFC 5256 §3: the mailbox part of the first address. */
function mailboxText(addresses: readonly Address[] | null): string {
  return foldText(utf8Text(addresses?.[0]?.mailbox ?? ''))
}

/** RFC 5957 §2: the first address's name, else the address. */
function displayText(addresses: readonly Address[] | null): string {
  const first = addresses?.[0]
  if (first === undefined) return ''
  if (first.name !== null && first.name !== '') return foldText(decodeEncodedWords(first.name))
  return foldText(utf8Text(first.host === null ? (first.mailbox ?? '') : `${first.mailbox ?? ''}@${first.host}`))
}

// ---------------------------------------------------------------- packed

const packr = new Packr({ useRecords: false })
const segmentVersion = 1

export function packColumns({ docs, texts, sentAt, sentDay: days, replies, messageId, references, referenceEnds }: ColumnSegment): Uint8Array {
  const packed = textWords.map((word) => [texts[word].strings, packNumbers(texts[word].ids)])
  return packr.pack([segmentVersion, ...[docs.sequence, docs.index, sentAt, days, messageId, references, referenceEnds].map(packNumbers), replies, packed])
}

/** @throws when these octets are no columns, or of another version */
export function unpackColumns(bytes: Uint8Array): ColumnSegment {
  const [version, sequence, index, sentAt, days, messageId, references, referenceEnds, replies, packed] = packr.unpack(bytes) as readonly unknown[]
  if (version !== segmentVersion) throw new Error(`columns of version ${String(version)}, not ${segmentVersion}`)
  const columns = packed as readonly (readonly [readonly string[], unknown])[]
  const texts = eachText((word) => {
    const [strings, ids] = columns[textWords.indexOf(word)] ?? [[], undefined]
    return { strings, ids: unpackU32(asBytes(ids)) }
  })
  return { docs: { sequence: unpackU32(sequence), index: unpackU16(index) }, texts, sentAt: unpackF64(sentAt), sentDay: unpackI32(days), replies: Uint8Array.from(asBytes(replies)), messageId: unpackF64(messageId), references: unpackF64(references), referenceEnds: unpackU32(referenceEnds) }
}

/** About. */
export function columnsBytes({ docs, texts, references }: ColumnSegment): number {
  const strings = textWords.reduce((sum, word) => sum + texts[word].strings.reduce((bytes, text) => bytes + 24 + text.length, 0), 0)
  return docs.sequence.length * (34 + textWords.length * 4) + references.length * 8 + strings
}

/** One segment out of several that follow each other, without the messages that are not wanted any more. */
export async function mergeColumns(segments: readonly ColumnSegment[], keep: (sequence: number, index: number) => boolean): Promise<ColumnSegment> {
  const origins: Origin[] = []
  const kept: { readonly segment: ColumnSegment; readonly doc: number }[] = []
  for (const segment of segments) {
    for (let doc = 0; doc < segment.sentAt.length; doc++) {
      const [sequence, index] = [segment.docs.sequence[doc] ?? 0, segment.docs.index[doc] ?? 0]
      if (!keep(sequence, index)) continue
      origins.push({ sequence, index })
      kept.push({ segment, doc })
    }
  }
  const texts = eachText((word) => {
    const column = new TextColumnBuilder()
    for (const { segment, doc } of kept) column.add(segment.texts[word].strings[segment.texts[word].ids[doc] ?? 0] ?? '')
    return column.finish()
  })
  const references: number[] = []
  const referenceEnds = kept.map(({ segment, doc }) => {
    for (let at = doc === 0 ? 0 : (segment.referenceEnds[doc - 1] ?? 0); at < (segment.referenceEnds[doc] ?? 0); at++) references.push(segment.references[at] ?? 0)
    return references.length
  })
  return {
    docs: makeDocs(origins), texts, references: Float64Array.from(references), referenceEnds: Uint32Array.from(referenceEnds),
    sentAt: Float64Array.from(kept, ({ segment, doc }) => segment.sentAt[doc] ?? NaN), sentDay: Int32Array.from(kept, ({ segment, doc }) => segment.sentDay[doc] ?? noDay), replies: Uint8Array.from(kept, ({ segment, doc }) => segment.replies[doc] ?? 0), messageId: Float64Array.from(kept, ({ segment, doc }) => segment.messageId[doc] ?? 0),
  }
}
