/**
 * The Blobs in an S3 bucket, an object each.
 *
 * Invariants: a source of unknown length is held in memory one part at a time; an object appears whole or not at all;
 * a reader never gets octets of two objects of one key.
 */
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import type { Log } from '#lib/base/log.ts'
import { checkBlobKey, checkMetadata } from '../limits.ts'
import { BlobMissingError, EngineUnavailableError } from '../ports.ts'
import type { BlobInfo, Blobs, Page } from '../ports.ts'
import { keyOfObject, metadataOf, objectKey, objectMetadata, objectPrefix } from './blobKeys.ts'
import { uploadObject } from './s3Upload.ts'
import { calling, isPassing, named } from './unavailable.ts'

const pageBlobs = 250
/** A write costs as much as twelve reads; beyond this size there is little left to spare. */
const packBytes = 1024 * 1024
/** Looks at the metadata of a page's blobs side by side. */
const looksAtOnce = 16

export interface BlobParts {
  readonly s3: S3Client
  readonly bucket: string
  readonly log: Log
  /** Octets of a source that are held in memory, and of a part of an upload. */
  readonly partBytes: number
  /** Times a broken-off read is taken up again. */
  readonly tries: number
}

interface Stretch {
  readonly offset: number
  readonly length: number
  /** Only this very object. */
  readonly etag?: string | undefined
}

export function s3Blobs(parts: BlobParts): Blobs {
  const { s3, bucket } = parts
  return {
    packBytes,
    async put(key, source, metadata = {}) {
      checkBlobKey(key)
      checkMetadata(metadata)
      const sizeBytes = await uploadObject(parts, { Bucket: bucket, Key: objectKey(key), Metadata: objectMetadata(metadata) }, source)
      return { key, sizeBytes, metadata }
    },
    async readBytes(key, offset = 0, length = Infinity) {
      checkBlobKey(key)
      if (length <= 0) return (await lookAt(parts, key)) && new Uint8Array()
      try {
        const chunks: Uint8Array[] = []
        for await (const chunk of readWhole(parts, key, { offset, length })) chunks.push(chunk)
        return Buffer.concat(chunks)
      } catch (error) {
        if (error instanceof BlobMissingError) return undefined
        throw error
      }
    },
    async *readStream(key, offset = 0, length = Infinity) {
      checkBlobKey(key)
      if (length > 0) yield* readWhole(parts, key, { offset, length })
      else if ((await lookAt(parts, key)) === undefined) throw missing(key)
    },
    async info(key) {
      checkBlobKey(key)
      return await lookAt(parts, key)
    },
    list: async (prefix, cursor) => listBlobs(parts, prefix, cursor),
    async delete(key) {
      checkBlobKey(key)
      await calling(s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: objectKey(key) })))
    },
  }
}

const missing = (key: string): BlobMissingError => new BlobMissingError(`there is no blob ${key}`)

async function lookAt({ s3, bucket }: BlobParts, key: string): Promise<BlobInfo | undefined> {
  try {
    const { ContentLength, Metadata } = await calling(s3.send(new HeadObjectCommand({ Bucket: bucket, Key: objectKey(key) })))
    return { key, sizeBytes: ContentLength ?? 0, metadata: metadataOf(Metadata) }
  } catch (error) {
    if (named(error, 'NotFound', 'NoSuchKey')) return undefined
    throw error
  }
}

/** A connection that breaks off is made anew where it broke, as long as the object is still the same one. */
async function* readWhole(parts: BlobParts, key: string, { offset, length }: Stretch): AsyncGenerator<Uint8Array> {
  let read = 0
  let etag: string | undefined
  for (let tried = 1; ; tried++) {
    const got = await open(parts, key, { offset: offset + read, length: length - read, etag })
    if (got === undefined) return
    etag = got.ETag
    try {
      // In Node a body is a stream of chunks, which stops the sender while nobody asks for the next one.
      for await (const chunk of got.Body as AsyncIterable<Uint8Array>) {
        read += chunk.length
        yield chunk
      }
      return
    } catch (error) {
      if (!isPassing(error) && !isBroken(error)) throw error
      if (tried >= parts.tries) throw new EngineUnavailableError(`reading blob ${key} broke off ${tried} times`, { cause: error })
      parts.log.debug('blob-read-again', { key, read })
      if (read >= length) return
    }
  }
}

const isBroken = (error: unknown): boolean => error instanceof Error && ['aborted', 'Premature close', 'terminated'].includes(error.message)

/** Undefined when there is nothing at that place of the object. @throws {BlobMissingError} */
async function open({ s3, bucket }: BlobParts, key: string, { offset, length, etag }: Stretch): Promise<GetObjectCommandOutput | undefined> {
  const range = offset === 0 && length === Infinity ? {} : { Range: `bytes=${offset}-${length === Infinity ? '' : offset + length - 1}` }
  try {
    return await calling(s3.send(new GetObjectCommand({ Bucket: bucket, Key: objectKey(key), ...range, ...(etag === undefined ? {} : { IfMatch: etag }) })))
  } catch (error) {
    if (named(error, 'InvalidRange')) return undefined
    if (named(error, 'NoSuchKey', 'NotFound')) throw missing(key)
    if (named(error, 'PreconditionFailed')) throw new EngineUnavailableError(`blob ${key} was replaced while it was read`, { cause: error })
    throw error
  }
}

/** S3 lists no metadata: each blob is looked at, for the price of a read. */
async function listBlobs(parts: BlobParts, prefix: string, cursor: string | undefined): Promise<Page<BlobInfo>> {
  const { s3, bucket } = parts
  const start = cursor === undefined ? {} : { StartAfter: objectKey(cursor) }
  const { Contents = [], IsTruncated } = await calling(s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: objectPrefix(prefix), MaxKeys: pageBlobs, ...start })))
  const keys = Contents.map(({ Key = '' }) => keyOfObject(Key))
  const items: BlobInfo[] = []
  for (let at = 0; at < keys.length; at += looksAtOnce) {
    const found = await Promise.all(keys.slice(at, at + looksAtOnce).map(async (key) => (key.startsWith(prefix) ? lookAt(parts, key) : undefined)))
    items.push(...found.filter((info) => info !== undefined))
  }
  const last = keys.at(-1)
  return IsTruncated === true && last !== undefined ? { items, next: last } : { items }
}
