/**
 * The Blobs: small ones inside LMDB, where they share the group commit; large ones as files (docs/decisions/0002-blobs-embedded.md).
 */
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { BlobMissingError } from '../ports.ts'
import type { BlobInfo, Blobs, Page } from '../ports.ts'
import type { BlobFiles } from './blobFiles.ts'
import { packFile, packInline, packMetadata, unpackBlobRow } from './blobRow.ts'
import type { BlobRow } from './blobRow.ts'
import type { Environment, Rows, Writes } from './environment.ts'
import { blobKey, blobSpan, strayKey, straySpan } from './keys.ts'
import type { Peers } from './peers.ts'

const pageBytes = 1024 * 1024
const pageBlobs = 1000
const nothing = new Uint8Array(0)

export interface BlobParts {
  readonly environment: Environment
  readonly files: BlobFiles
  readonly peers: Peers
  readonly log: Log
  /** The largest blob kept inside LMDB. */
  readonly inlineBytes: number
}

export function embeddedBlobs(parts: BlobParts): Blobs {
  const { environment, files, inlineBytes } = parts
  const find = (key: string): BlobRow | undefined => {
    const value = environment.get(blobKey(key))
    return value && unpackBlobRow(key, value)
  }
  return {
    compresses: true,
    async put(key, source, metadata = {}) {
      const row = blobKey(key)
      const packed = packMetadata(metadata)
      const head = source instanceof Uint8Array ? wholeHead(source, inlineBytes) : await readHead(source, inlineBytes)
      const sizeBytes = head.rest === undefined ? await putInline(parts, row, packed, head.chunks) : await putFile(parts, row, packed, head.rest)
      return { key, sizeBytes, metadata }
    },
    async readBytes(key, offset = 0, length = Infinity) {
      const row = find(key)
      if (row === undefined) return undefined
      if ('inline' in row) return row.inline.subarray(offset, offset + length)
      const chunks: Uint8Array[] = []
      for await (const chunk of readFile(files, find, row, offset, length)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
    async *readStream(key, offset = 0, length = Infinity) {
      const row = find(key)
      if (row === undefined) throw new BlobMissingError(`there is no blob ${key}`)
      if ('file' in row) yield* readFile(files, find, row, offset, length)
      else if (offset < row.inline.length && length > 0) yield row.inline.subarray(offset, offset + length)
    },
    info: async (key) => find(key)?.info(),
    list: async (prefix, cursor) => listBlobs(environment, prefix, cursor),
    async delete(key) {
      const row = blobKey(key)
      const old = await environment.commit((rows, writes) => {
        const file = strandFile(parts, row, rows, writes)
        if (rows.has(row)) writes.remove(row)
        return file
      })
      await removeStray(parts, old)
    },
  }
}

/** Removes the files that dead processes were writing or about to remove. Called when an engine opens. */
export async function sweepStrayFiles(parts: BlobParts): Promise<void> {
  const strays: [peer: string, file: string][] = []
  parts.environment.scanKeys(straySpan, (key) => {
    const [peer = '', file = ''] = key.slice(straySpan.first.length).split('\0')
    strays.push([peer, file])
    return true
  })
  for (const [peer, file] of strays) {
    if (await parts.peers.isAlive(peer)) continue
    await parts.files.remove(file)
    await parts.environment.commit((_, writes) => writes.remove(strayKey(peer, file)))
  }
}

interface Head {
  readonly chunks: readonly Uint8Array[]
  /** The whole source, when it is longer than the limit. */
  readonly rest?: AsyncIterable<Uint8Array>
}

function wholeHead(source: Uint8Array, limitBytes: number): Head {
  if (source.length <= limitBytes) return { chunks: [source] }
  return { chunks: [], rest: oneChunk(source) }
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk
}

/** Reads until the source ends or proves longer than the limit. */
async function readHead(source: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Head> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const iterator = source[Symbol.asyncIterator]()
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    chunks.push(next.value)
    bytes += next.value.length
    if (bytes > limitBytes) return { chunks: [], rest: joined(chunks, iterator) }
  }
  return { chunks }
}

async function* joined(chunks: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  } finally {
    await iterator.return?.()
  }
}

