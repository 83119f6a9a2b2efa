/**
 * The embedded engine: everything in one directory of one machine, shared by all processes that open it.
 *
 *   data.mdb, data.mdb-lock   LMDB: Table, Queue, small blobs
 *   blobs/                    large blobs, a file each
 *   peers/                    a socket for each process that has the directory open
 */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Engine } from '../ports.ts'
import { BlobFiles } from './blobFiles.ts'
import { embeddedBlobs, sweepStrayFiles } from './embeddedBlobs.ts'
import { Environment } from './environment.ts'
import { formatKey } from './keys.ts'
import { lmdbQueue } from './lmdbQueue.ts'
import { lmdbTable } from './lmdbTable.ts'
import { Peers } from './peers.ts'
import { socketBell } from './socketBell.ts'

/** Layout of keys and rows; a program refuses a directory of another format. */
const format = '1'

/** The `engine` section of the settings (lib/config.ts), which engines do not import. */
export interface EmbeddedSettings {
  readonly inlineBlobBytes: number
  readonly backOffFirstMs: number
  readonly backOffMostMs: number
}

export interface EmbeddedEngineOptions {
  /** Made when it is not there, readable by this user alone. */
  readonly directory: string
  readonly clock: Clock
  readonly log: Log
  readonly settings: EmbeddedSettings
}

export async function openEmbeddedEngine(options: EmbeddedEngineOptions): Promise<Engine> {
  const { directory, clock, log, settings } = options
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o700)
  const peers = await Peers.open(join(directory, 'peers'), log)
  const environment = new Environment(join(directory, 'data.mdb'), log)
  await checkFormat(environment, directory)
  const blobParts = { environment, peers, log, files: new BlobFiles(join(directory, 'blobs')), inlineBytes: settings.inlineBlobBytes }
  await sweepStrayFiles(blobParts)
  const queue = lmdbQueue({ environment, peers, clock, log, backOff: { firstMs: settings.backOffFirstMs, mostMs: settings.backOffMostMs } })
  return {
    table: lmdbTable(environment),
    blobs: embeddedBlobs(blobParts),
    queue,
    bell: socketBell(peers, log),
    async close() {
      await queue.close()
      await environment.close()
      await peers.close()
    },
  }
}

async function checkFormat(environment: Environment, directory: string): Promise<void> {
  const found = environment.get(formatKey)
  if (found === undefined) return await environment.commit((_, writes) => writes.put(formatKey, Buffer.from(format)))
  const text = Buffer.from(found).toString()
  if (text !== format) throw new Error(`${directory} has data of format ${text}, this program reads format ${format}`)
}
