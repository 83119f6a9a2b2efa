/** FETCH items that a message's metadata answers: ENVELOPE, BODYSTRUCTURE, BODY, PREVIEW. */
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { writeValue } from '#lib/formats/imap/value.ts'
import { writeString } from '#lib/formats/imap/write.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { bodyStructureValue, envelopeValue } from '#lib/formats/message/value.ts'

export type MetadataWriter = (metadata: MessageMetadata) => string

const writers: Partial<Record<FetchItem['kind'], MetadataWriter>> = {
  ENVELOPE: ({ envelope }) => `ENVELOPE ${writeValue(envelopeValue(envelope))}`,
  BODYSTRUCTURE: ({ root }) => `BODYSTRUCTURE ${writeValue(bodyStructureValue(root, true))}`,
  BODY: ({ root }) => `BODY ${writeValue(bodyStructureValue(root, false))}`,
  // RFC 8970 §3.1: UTF-8, at most 256 characters.
  PREVIEW: ({ preview }) => `PREVIEW ${writeString(Buffer.from(preview, 'utf8').toString('latin1'))}`,
}

/** The metadata items among these, each after a space. */
export function metadataWriterOf(items: readonly FetchItem[]): MetadataWriter {
  const chosen = items.map((item) => writers[item.kind]).filter((writer) => writer !== undefined)
  return (metadata) => {
    let text = ''
    for (const write of chosen) text += ` ${write(metadata)}`
    return text
  }
}
