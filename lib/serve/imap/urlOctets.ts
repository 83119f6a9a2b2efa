/** What a URL of CATENATE stands for: RFC 4469 §4. */
import type { MessageUrl } from '#lib/formats/imap/messageUrl.ts'
import { parseMessageUrl } from '#lib/formats/imap/messageUrl.ts'
import { ImapRefusal, no } from '#lib/formats/imap/refusal.ts'
import { filterHeader } from '#lib/formats/message/header.ts'
import { sectionRange } from '#lib/formats/message/section.ts'
import { openBody, readMetadata } from '#lib/mail/mailbox/read.ts'
import type { FoundMailbox } from './places.ts'
import type { Session } from './session.ts'

/** @throws no BADURL for what is not a message here, or is none that the client may read */
export async function* urlOctets(session: Session, url: string): AsyncGenerator<Uint8Array> {
  const parsed = parseMessageUrl(url)
  if (parsed === undefined) throw badUrl(url)
  const { place, mailbox } = await findMailbox(session, parsed, url)
  const { uid, uidValidity = mailbox.uidValidity, section, partial } = parsed
  if (uidValidity !== mailbox.uidValidity || mailbox.indexOf(uid) < 0) throw badUrl(url)
  const body = await openBody(place.mail, mailbox.id, uid)
  let start = 0
  let end = body.sizeBytes
  if (section !== undefined) {
    for await (const { metadata } of readMetadata(place.mail, mailbox.id, [uid])) {
      const range = sectionRange(metadata.root, [...section.path], section.what === 'FIELDS' ? 'HEADER' : section.what)
      if (range === undefined) throw badUrl(url)
      ;({ start, end } = range)
    }
  }
  if (section?.what === 'FIELDS') {
    const fields = filterHeader(await gather(body.read(start, end - start)), [...section.names], section.not)
    yield partial === undefined ? fields : fields.subarray(partial.offset, partial.offset + partial.length)
    return
  }
  const from = Math.min(start + (partial?.offset ?? 0), end)
  const to = Math.min(from + (partial?.length ?? Infinity), end)
  if (to > from) yield* body.read(from, to - from)
}

async function findMailbox(session: Session, { mailbox }: MessageUrl, url: string): Promise<FoundMailbox> {
  try {
    return await session.find(mailbox, 'r')
  } catch (error) {
    if (error instanceof ImapRefusal) throw badUrl(url)
    throw error
  }
}

/** RFC 4469 §4.1. The URL is told back where it can stand in a response code. */
function badUrl(url: string): ImapRefusal {
  return no('A URL leads to no message here', /^[\x21\x23-\x5b\x5e-\x7e]{1,1000}$/.test(url) ? `BADURL "${url}"` : undefined)
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
