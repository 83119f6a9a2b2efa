/** The message a report is about: whole when it is wanted and small, else its header. Never more than that is read. */
import type { Blobs } from '#lib/engine/ports.ts'
import { maySitInside } from '#lib/formats/dsn/compose.ts'
import type { Original } from '#lib/formats/dsn/compose.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import { splitHeader } from '#lib/formats/submission/header.ts'
import { contentSize, inlineLimitBytes, readBlobRef, readContent } from '#lib/mail/transit/content.ts'
import type { Content } from '#lib/mail/transit/note.ts'

export interface OriginalLimits {
  readonly full: boolean
  readonly bounceFullBytes: number
  readonly bounceHeaderBytes: number
}

export async function readOriginal(blobs: Blobs, content: Content, { full, bounceFullBytes, bounceHeaderBytes }: OriginalLimits): Promise<Original> {
  const size = contentSize(content)
  const whole = full && size <= Math.min(bounceFullBytes, inlineLimitBytes)
  const octets = await readHead(blobs, content, whole ? size : bounceHeaderBytes)
  const header = headerOf(octets)
  const { fields } = splitHeader(header)
  const valueOf = (name: string): string => {
    const value = fields.find((field) => field.name.toLowerCase() === name)?.value ?? ''
    return Buffer.from(value.replaceAll('\r\n', ''), 'latin1').toString().trim()
  }
  const messageId = /^<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>$/.exec(valueOf('message-id'))?.[0]
  const described = { subject: decodeEncodedWords(valueOf('subject')), messageId }
  return whole && maySitInside(octets) ? { ...described, kind: 'message', octets } : { ...described, kind: 'header', octets: header }
}

/** At most so many octets of its beginning. A blob is read no further; what is inside the note is in memory anyway. */
async function readHead(blobs: Blobs, content: Content, mostBytes: number): Promise<Buffer> {
  const source = 'blob' in content ? readBlobRef(blobs, content.blob, 0, mostBytes) : readContent(blobs, content)
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).subarray(0, mostBytes)
}

/** Whole lines up to the empty one, or as many as were read. */
function headerOf(octets: Buffer): Buffer {
  if (octets.subarray(0, 2).toString('latin1') === '\r\n') return Buffer.alloc(0)
  const end = octets.indexOf('\r\n\r\n')
  return octets.subarray(0, end >= 0 ? end + 2 : octets.lastIndexOf('\r\n') + 2)
}
