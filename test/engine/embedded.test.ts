import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { bellContract } from './contract/bell.ts'
import { blobsContract } from './contract/blobs.ts'
import { queueContract } from './contract/queue.ts'
import { tableContract } from './contract/table.ts'

const settings = { inlineBlobBytes: 64 * 1024, backOffFirstMs: 200, backOffMostMs: 2000 }

async function open() {
  const directory = await mkdtemp(join(tmpdir(), 'pennypost-engine-'))
  const log = makeLog(() => undefined, { now: Date.now })
  const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings })
  return {
    engine,
    dispose: async () => {
      await engine.close()
      await rm(directory, { recursive: true })
    },
  }
}

tableContract('the embedded engine', open)
blobsContract('the embedded engine', open)
queueContract('the embedded engine', open, { inOrder: true, seesDue: true })
bellContract('the embedded engine', open)
