import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import type { Engine, NoteAnswer } from '#lib/engine/ports.ts'
import { openAt, settings, startChild } from './children.ts'
import type { Child } from './children.ts'
import { until } from './contract/setup.ts'

const done: NoteAnswer = { kind: 'done' }
const options = { batchNotes: 10, concurrency: 2, visibilityMs: 60_000, maxReceives: 3 }

describe('Several processes on one data directory', { concurrency: false }, () => {
  let directory: string
  let children: Child[] = []
  let engine: Engine
  const start = (...args: Parameters<typeof startChild> extends [infer R, string, ...infer A] ? [R, ...A] : never): Child => {
    const [role, ...rest] = args
    const child = startChild(role, directory, ...rest)
    children.push(child)
    return child
  }
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pennypost-processes-'))
    engine = await openAt(directory)
  })
  afterEach(async () => {
    for (const child of children) await child.kill()
    children = []
    await engine.close()
    await rm(directory, { recursive: true })
  })

  it('lose no update of a row they all count up', async () => {
    const counters = [1, 2, 3].map(() => start('count', '100'))
    await Promise.all(counters.map(async (child) => child.said(/counted/)))
    const value = await engine.table.get({ partition: 'count', sort: 'n' })
    assert.equal(value && Buffer.from(value).toString(), '300')
  })

  it('hear each other ring', async () => {
    const listener = start('listen', 'account')
    await listener.said(/ready/)
    const rungAt = Date.now()
    engine.bell.ring('account')
    const heardAt = Number((await listener.said(/heard/)).split(' ')[1])
    assert.ok(heardAt - rungAt < 300)
    let heard = 0
    const end = engine.bell.listen('account', () => heard++)
    start('ring', 'account')
    await until('the ring of the other process is heard', () => heard > 0)
    end()
  })

  it('wake each other by sending', async () => {
    let tookAt = 0
    const consumer = engine.queue.consume('inbound', options, async (notes) => {
      tookAt = Date.now()
      return notes.map(() => done)
    })
    const sentAt = Number((await start('send', 'from-afar').said(/sent/)).split(' ')[1])
    await until('the note is taken', () => tookAt > 0)
    assert.ok(tookAt - sentAt < 300, `${tookAt - sentAt} ms`)
    await consumer.stop()
  })

  it('respect what another has in hand', async () => {
    await engine.queue.send('inbound', [{ id: 'n1', body: Buffer.from('1') }])
    await start('hoard', '60000').said(/took n1/)
    assert.equal((await engine.queue.find('inbound', 'n1'))?.state, 'in-hand')
    assert.deepEqual((await engine.queue.list('inbound')).items.map((note) => note.state), ['in-hand'])
    assert.equal(await engine.queue.drop('inbound', 'n1'), false)
    assert.equal(await engine.queue.hold('inbound', 'n1'), false)
    const taken: string[] = []
    const consumer = engine.queue.consume('inbound', options, async (notes) => {
      taken.push(...notes.map((note) => note.id))
      return notes.map(() => done)
    })
    await systemClock.sleep(800)
    assert.deepEqual(taken, [])
    await consumer.stop()
  })

  it('change a waiting note of a queue that another consumes', async () => {
    const worker = start('work')
    await worker.said(/ready/)
    await engine.queue.send('inbound', ['a', 'b', 'c'].map((id) => ({ id, body: Buffer.from(id), notBefore: Date.now() + 60_000 })))
    assert.equal(await engine.queue.retime('inbound', 'a', Date.now()), true)
    await worker.said(/took a/)
    assert.equal(await engine.queue.hold('inbound', 'b'), true)
    assert.equal((await engine.queue.find('inbound', 'b'))?.state, 'held')
    assert.equal(await engine.queue.drop('inbound', 'c'), true)
    assert.equal(await engine.queue.find('inbound', 'c'), undefined)
  })

  it('take over at once what a dead one had in hand', async () => {
    await engine.queue.send('inbound', [{ id: 'n1', body: Buffer.from('1') }])
    const hoarder = start('hoard', '600000')
    await hoarder.said(/took n1/)
    const taken: string[] = []
    const consumer = engine.queue.consume('inbound', options, async (notes) => {
      taken.push(...notes.map((note) => note.id))
      return notes.map(() => done)
    })
    await hoarder.kill()
    await until('the note is taken over', () => taken.includes('n1'), 2000)
    await consumer.stop()
    assert.equal(await engine.queue.find('inbound', 'n1'), undefined)
  })

  it('take over from one that stops, without a note lost or handed out twice', async () => {
    const taken: string[] = []
    const worker = start('work')
    const ids = Array.from({ length: 60 }, (_, index) => `n${index}`)
    await engine.queue.send('inbound', [{ id: 'n0', body: Buffer.from('n0') }])
    await worker.said(/took n0/)
    const consumer = engine.queue.consume('inbound', options, async (notes) => {
      taken.push(...notes.map((note) => note.id))
      return notes.map(() => done)
    })
    for (const [index, id] of ids.entries()) {
      if (index === 0) continue
      await engine.queue.send('inbound', [{ id, body: Buffer.from(id) }])
      if (index === 30) worker.process.kill('SIGTERM')
      await systemClock.sleep(8)
    }
    await worker.ended
    await until('all are taken', async () => (await engine.queue.list('inbound')).items.length === 0)
    const byWorker = worker.lines.flatMap((line) => (line.startsWith('took') ? [line.split(' ')[1]] : []))
    assert.deepEqual([...byWorker, ...taken].toSorted(), ids.toSorted())
    assert.ok(byWorker.length > 0 && taken.length > 0)
    await consumer.stop()
  })

  it('put a note that kills its consumers among the dead letters, and only that one', async () => {
    await engine.queue.send('inbound', ['a', 'poison', 'b', 'c'].map((id) => ({ id, body: Buffer.from(id) })))
    for (let deaths = 0; deaths < 10 && (await engine.queue.find('inbound', 'poison'))?.state !== 'dead'; deaths++) {
      await engine.queue.send('inbound', [{ id: `fresh${deaths}`, body: Buffer.from('fresh') }])
      const victim = start('die', '3')
      await Promise.race([victim.ended, until('it is dead', async () => (await engine.queue.find('inbound', 'poison'))?.state === 'dead', 10_000).catch(() => undefined)])
      await victim.kill()
    }
    const poison = await engine.queue.find('inbound', 'poison')
    assert.equal(poison?.state, 'dead')
    assert.match(poison.reason ?? '', /never answered/)
    const survivor = start('work')
    await until('the others are done', async () => (await engine.queue.list('inbound')).items.length === 1)
    await survivor.kill()
    assert.deepEqual((await engine.queue.list('inbound')).items.map((note) => note.id), ['poison'])
  })

  it('end by themselves when they have nothing to do', async () => {
    const idler = start('idle')
    await idler.said(/cpu/)
    await idler.ended
    assert.equal(idler.process.exitCode, 0)
  })

  it('leave no socket and no stray file behind, killed or not', async () => {
    const child = start('write', 'r', '1')
    await child.said(/^blob .* [4-9]\d{4}$/)
    await child.kill()
    await engine.close()
    engine = await openAt(directory)
    assert.equal((await readdir(join(directory, 'peers'))).length, 1)
    const { items } = await engine.blobs.list('')
    assert.equal((await filesOf(directory)).length, items.filter((blob) => blob.sizeBytes > settings.inlineBlobBytes).length)
  })
})

