/**
 * The texts of a message that a search looks at: its header fields, those of its parts included (RFC 9051 §6.4.4: TEXT
 * looks at MIME header fields too), and its text parts. The index and the search that has to look for itself read the
 * same texts here, or the index would leave out what is there.
 *
 * Invariant: of a large message only headers and text parts are in memory, never what is attached.
 */
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import { parseHeader, unfold } from '#lib/formats/message/header.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { hasText, partsOf, partText } from '#lib/formats/message/text.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { readBlobRef, readWholeBlob } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import { foldText } from '../searchText.ts'

/** Up to here a message is read in one go. */
const wholeBytes = 64 * 1024

/** Octets of the message. */
type ReadStretch = (from: number, to: number) => Promise<Uint8Array>

export interface MessageTexts {
  /** Each field as `name:value`, folded; the message's own stand first. */
  readonly headers: readonly string[]
  readonly ownHeaders: number
  /** Folded; joined by line feeds they are what BODY looks at. */
  readonly body: readonly string[]
  /** Text was left out because there was more than allowed. */
  readonly cut: boolean
}

export interface ReadTextsOptions {
  /** Octets of headers and encoded text parts that are read. */
  readonly limitBytes: number
  /** Fields of the message's own header, in lower case, that are enough; without it, all there is. */
  readonly onlyFields?: ReadonlySet<string>
}

/** @throws when its blob is gone; the engine's errors */
export async function readStoredTexts(blobs: Blobs, blob: BlobRef, metadata: MessageMetadata, options: ReadTextsOptions): Promise<MessageTexts> {
  if (blob.codec === 'identity' && blob.length > wholeBytes) return await readTexts(async (from, to) => await gather(readBlobRef(blobs, blob, from, to - from)), metadata, options)
  const whole = await readWholeBlob(blobs, blob)
  return await readTexts(async (from, to) => whole.subarray(from, to), metadata, options)
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

async function readTexts(read: ReadStretch, { root, headerBytes }: MessageMetadata, { limitBytes, onlyFields }: ReadTextsOptions): Promise<MessageTexts> {
  const headers: string[] = []
  const body: string[] = []
  let left = limitBytes
  let cut = false
  const take = async (from: number, to: number): Promise<Uint8Array> => {
    const until = Math.min(to, from + left)
    if (until < to) cut = true
    left -= until - from
    return until > from ? await read(from, until) : new Uint8Array()
  }
  addFields(headers, await take(0, headerBytes), onlyFields)
  const ownHeaders = headers.length
  for (const part of onlyFields === undefined ? partsOf(root) : []) {
    if (part !== root) addFields(headers, await take(part.headerStart, part.bodyStart))
    if (hasText(part)) body.push(foldText(partText(part, await take(part.bodyStart, part.bodyEnd))))
  }
  return { headers, ownHeaders, body, cut }
}

function addFields(texts: string[], header: Uint8Array, only?: ReadonlySet<string>): void {
  for (const { name, value } of parseHeader(header).fields) if (only === undefined || only.has(name.toLowerCase())) texts.push(foldText(`${name}:${decodeEncodedWords(unfold(value))}`))
}

/** The body as one text. */
export function bodyOf({ body }: MessageTexts): string {
  return body.length === 1 ? (body[0] ?? '') : body.join('\n')
}

/** Whether a field of the message's own header holds the folded text; '' asks for the field alone. `field` in lower case. */
export function fieldHas({ headers, ownHeaders }: MessageTexts, field: string, wanted: string): boolean {
  for (let at = 0; at < ownHeaders; at++) {
    const text = headers[at] ?? ''
    if (text.startsWith(field) && text.charAt(field.length) === ':' && text.includes(wanted, field.length + 1)) return true
  }
  return false
}

/** Whether any field, of the parts too, or the body holds the folded text. */
export function textHas(texts: MessageTexts, wanted: string): boolean {
  return texts.headers.some((text) => text.includes(wanted)) || bodyOf(texts).includes(wanted)
}
