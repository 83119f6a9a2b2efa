/**
 * Puts a message together and into the hand-off: trace field, signatures, header, body.
 *
 * Signatures stand before the body and need its hash. A small body is held in memory; a large one that is to be signed is
 * written as it comes and once more behind the finished header, since a blob cannot be written from its middle.
 */
import type { Blobs } from '#lib/engine/ports.ts'
import { BodyHash } from '#lib/formats/dkim/bodyHash.ts'
import { formatFields } from '#lib/formats/submission/fix.ts'
import type { HeaderField } from '#lib/formats/submission/header.ts'
import { contentOf, inlineLimitBytes, takeContent } from '#lib/mail/transit/content.ts'
import type { Content } from '#lib/mail/transit/note.ts'
import type { Sign, SigningDomain } from './sign.ts'

export interface UnsignedMessage {
  readonly queueId: string
  readonly receivedAt: number
  /** The Received field with its CRLF. */
  readonly prefix: string
  readonly fields: readonly HeaderField[]
  readonly body: AsyncIterable<Uint8Array>
  /** Whose signature it gets; a stranger's message gets none. */
  readonly domain: SigningDomain | undefined
}

export interface StoredMessage {
  readonly content: Content
  /** Blobs to be deleted once the message is on its way. */
  readonly spent: readonly string[]
}

/** Keys of blobs go to `held` before these are written: the caller deletes them should the message not be sent. */
export async function storeSigned({ blobs, sign }: { readonly blobs: Blobs; readonly sign: Sign }, message: UnsignedMessage, held: string[]): Promise<StoredMessage> {
  const { queueId, receivedAt, fields, body, domain } = message
  const key = `transit/${queueId}`
  const metadata = { queueId, receivedAt: new Date(receivedAt).toISOString() }
  const headWith = (signatures: string) => Buffer.concat([Buffer.from(message.prefix), Buffer.from(signatures, 'latin1'), formatFields(fields), Buffer.from('\r\n')])
  held.push(key)
  if (domain === undefined || domain.dkim.length === 0) return { content: await takeContent(blobs, key, joined(headWith(''), body), metadata), spent: [] }
  const bodyHash = new BodyHash()
  const head = async () => headWith(await sign(domain, { fields, bodyHash: bodyHash.digest(), at: receivedAt }))
  const iterator = hashed(body, bodyHash)[Symbol.asyncIterator]()
  const begun = await gather(iterator)
  if (begun.ended) return { content: await contentOf(blobs, key, Buffer.concat([await head(), ...begun.chunks]), metadata), spent: [] }
  const unsigned = `${key}-unsigned`
  held.push(unsigned)
  await blobs.put(unsigned, continued(begun.chunks, iterator), metadata)
  const { sizeBytes } = await blobs.put(key, joined(await head(), blobs.readStream(unsigned)), metadata)
  return { content: { blob: { key, offset: 0, length: sizeBytes, codec: 'identity', sizeBytes } }, spent: [unsigned] }
}

async function* hashed(body: AsyncIterable<Uint8Array>, hash: BodyHash): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk)
    yield chunk
  }
}

/** What fits into memory. */
async function gather(source: AsyncIterator<Uint8Array>): Promise<{ readonly chunks: Uint8Array[]; readonly ended: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (let next = await source.next(); !next.done; next = await source.next()) {
    chunks.push(next.value)
    size += next.value.length
    if (size > inlineLimitBytes) return { chunks, ended: false }
  }
  return { chunks, ended: true }
}

async function* continued(chunks: Uint8Array[], source: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    // Let go of as they are written.
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) yield chunk
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}

async function* joined(head: Uint8Array, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield head
  yield* body
}
