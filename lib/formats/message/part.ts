/**
 * What a message is made of: its envelope and the tree of its parts.
 *
 * Invariants: strings are octet strings (code points 0-255 are the octets), encoded words as they stand; offsets count
 * from the first octet of the whole message.
 */
import type { Address } from './address.ts'
import type { HeaderField } from './header.ts'
import { unfold } from './header.ts'
import { parseContentType, parseParameterised, parseWord } from './parameters.ts'
import type { Parameters } from './parameters.ts'

/** RFC 9051 §7.5.2 */
export interface Envelope {
  readonly date: string | null
  readonly subject: string | null
  readonly from: readonly Address[] | null
  readonly sender: readonly Address[] | null
  readonly replyTo: readonly Address[] | null
  readonly to: readonly Address[] | null
  readonly cc: readonly Address[] | null
  readonly bcc: readonly Address[] | null
  readonly inReplyTo: string | null
  readonly messageId: string | null
}

export interface Disposition {
  readonly type: string
  readonly parameters: Parameters
}

export interface Part {
  /** Lower case. */
  readonly type: string
  readonly subtype: string
  readonly parameters: Parameters
  readonly id: string | null
  readonly description: string | null
  /** As written; `7bit` when there is none. */
  readonly encoding: string
  readonly md5: string | null
  readonly disposition: Disposition | null
  readonly language: readonly string[] | null
  readonly location: string | null
  /** The part's MIME header: from here to `bodyStart`, the empty line included. */
  readonly headerStart: number
  readonly bodyStart: number
  readonly bodyEnd: number
  /** Line ends in the body. */
  readonly lines: number
  /** Of a multipart. */
  readonly parts: readonly Part[]
  /** Of message/rfc822: the message inside. */
  readonly message: EmbeddedMessage | null
}

export interface EmbeddedMessage {
  readonly envelope: Envelope
  readonly root: Part
}

/** A part while it is being read. */
export type PartDraft = { -readonly [K in keyof Part]: Part[K] } & { parts: Part[] }

/** The part that a header tells of; its places are those of its beginning. */
export function draftPart(fields: readonly HeaderField[], headerStart: number, bodyStart: number, inDigest: boolean): PartDraft {
  const part: PartDraft = {
    // RFC 2046 §5.1.5: in a digest, what does not say is a message.
    type: inDigest ? 'message' : 'text', subtype: inDigest ? 'rfc822' : 'plain', parameters: [], id: null, description: null, encoding: '7bit', md5: null,
    disposition: null, language: null, location: null, headerStart, bodyStart, bodyEnd: bodyStart, lines: 0, parts: [], message: null,
  }
  // Of a field that stands twice the first counts.
  for (let at = fields.length - 1; at >= 0; at--) {
    const field = fields[at]
    if (field !== undefined && field.name.length <= longestName && isContent(field.name)) takeField(part, field.name.toLowerCase(), unfold(field.value))
  }
  return part
}

const longestName = 'content-transfer-encoding'.length

function isContent(name: string): boolean {
  const first = name.charCodeAt(0)
  return (first === 67 || first === 99) && name.charCodeAt(7) === 45
}

function takeField(part: PartDraft, name: string, value: string): void {
  switch (name) {
    case 'content-type':
      Object.assign(part, parseContentType(value))
      return
    case 'content-transfer-encoding':
      part.encoding = parseWord(value) ?? '7bit'
      return
    case 'content-id':
      part.id = value
      return
    case 'content-description':
      part.description = value
      return
    case 'content-md5':
      part.md5 = value
      return
    case 'content-location':
      part.location = value
      return
    case 'content-disposition': {
      const disposition = parseParameterised(value)
      part.disposition = disposition === undefined ? null : { type: disposition.value, parameters: disposition.parameters }
      return
    }
    case 'content-language': {
      const tags = value.split(',').map((tag) => tag.trim()).filter((tag) => tag !== '')
      part.language = tags.length === 0 ? null : tags
    }
  }
}
