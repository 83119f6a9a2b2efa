/**
 * Blobs inside LMDB against blobs as files, by size: what decides engine.inlineBlobBytes.
 * By hand: node bench/blobs.ts [megabytes a measurement] [directory]
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Blobs } from '#lib/engine/ports.ts'

const megabytes = Number(process.argv[2] ?? 48)
const parent = process.argv[3] ?? join(import.meta.dirname, '..')
const sizes = [1, 4, 10, 32, 64, 100, 256, 512, 1024].map((kib) => kib * 1024)
const log = makeLog((event) => console.log(event), { level: 'warn', now: Date.now })

interface Figures {
  readonly perSecond: number
  readonly cpuUs: number
}

async function measure(count: number, workers: number, operation: (index: number) => Promise<unknown>): Promise<Figures> {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < count) await operation(next++)
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count / (performance.now() - begin)) * 1000, cpuUs: (user + system) / count }
}

async function diskBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const sizesOnDisk = await Promise.all(entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).blocks * 512))
  return sizesOnDisk.reduce((sum, bytes) => sum + bytes, 0)
}

async function compare(kind: 'lmdb' | 'files', sizeBytes: number): Promise<string> {
  const directory = await mkdtemp(join(parent, 'bench-data-'))
  const settings = { inlineBlobBytes: kind === 'lmdb' ? Infinity : 0, backOffFirstMs: 1000, backOffMostMs: 1000 }
  const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings })
  const { blobs }: { blobs: Blobs } = engine
  const content = Buffer.alloc(sizeBytes, 'content ')
  const count = Math.max(40, Math.min(2000, Math.floor((megabytes * 1024 * 1024) / sizeBytes)))
  const key = (index: number) => `account/${String((index * 7919) % count).padStart(6, '0')}`
  const serial = Math.min(count, 300)
  const one = await measure(serial, 1, async (index) => blobs.put(key(index), content))
  const many = await measure(count - serial, 16, async (index) => blobs.put(key(serial + index), content))
  const stored = await diskBytes(directory)
  const read = await measure(count, 1, async (index) => blobs.readBytes(key(index * 3)))
  const removed = await measure(count, 16, async (index) => blobs.delete(key(index)))
  await engine.close()
  await rm(directory, { recursive: true })
  const figures = [one, many, read, removed].map(({ perSecond, cpuUs }) => `${Math.round(perSecond).toString().padStart(7)} ${Math.round(cpuUs).toString().padStart(6)}`)
  return `${kind.padEnd(6)} ${String(sizeBytes / 1024).padStart(5)} ${figures.join('  ')}  ${(stored / count / sizeBytes).toFixed(2)}`
}

console.log('kind     KiB    put /s    us  put16/s    us   read /s    us  del16/s    us  disk/size')
for (const size of sizes) for (const kind of ['lmdb', 'files'] as const) console.log(await compare(kind, size))
