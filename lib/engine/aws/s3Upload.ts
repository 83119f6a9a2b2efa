/** Writing an object: in one request while it fits in one part, else in parts, of which one at a time is in memory. */
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { calling } from './unavailable.ts'

interface Place {
  readonly Bucket: string
  readonly Key: string
  readonly Metadata: Record<string, string>
}

export interface UploadParts {
  readonly s3: S3Client
  readonly log: Log
  readonly partBytes: number
}

/** How many octets it was. @throws what the source throws, and then nothing is there */
export async function uploadObject(parts: UploadParts, place: Place, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
  if (source instanceof Uint8Array) return await putWhole(parts, place, source)
  const pieces = cut(source, parts.partBytes)
  const first = await pieces.next()
  if (first.done === true) return await putWhole(parts, place, new Uint8Array())
  if (first.value.length < parts.partBytes) return await putWhole(parts, place, first.value)
  return await putInParts(parts, place, joined([first.value], pieces))
}

async function* joined(head: Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (let piece = head.shift(); piece !== undefined; piece = head.shift()) yield piece
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

async function putWhole({ s3 }: UploadParts, place: Place, bytes: Uint8Array): Promise<number> {
  await calling(s3.send(new PutObjectCommand({ ...place, Body: bytes, ContentLength: bytes.length })))
  return bytes.length
}

async function putInParts({ s3, log }: UploadParts, place: Place, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const { Bucket, Key } = place
  const { UploadId } = await calling(s3.send(new CreateMultipartUploadCommand(place)))
  try {
    const Parts: CompletedPart[] = []
    let sizeBytes = 0
    for await (const piece of pieces) {
      const PartNumber = Parts.length + 1
      const { ETag } = await calling(s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: piece, ContentLength: piece.length })))
      Parts.push({ PartNumber, ETag })
      sizeBytes += piece.length
    }
    await calling(s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })))
    return sizeBytes
  } catch (error) {
    // Parts that stay are paid for; the bucket's life-cycle rule takes away what this cannot.
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch((failed: unknown) => log.warn('upload-left-behind', { key: Key, ...errorFields(failed) }))
    throw error
  }
}

/** The octets of the source in pieces of this size, the last one shorter. */
async function* cut(source: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + pieceBytes - size)
      held.push(taken)
      size += taken.length
      at += taken.length
      if (size < pieceBytes) continue
      yield Buffer.concat(held, size)
      held = []
      size = 0
    }
  }
  if (size > 0) yield Buffer.concat(held, size)
}