async function putInline(parts: BlobParts, row: string, metadata: Uint8Array, chunks: readonly Uint8Array[]): Promise<number> {
  const value = packInline(metadata, chunks)
  const old = await parts.environment.commit((rows, writes) => {
    const file = strandFile(parts, row, rows, writes)
    writes.put(row, value)
    return file
  })
  await removeStray(parts, old)
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

async function putFile(parts: BlobParts, row: string, metadata: Uint8Array, source: AsyncIterable<Uint8Array>): Promise<number> {
  const { environment, files, peers } = parts
  const file = files.newName()
  const stray = strayKey(peers.name, file)
  await environment.commit((_, writes) => writes.put(stray, nothing))
  try {
    const sizeBytes = await files.write(file, source)
    const value = packFile(metadata, file, sizeBytes)
    const old = await environment.commit((rows, writes) => {
      const replaced = strandFile(parts, row, rows, writes)
      writes.put(row, value)
      writes.remove(stray)
      return replaced
    })
    await removeStray(parts, old)
    return sizeBytes
  } catch (error) {
    await removeStray(parts, file)
    throw error
  }
}

/** The file of the blob that stands there, put down as one to be removed. */
function strandFile(parts: BlobParts, row: string, rows: Rows, writes: Writes): string | undefined {
  // Nearly every key is new: asking first spares the copy of a blob.
  const value = rows.has(row) ? rows.get(row) : undefined
  const old = value && unpackBlobRow(row, value)
  if (old === undefined || !('file' in old)) return undefined
  writes.put(strayKey(parts.peers.name, old.file), nothing)
  return old.file
}

/** What fails here is found again by the next sweep: the blob itself is as the caller wanted it. */
async function removeStray(parts: BlobParts, file: string | undefined): Promise<void> {
  if (file === undefined) return
  try {
    await parts.files.remove(file)
    await parts.environment.commit((_, writes) => writes.remove(strayKey(parts.peers.name, file)))
  } catch (error) {
    parts.log.warn('stray-file-left', { file, ...errorFields(error) })
  }
}

/** A blob that is replaced between the look at its row and the opening of its file is looked up once more. */
async function* readFile(files: BlobFiles, find: (key: string) => BlobRow | undefined, row: { info: () => BlobInfo; file: string; sizeBytes: number }, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const most = Math.max(0, Math.min(length, row.sizeBytes - offset))
  let started = false
  try {
    for await (const chunk of files.read(row.file, offset, most)) {
      started = true
      yield chunk
    }
  } catch (error) {
    if (started || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const now = find(row.info().key)
    if (now === undefined) throw new BlobMissingError(`there is no blob ${row.info().key}`, { cause: error })
    if ('inline' in now) yield now.inline.subarray(offset, offset + length)
    else if (now.file === row.file) throw error
    else yield* readFile(files, find, now, offset, length)
  }
}

function listBlobs(environment: Environment, prefix: string, cursor: string | undefined): Page<BlobInfo> {
  const first = cursor === undefined ? blobSpan.first + prefix : `${blobKey(cursor)}\0`
  const items: BlobInfo[] = []
  let bytes = 0
  let more = false
  environment.scan({ first, end: blobSpan.end }, (rowKey, value) => {
    const key = rowKey.slice(1)
    if (!key.startsWith(prefix)) return false
    more = items.length >= pageBlobs || bytes > pageBytes
    if (more) return false
    items.push(unpackBlobRow(key, value).info())
    bytes += value.length
    return true
  })
  const last = items.at(-1)
  return more && last !== undefined ? { items, next: last.key } : { items }
}
