/**
 * FETCH items that need octets of the message: BODY sections, RFC822 and its parts, BINARY.
 *
 * Invariant: a stretch larger than {@link wholeBytes} goes from the store to the client in chunks.
 */
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import type { Partial, Section } from '#lib/formats/imap/section.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { filterHeader } from '#lib/formats/message/header.ts'
import { findPart, sectionRange } from '#lib/formats/message/section.ts'
import type { Part } from '#lib/formats/message/structure.ts'
import type { Output } from '../../output.ts'
import { transferDecoder } from './transferDecode.ts'

/** Messages up to this size are read in one go. */
export const wholeBytes = 256 * 1024

/** Octets of one message, from memory or from the store. */
export interface ContentSource {
  readonly sizeBytes: number
  read(offset: number, length: number): AsyncIterable<Uint8Array>
  /** The whole message when it is small and at hand. */
  readonly whole: Uint8Array | undefined
}

interface Range {
  readonly start: number
  readonly end: number
}

/** Whether these items want to know the parts of a message; the whole of it is told without. */
export function needsParts(items: readonly FetchItem[]): boolean {
  return items.some((item) => item.kind === 'binary' || item.kind === 'binarySize' || (item.kind === 'section' && !isWhole(item.section)))
}

function isWhole({ path, what }: Section): boolean {
  return path.length === 0 && what === 'ALL'
}

/** @throws no when an item cannot be told of this message; asked before the first octet of the response is written. */
export function checkContentItems(items: readonly FetchItem[], metadata: MessageMetadata | undefined): void {
  for (const item of items) {
    // RFC 3516 §4.3
    if ((item.kind === 'binary' || item.kind === 'binarySize') && transferDecoder(encodingAt(rootOf(metadata), item.path)) === undefined) throw no('The transfer encoding of a part is not known', 'UNKNOWN-CTE')
  }
}

function rootOf(metadata: MessageMetadata | undefined): Part {
  if (metadata === undefined) throw new Error('the parts of a message were not read')
  return metadata.root
}

function encodingAt(root: Part, path: readonly number[]): string {
  // A multipart or a whole message has no encoding to take off.
  const part = findPart(root, path)
  return part === undefined || part.type === 'multipart' ? '7bit' : part.encoding
}

/** Writes these items, each after a space. */
export async function writeContentItems(output: Output, items: readonly FetchItem[], metadata: MessageMetadata | undefined, source: ContentSource): Promise<void> {
  for (const item of items) {
    if (item.kind === 'section') await writeSectionItem(output, item.label, item.section, item.partial, metadata, source)
    else if (item.kind === 'binary' || item.kind === 'binarySize') await writeBinaryItem(output, item, metadata, source)
  }
}

async function writeSectionItem(output: Output, label: string, section: Section, partial: Partial | undefined, metadata: MessageMetadata | undefined, source: ContentSource): Promise<void> {
  const range = isWhole(section) ? { start: 0, end: source.sizeBytes } : sectionRange(rootOf(metadata), [...section.path], section.what === 'FIELDS' ? 'HEADER' : section.what)
  // RFC 9051 §7.5.2: a part that does not exist is NIL.
  if (range === undefined) return output.text(` ${label} NIL`)
  if (section.what !== 'FIELDS') return await writeRange(output, label, cut(range, partial), source)
  const header = await gather(source, range)
  const fields = filterHeader(header, [...section.names], section.not)
  const { start, end } = cut({ start: 0, end: fields.length }, partial)
  writeLiteral(output, label, fields.subarray(start, end))
}

function cut({ start, end }: Range, partial: Partial | undefined): Range {
  if (partial === undefined) return { start, end }
  const from = Math.min(start + partial.offset, end)
  return { start: from, end: Math.min(from + partial.length, end) }
}

function writeLiteral(output: Output, label: string, bytes: Uint8Array): void {
  output.text(` ${label} {${bytes.length}}\r\n`)
  output.bytes(bytes)
}

async function writeRange(output: Output, label: string, { start, end }: Range, source: ContentSource): Promise<void> {
  if (source.whole !== undefined) return writeLiteral(output, label, source.whole.subarray(start, end))
  output.text(` ${label} {${end - start}}\r\n`)
  let written = 0
  if (end > start) {
    for await (const chunk of source.read(start, end - start)) {
      output.bytes(chunk)
      written += chunk.length
      if (output.full) await output.flush()
    }
  }
  // The client was told a length: nothing but the end of the connection can mend this.
  if (written !== end - start) throw new Error(`a message has ${written} octets where ${end - start} were expected`)
}

async function gather(source: ContentSource, { start, end }: Range): Promise<Uint8Array> {
  if (source.whole !== undefined) return source.whole.subarray(start, end)
  if (end <= start) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of source.read(start, end - start)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** RFC 3516 §4.3: the part with its transfer encoding taken off. */
async function writeBinaryItem(output: Output, item: Extract<FetchItem, { kind: 'binary' | 'binarySize' }>, metadata: MessageMetadata | undefined, source: ContentSource): Promise<void> {
  const range = sectionRange(rootOf(metadata), [...item.path], 'ALL')
  if (range === undefined) return output.text(` ${item.label} ${item.kind === 'binarySize' ? '0' : 'NIL'}`)
  const encoding = encodingAt(rootOf(metadata), item.path)
  const measured = await measure(decode(source, range, encoding))
  if (item.kind === 'binarySize') return output.text(` ${item.label} ${measured.sizeBytes}`)
  const { start, end } = cut({ start: 0, end: measured.sizeBytes }, item.partial)
  // RFC 9051 §4.3.1: literal8 where a NUL stands in it.
  output.text(` ${item.label} ${measured.nul ? '~' : ''}{${end - start}}\r\n`)
  let at = 0
  for await (const chunk of decode(source, range, encoding)) {
    output.bytes(chunk.subarray(Math.min(Math.max(start - at, 0), chunk.length), Math.min(Math.max(end - at, 0), chunk.length)))
    at += chunk.length
    if (output.full) await output.flush()
  }
}

async function* decode(source: ContentSource, { start, end }: Range, encoding: string): AsyncIterable<Uint8Array> {
  const decoder = transferDecoder(encoding)
  if (decoder === undefined) throw new Error('the transfer encoding was not checked')
  const chunks = source.whole === undefined ? (end > start ? source.read(start, end - start) : []) : [source.whole.subarray(start, end)]
  for await (const chunk of chunks) yield decoder.write(chunk)
  yield decoder.end()
}

/** The literal's length goes first, so the part is decoded twice rather than kept. */
async function measure(chunks: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number; nul: boolean }> {
  let sizeBytes = 0
  let nul = false
  for await (const chunk of chunks) {
    sizeBytes += chunk.length
    nul ||= chunk.includes(0)
  }
  return { sizeBytes, nul }
}
