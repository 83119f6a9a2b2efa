/**
 * Files of large blobs.
 *
 * Invariants: a file's name is made up here, so no key can lead out of the folder; it is written once and never changed;
 * it counts only when a blob row names it, and before it exists a stray row names it, so that a crash leaves no file behind
 * that nobody knows of. The life of a file: stray row, file written and flushed, blob row put and stray row removed in one commit.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EngineUnavailableError } from '../ports.ts'

const readChunkBytes = 64 * 1024
/** Small chunks of a source are gathered to this size: fewer writes. */
const writeChunkBytes = 256 * 1024

export class BlobFiles {
  readonly #folder: string
  readonly #madeFolders = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  newName(): string {
    return randomBytes(16).toString('hex')
  }

  /** Durable when it resolves, the name included. A failing source leaves the file to be removed by the caller. */
  async write(name: string, source: AsyncIterable<Uint8Array>): Promise<number> {
    const path = this.#path(name)
    const file = await available(async () => {
      await this.#makeFolder(dirname(path))
      return await open(path, 'wx', 0o600)
    })
    let sizeBytes = 0
    try {
      for await (const chunk of gather(source)) {
        await available(async () => writeWhole(file, chunk))
        sizeBytes += chunk.length
      }
      await available(async () => file.sync())
    } finally {
      await file.close()
    }
    await available(async () => syncFolder(dirname(path)))
    return sizeBytes
  }

  /** Undefined when the file is gone. */
  async *read(name: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
    const file = await open(this.#path(name), 'r')
    try {
      const end = offset + length
      for (let at = offset; at < end; ) {
        const wanted = Math.min(readChunkBytes, end - at)
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
        if (bytesRead === 0) return
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true })
  }

  #path(name: string): string {
    return join(this.#folder, name.slice(0, 2), name)
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#madeFolders.has(folder)) return
    await mkdir(folder, { recursive: true })
    await syncFolder(dirname(folder))
    await syncFolder(dirname(this.#folder))
    this.#madeFolders.add(folder)
  }
}

async function* gather(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of source) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes < writeChunkBytes) continue
    yield chunks.length === 1 ? chunk : Buffer.concat(chunks, bytes)
    chunks = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(chunks, bytes)
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Says of a failing file system that it may work later. */
async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new EngineUnavailableError(`a blob could not be written: ${String(error)}`, { cause: error })
  }
}
