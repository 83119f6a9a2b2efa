/**
 * What the Blobs alone say of an account's messages: each blob describes itself (append.ts), and a pack explains what is in it
 * (bodyPacker.ts).
 */
import type { BlobInfo, Blobs } from '#lib/engine/ports.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import { blobPrefix } from './logKeys.ts'

export interface KeptContent {
  /** Without the message's own size, which shows when it is read. */
  readonly place: Omit<BlobRef, 'sizeBytes'>
  /** Where it was filed at first, as the mailbox was called then; '' when that is not known. */
  readonly mailbox: string
  /** Of its arrival, ms. */
  readonly date: number
  /** Undefined when it came in by a client, or the id is not known whole. */
  readonly deliveryId: string | undefined
}

export interface UnknownBlob {
  readonly key: string
  /** What is wrong, for a sentence that begins with the blob. */
  readonly reason: string
}

/** As {@link append.ts} cuts them. */
const deliveryLimit = 600

/** In the order of their making. @throws the engine's errors */
export async function* readKept(blobs: Blobs, accountId: string): AsyncGenerator<KeptContent | UnknownBlob> {
  for await (const info of blobsUnder(blobs, blobPrefix(accountId))) {
    const { kind } = info.metadata
    if (kind === 'message') yield read(info.key, 0, info.sizeBytes, info.metadata)
    else if (kind === 'pack') yield* readPack(blobs, info)
    // Metadata is made anew from the message.
    else if (kind !== 'metadata') yield { key: info.key, reason: `is of the unknown kind ${kind ?? '(none)'}` }
  }
}

/** Ids of all accounts that have blobs. On AWS this looks at every object. */
export async function accountsKept(blobs: Blobs): Promise<string[]> {
  const ids = new Set<string>()
  for await (const { key } of blobsUnder(blobs, 'mail/')) ids.add(key.split('/')[1] ?? '')
  ids.delete('')
  return [...ids]
}

async function* blobsUnder(blobs: Blobs, prefix: string): AsyncGenerator<BlobInfo> {
  let cursor: string | undefined
  do {
    const page = await blobs.list(prefix, cursor)
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}

async function* readPack(blobs: Blobs, { key, sizeBytes }: BlobInfo): AsyncGenerator<KeptContent | UnknownBlob> {
  try {
    const end = Buffer.from((await blobs.readBytes(key, sizeBytes - 4, 4)) ?? [])
    const length = end.readUInt32BE(0)
    const index = JSON.parse(Buffer.from((await blobs.readBytes(key, sizeBytes - 4 - length, length)) ?? []).toString()) as Record<string, unknown>[]
    for (const { offset, length: octets, ...description } of index) {
      if (typeof offset === 'number' && typeof octets === 'number') yield read(key, offset, octets, description)
      else yield { key, reason: 'holds a message and does not say where' }
    }
  } catch (error) {
    yield { key, reason: `does not explain what is in it: ${(error as Error).message}` }
  }
}

function read(key: string, offset: number, length: number, { codec, mailbox, date, delivery }: Readonly<Record<string, unknown>>): KeptContent | UnknownBlob {
  if (codec !== 'identity' && codec !== 'zstd') return { key, reason: 'does not say how it is packed' }
  const at = Date.parse(String(date))
  return { place: { key, offset, length, codec }, mailbox: decode(mailbox) ?? '', date: Number.isNaN(at) ? 0 : at, deliveryId: typeof delivery === 'string' && delivery.length < deliveryLimit ? decode(delivery) : undefined }
}

function decode(text: unknown): string | undefined {
  try {
    return typeof text === 'string' ? decodeURIComponent(text) : undefined
  } catch {
    return undefined
  }
}
