/**
 * The header of a message on its way into mailboxes: what it must not bring along, what is put before it.
 *
 * Invariant: apart from the fields dropped here and those put before it, the message stays as it is, octet for octet.
 */
import { composeAuthResults, readAuthservId } from '#lib/formats/auth/results.ts'
import type { Verdict } from '#lib/formats/auth/verdict.ts'
import { parseHeader, unfold } from '#lib/formats/message/header.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { contentSize, readBlobRef, unpackBytes } from '#lib/mail/transit/content.ts'
import type { Content } from '#lib/mail/transit/note.ts'
import type { Disposition } from './disposition.ts'

/** A header section longer than this is looked at no further. */
const headLimitBytes = 1024 * 1024

export interface TransitMail {
  /** Without the fields that only we may set. */
  readonly content: Uint8Array | (() => AsyncIterable<Uint8Array>)
  readonly sizeBytes: number
  /** Where it has been delivered, in lower case. */
  readonly deliveredTo: ReadonlySet<string>
  /** Received fields. */
  readonly hops: number
}

/** @throws the engine's errors */
export async function openMail(blobs: Blobs, content: Content, hostname: string): Promise<TransitMail> {
  if ('inline' in content) {
    const bytes = await unpackBytes(content.inline, content.codec)
    const head = readHead(headOf(bytes), hostname)
    const kept = cut(bytes, head.dropped)
    return { ...head, content: kept, sizeBytes: kept.length }
  }
  const first = await collectHead(blobs, content)
  const head = readHead(headOf(first), hostname)
  const kept = cut(first, head.dropped)
  async function* stream() {
    yield kept
    if ('blob' in content && first.length < content.blob.sizeBytes) yield* readBlobRef(blobs, content.blob, first.length)
  }
  return { ...head, content: stream, sizeBytes: contentSize(content) - first.length + kept.length }
}

interface Stretch {
  readonly start: number
  readonly end: number
}

function readHead(head: Uint8Array, hostname: string): { dropped: Stretch[]; deliveredTo: Set<string>; hops: number } {
  const dropped: Stretch[] = []
  const deliveredTo = new Set<string>()
  let hops = 0
  for (const { name, value, start, end } of parseHeader(head).fields) {
    switch (name.toLowerCase()) {
      case 'return-path':
      // RFC 5321 §4.4: final delivery writes it, and it stands there once.
      case 'x-spam':
      case 'x-spam-score':
      case 'x-spam-reasons':
        dropped.push({ start, end })
        break
      case 'authentication-results':
        // RFC 8601 §5: results in our name that we did not write.
        if (readAuthservId(unfold(value)) === hostname.toLowerCase()) dropped.push({ start, end })
        break
      case 'delivered-to':
        // Octets of UTF-8, as RFC 6532 has them.
        deliveredTo.add(Buffer.from(unfold(value), 'latin1').toString().trim().toLowerCase())
        break
      case 'received':
        hops++
    }
  }
  return { dropped, deliveredTo, hops }
}

/** The header section. What follows a section that is too long to end is no field of it. */
function headOf(bytes: Uint8Array): Uint8Array {
  const octets = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headLimitBytes))
  const end = octets.indexOf('\r\n\r\n')
  if (end >= 0) return octets.subarray(0, end + 4)
  return bytes.length > headLimitBytes ? octets.subarray(0, octets.lastIndexOf('\r\n') + 2) : octets
}

function cut(bytes: Uint8Array, stretches: readonly Stretch[]): Uint8Array {
  if (stretches.length === 0) return bytes
  const pieces: Uint8Array[] = []
  let from = 0
  for (const { start, end } of stretches) {
    pieces.push(bytes.subarray(from, start))
    from = end
  }
  return Buffer.concat([...pieces, bytes.subarray(from)])
}

async function collectHead(blobs: Blobs, content: Content): Promise<Buffer> {
  if (!('blob' in content)) throw new Error('content inside its note is not read from Blobs')
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of readBlobRef(blobs, content.blob, 0, Math.min(content.blob.sizeBytes, headLimitBytes + 1))) {
    chunks.push(chunk)
    size += chunk.length
    // The end may stand across two chunks.
    if (Buffer.concat(chunks.slice(-2)).includes('\r\n\r\n')) break
  }
  return Buffer.concat(chunks, size)
}

export interface PrefixFacts {
  readonly mailFrom: string
  readonly deliveredTo: string
  readonly hostname: string
  readonly verdict: Verdict | undefined
  readonly disposition: Disposition
}

/** The fields of final delivery, each with its CRLF. */
export function composePrefix({ mailFrom, deliveredTo, hostname, verdict, disposition }: PrefixFacts): string {
  return [
    // RFC 5321 §4.4
    `Return-Path: <${clean(mailFrom)}>\r\n`,
    composeDeliveredTo(deliveredTo),
    `Authentication-Results: ${composeAuthResults(hostname, verdict?.auth)}\r\n`,
    composeSpam(verdict, disposition),
  ].join('')
}

// RFC 9228 §4
export function composeDeliveredTo(address: string): string {
  return `Delivered-To: ${clean(address)}\r\n`
}

/** Why it is in Junk, or that it is not. */
function composeSpam(verdict: Verdict | undefined, disposition: Disposition): string {
  const spam = verdict?.spam
  const asked = disposition.action !== 'accept' && disposition.why === 'dmarc'
  if (spam === undefined && !asked) return ''
  const reasons = [...(asked ? ['DMARC_POLICY'] : []), ...(spam?.reasons ?? []).map(({ name, points }) => `${name}=${points}`)]
  return [`X-Spam: ${disposition.action === 'accept' ? 'No' : 'Yes'}\r\n`, spam === undefined ? '' : `X-Spam-Score: ${spam.score.toFixed(1)}\r\n`, reasons.length === 0 ? '' : `X-Spam-Reasons: ${foldList(reasons)}\r\n`].join('')
}

// RFC 5322 §2.1.1
function foldList(words: readonly string[]): string {
  let text = ''
  let width = 'X-Spam-Reasons: '.length
  for (const [index, word] of words.entries()) {
    const more = index === words.length - 1 ? word : `${word},`
    if (index > 0 && width + more.length > 76) {
      text += '\r\n '
      width = 1
    } else if (index > 0) {
      text += ' '
      width++
    }
    text += more
    width += more.length
  }
  return text
}

/** No address can end its field. */
function clean(address: string): string {
  return address.replace(/[\x00-\x1f\x7f]/g, '')
}
