/**
 * What the embedded engine does a second, and what an operation costs in CPU.
 * By hand: node bench/engine.ts [seconds a measurement] [directory]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine, NoteAnswer } from '#lib/engine/ports.ts'

const seconds = Number(process.argv[2] ?? 3)
const parent = process.argv[3] ?? join(import.meta.dirname, '..')
const directory = await mkdtemp(join(parent, 'bench-data-'))
const log = makeLog((event) => console.log(event), { level: 'warn', now: Date.now })
const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: defaultConfig().engine })
const body = Buffer.alloc(10 * 1024, 'mail ')
const small = Buffer.alloc(1024, 'row ')
let serial = 0

const next = () => String(++serial).padStart(12, '0')

async function measure(name: string, workers: number, operation: (engine: Engine) => Promise<unknown>): Promise<void> {
  const end = Date.now() + seconds * 1000
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const loop = performance.eventLoopUtilization()
  let count = 0
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (Date.now() < end) {
        await operation(engine)
        count++
      }
    }),
  )
  report(name, count, begin, cpu, loop)
}

function report(name: string, count: number, begin: number, cpu: NodeJS.CpuUsage, loop: ReturnType<typeof performance.eventLoopUtilization>): void {
  const took = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const main = (performance.eventLoopUtilization(loop).active / count) * 1000
  console.log(`${name.padEnd(44)} ${Math.round(count / took).toString().padStart(7)} /s   CPU ${((user + system) / count).toFixed(0).padStart(5)} us   event loop ${main.toFixed(0).padStart(5)} us`)
}

async function measureQueue(name: string, senders: number, batchNotes: number, concurrency: number): Promise<void> {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const loop = performance.eventLoopUtilization()
  let answered = 0
  const consumer = engine.queue.consume('inbound', { batchNotes, concurrency, visibilityMs: 60_000, maxReceives: 5 }, async (notes) => {
    answered += notes.length
    return notes.map((): NoteAnswer => ({ kind: 'done' }))
  })
  const end = Date.now() + seconds * 1000
  let sent = 0
  await Promise.all(
    Array.from({ length: senders }, async () => {
      while (Date.now() < end) {
        sent++
        await engine.queue.send('inbound', [{ id: next(), body }])
      }
    }),
  )
  while (answered < sent) await systemClock.sleep(5)
  await consumer.stop()
  report(name, answered, begin, cpu, loop)
}

const put = (value: Uint8Array) => async ({ table }: Engine) => table.commit([{ put: { partition: 'account', sort: next() }, value, onlyIf: 'absent' }])
for (const workers of [1, 10, 50, 200]) await measure(`table commit 1 KB, ${workers} at once`, workers, put(small))
for (const workers of [1, 10, 50, 200]) await measure(`table commit 10 KB, ${workers} at once`, workers, put(body))
for (const workers of [1, 50]) await measure(`queue send 10 KB, ${workers} at once`, workers, async ({ queue }) => queue.send('outbound', [{ id: next(), body }]))
for (const workers of [1, 50]) await measure(`blob put 10 KB, ${workers} at once`, workers, async ({ blobs }) => blobs.put(`b/${next()}`, body))
await measure('table get 10 KB', 1, async ({ table }) => table.get({ partition: 'account', sort: String(1 + Math.floor(Math.random() * 1000)).padStart(12, '0') }))
await measureQueue('queue send + consume + done 10 KB, 1 sender', 1, 10, 4)
await measureQueue('queue send + consume + done 10 KB, 10 senders', 10, 10, 8)
await measureQueue('queue send + consume + done 10 KB, 50 senders', 50, 10, 16)
await engine.close()
await rm(directory, { recursive: true })