describe('An engine in a directory with a long path', () => {
  let parent: string
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'pennypost-long-'))
  })
  after(async () => rm(parent, { recursive: true }))

  it('still hears its peers', { skip: process.platform !== 'linux' && 'only Linux reaches a socket through an open folder' }, async () => {
    const directory = join(parent, 'x'.repeat(100), 'y'.repeat(100))
    const engine = await openAt(directory)
    let heard = 0
    engine.bell.listen('a', () => heard++)
    const child = startChild('ring', directory, 'a')
    await until('the ring is heard', () => heard > 0)
    await child.ended
    await engine.close()
    assert.deepEqual(readdirSync(join(directory, 'peers')), [])
  })
})

describe('Flushing', () => {
  const strace = (() => {
    try {
      execFileSync('strace', ['-V'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()

  it('comes before a promise resolves', { skip: !strace && 'strace is not there' }, async () => {
    const parent = await mkdtemp(join(tmpdir(), 'pennypost-flush-'))
    const trace = join(parent, 'trace')
    const child = startChild('count', join(parent, 'warm'), '1')
    await child.ended
    const script = new URL('./children.ts', import.meta.url).pathname
    execFileSync('strace', ['-f', '-qq', '-e', 'trace=openat,fdatasync,fsync,pwrite64,write', '-o', trace, process.execPath, script, 'send', join(parent, 'warm'), 'n1'], { stdio: 'ignore' })
    const lines = (await readFile(trace, 'utf8')).split('\n')
    const meta = /openat\(.*data\.mdb", [^)]*O_DSYNC.* = (\d+)/.exec(lines.find((line) => /data\.mdb".*O_DSYNC/.test(line)) ?? '')?.[1]
    assert.ok(meta, 'the meta page is written through a handle that flushes')
    const said = lines.findIndex((line) => line.includes('write(1, "sent'))
    const lastMeta = lines.findLastIndex((line, index) => index < said && line.includes(`pwrite64(${meta},`))
    const lastSync = lines.findLastIndex((line, index) => index < lastMeta && /fdatasync\(\d+\)|fdatasync resumed/.test(line))
    const dataAfterSync = lines.slice(lastSync + 1, said).filter((line) => /pwrite64\(\d+/.test(line) && !line.includes(`pwrite64(${meta},`))
    assert.ok(said > 0 && lastMeta > 0 && lastSync > 0, `said ${said}, meta ${lastMeta}, sync ${lastSync}`)
    assert.deepEqual(dataAfterSync, [])
    await rm(parent, { recursive: true })
  })
})

async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(join(directory, 'blobs'), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).toSorted()
}
