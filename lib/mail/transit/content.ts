/**
 * Hands a message's octets from room to room: inside the note while they compress below a limit, else through Blobs.
 * Memory is bounded by that limit, never by the message.
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import type { Blobs } from '#lib/engine/ports.ts'
import type { BlobRef, Codec, Content } from './note.ts'

/** Message octets up to which a message is held in memory and put inside its note; larger ones go through Blobs. */
export const inlineLimitBytes = 512 * 1024
/** Compressed octets that go into a note beside its envelope: of more, an object costs less than the queue on AWS. */
const packedLimitBytes = 320 * 1024
/** Below this, compressing costs more than it saves. */
const compressFromBytes = 512

/** Up to here the compression of an engine that has its own costs less; beyond, the pages that ours saves are worth more. */
const leaveToEngineBytes = 32 * 1024

const compress = promisify(zlib.zstdCompress)
const decompress = promisify(zlib.zstdDecompress)
/**
 * Up to here it is done in place, within milliseconds. Each compression under way in the thread pool holds megabytes outside of
 * the heap; a few side by side make V8 collect garbage without end, which costs more than all the rest of receiving.
 */
const syncLimitBytes = inlineLimitBytes

export async function packBytes(bytes: Uint8Array): Promise<{ bytes: Uint8Array; codec: Codec }> {
  if (bytes.length < compressFromBytes) return { bytes, codec: 'identity' }
  const packed = bytes.length <= syncLimitBytes ? zlib.zstdCompressSync(bytes, { pledgedSrcSize: bytes.length }) : await compress(bytes)
  return packed.length < bytes.length ? { bytes: packed, codec: 'zstd' } : { bytes, codec: 'identity' }
}

export async function unpackBytes(bytes: Uint8Array, codec: Codec): Promise<Uint8Array> {
  if (codec === 'identity') return bytes
  return bytes.length <= syncLimitBytes ? zlib.zstdDecompressSync(bytes) : await decompress(bytes)
}

/**
 * Takes the message in: `key` is the blob's key should it be too large for the note.
 * Durable only for what went to Blobs; the note's own send makes the rest durable.
 */
export async function takeContent(blobs: Blobs, key: string, source: AsyncIterable<Uint8Array>, metadata: Record<string, string>): Promise<Content> {
  const chunks: Uint8Array[] = []
  let size = 0
  const iterator = source[Symbol.asyncIterator]()
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    chunks.push(next.value)
    size += next.value.length
    if (size > inlineLimitBytes) return await spill(blobs, key, chunks, iterator, metadata)
  }
  return await contentOf(blobs, key, Buffer.concat(chunks, size), metadata)
}

/** The same for octets already in memory. */
export async function contentOf(blobs: Blobs, key: string, bytes: Uint8Array, metadata: Record<string, string>): Promise<Content> {
  const leave = blobs.compresses === true && bytes.length <= leaveToEngineBytes
  const packed = leave ? { bytes, codec: 'identity' as const } : await packBytes(bytes)
  if (packed.bytes.length <= packedLimitBytes) return { inline: packed.bytes, codec: packed.codec, sizeBytes: bytes.length }
  await blobs.put(key, bytes, metadata)
  return { blob: { key, offset: 0, length: bytes.length, codec: 'identity', sizeBytes: bytes.length } }
}

async function spill(blobs: Blobs, key: string, head: Uint8Array[], rest: AsyncIterator<Uint8Array>, metadata: Record<string, string>): Promise<Content> {
  async function* whole() {
    yield* head
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  }
  const { sizeBytes } = await blobs.put(key, whole(), metadata)
  return { blob: { key, offset: 0, length: sizeBytes, codec: 'identity', sizeBytes } }
}

export function contentSize(content: Content): number {
  return 'blob' in content ? content.blob.sizeBytes : content.sizeBytes
}

/** The message as a stream of chunks. */
export async function* readContent(blobs: Blobs, content: Content): AsyncIterable<Uint8Array> {
  if ('inline' in content) yield await unpackBytes(content.inline, content.codec)
  else yield* readBlobRef(blobs, content.blob)
}

/** All of a stored message that is small. */
export async function readWholeBlob(blobs: Blobs, { key, offset, length, codec }: BlobRef): Promise<Uint8Array> {
  const stored = await blobs.readBytes(key, offset, length)
  if (stored === undefined) throw new Error(`blob ${key} is missing`)
  return codec === 'identity' ? stored : await unpackBytes(stored, codec)
}

/** A stretch of a stored message, in octets of the message. Identity blobs are read in place; packed ones are small and unpacked whole. */
export async function* readBlobRef(blobs: Blobs, ref: BlobRef, offset = 0, length = ref.sizeBytes - offset): AsyncIterable<Uint8Array> {
  if (ref.codec === 'identity') {
    yield* blobs.readStream(ref.key, ref.offset + offset, Math.max(0, Math.min(length, ref.sizeBytes - offset)))
    return
  }
  const stored = await blobs.readBytes(ref.key, ref.offset, ref.length)
  if (stored === undefined) throw new Error(`blob ${ref.key} is missing`)
  const bytes = await unpackBytes(stored, ref.codec)
  yield bytes.subarray(offset, offset + length)
}
