/**
 * Processes that share a data directory with the test. This file is both: the test starts it, and is started by it.
 * A child says what it has to say by lines on its standard output, written before it goes on.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { ConsumeOptions, Engine, NoteAnswer } from '#lib/engine/ports.ts'

const done: NoteAnswer = { kind: 'done' }

export const settings = { inlineBlobBytes: 32 * 1024, backOffFirstMs: 100, backOffMostMs: 1000 }

export function openAt(directory: string): Promise<Engine> {
  return openEmbeddedEngine({ directory, clock: systemClock, log: makeLog(() => undefined, { now: Date.now }), settings })
}

export interface Child {
  readonly process: ChildProcess
  readonly lines: string[]
  /** Resolves when the process has said a line like this. */
  said(pattern: RegExp): Promise<string>
  ended: Promise<unknown>
  kill(): Promise<void>
}

export function startChild(role: keyof typeof roles, directory: string, ...args: string[]): Child {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), role, directory, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    for (const look of waiting) look()
  })
  const ended = once(child, 'close')
  return {
    process: child,
    lines,
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const line = lines.find((one) => pattern.test(one))
          if (line === undefined) return
          waiting.delete(look)
          resolve(line)
        }
        waiting.add(look)
        void ended.then(() => reject(new Error(`the child ended without saying ${String(pattern)}: ${lines.slice(-5).join(' | ')}`)))
        look()
      }),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Octets that anyone can make again from their name. */
export function contentOf(name: string, sizeBytes: number): Buffer {
  const seed = createHash('sha256').update(name).digest()
  return Buffer.alloc(sizeBytes, seed)
}

const say = (line: string) => writeSync(1, line + '\n')

const consumeOptions: ConsumeOptions = { batchNotes: 5, concurrency: 4, visibilityMs: 600_000, maxReceives: 1_000 }

const roles = {
  /** Counts a shared row up. */
  async count(engine: Engine, turns: string) {
    for (let turn = 0; turn < Number(turns); ) {
      const key = { partition: 'count', sort: 'n' }
      const now = await engine.table.get(key)
      const value = Buffer.from(String(Number(now ? Buffer.from(now) : 0) + 1))
      const outcome = await engine.table.commit([{ put: key, value, onlyIf: now ? { equals: now } : 'absent' }])
      if (outcome.committed) turn++
    }
    await engine.close()
    say('counted')
  },
  /** Takes notes and never answers. */
  async hoard(engine: Engine, visibilityMs: string) {
    engine.queue.consume('inbound', { ...consumeOptions, visibilityMs: Number(visibilityMs) }, async (notes) => {
      for (const note of notes) say(`took ${note.id} ${note.receives}`)
      return await new Promise<never>(() => undefined)
    })
    say('ready')
    await systemClock.sleep(60_000)
  },
  /** Takes notes and answers, until told to stop. */
  async work(engine: Engine) {
    const consumer = engine.queue.consume('inbound', consumeOptions, async (notes) => {
      for (const note of notes) say(`took ${note.id} ${note.receives}`)
      return notes.map(() => done)
    })
    say('ready')
    process.once('SIGTERM', () => void consumer.stop().then(async () => engine.close()))
  },
  /** Dies of a note called poison. */
  async die(engine: Engine, maxReceives: string) {
    engine.queue.consume('inbound', { ...consumeOptions, maxReceives: Number(maxReceives) }, async (notes) => {
      for (const note of notes) say(`took ${note.id} ${note.receives}`)
      if (notes.some((note) => note.id === 'poison')) process.kill(process.pid, 'SIGKILL')
      await systemClock.sleep(20)
      return notes.map(() => done)
    })
    say('ready')
    await systemClock.sleep(60_000)
  },
  async send(engine: Engine, ...ids: string[]) {
    await engine.queue.send('inbound', ids.map((id) => ({ id, body: Buffer.from(id) })))
    say(`sent ${Date.now()}`)
    await engine.close()
  },
  async listen(engine: Engine, account: string) {
    engine.bell.listen(account, () => say(`heard ${Date.now()}`))
    say('ready')
    await systemClock.sleep(60_000)
  },
  async ring(engine: Engine, account: string) {
    engine.bell.ring(account)
    say(`rung ${Date.now()}`)
    await systemClock.sleep(100)
    await engine.close()
  },
  /** Opens and does nothing: must end by itself. */
  async idle(engine: Engine) {
    engine.bell.listen('a', () => undefined)
    say(`cpu ${JSON.stringify(process.cpuUsage())}`)
  },
  /** Writes everything it can, and says what was promised, until it is killed. */
  async write(engine: Engine, round: string, seed: string) {
    await Promise.all([...[1, 2, 3].map(async (worker) => writeRows(engine, `${round}/${worker}`)), writeNotes(engine, round), writeBlobs(engine, `${round}/1`, Number(seed)), writeBlobs(engine, `${round}/2`, Number(seed) + 7), replaceBlob(engine, Number(seed))])
  },
}

async function writeRows(engine: Engine, name: string): Promise<void> {
  for (let turn = 0; ; turn++) {
    const sort = String(turn).padStart(8, '0')
    const value = contentOf(`${name}/${turn}`, 500 + ((turn * 97) % 4000))
    const outcome = await engine.table.commit(['left', 'right'].map((side) => ({ put: { partition: `${side}/${name}`, sort }, value, onlyIf: 'absent' as const })))
    say(`row ${name} ${turn} ${value.length} ${outcome.committed}`)
  }
}

async function writeNotes(engine: Engine, round: string): Promise<void> {
  engine.queue.consume('inbound', consumeOptions, async (notes) => notes.map((note) => ({ kind: 'done', then: [{ queue: 'delivery', note: { id: note.id, body: note.body } }] })))
  for (let turn = 0; ; turn++) {
    const id = `${round}-${turn}`
    await engine.queue.send('inbound', [{ id, body: contentOf(id, 8000) }])
    say(`note ${id}`)
  }
}

async function writeBlobs(engine: Engine, name: string, seed: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const sizeBytes = ((seed + turn) * 7919) % 120_000
    const key = `${name}/${turn}`
    async function* source() {
      const content = contentOf(key, sizeBytes)
      for (let at = 0; at < content.length; at += 16_384) yield content.subarray(at, at + 16_384)
    }
    await engine.blobs.put(key, source(), { sizeBytes: String(sizeBytes) })
    say(`blob ${key} ${sizeBytes}`)
  }
}

/** One key over and over, small and large by turns, and deleted now and then. */
async function replaceBlob(engine: Engine, seed: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const sizeBytes = replacedSize(seed, turn)
    if (sizeBytes === undefined) await engine.blobs.delete('replaced')
    else await engine.blobs.put('replaced', contentOf(String(sizeBytes), sizeBytes), { sizeBytes: String(sizeBytes) })
    say(`replaced ${turn} ${sizeBytes ?? 'none'}`)
  }
}

/** Undefined: the blob is deleted in this turn. */
export function replacedSize(seed: number, turn: number): number | undefined {
  return turn % 5 === 4 ? undefined : ((seed + turn) * 31_337) % 100_000
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [role = '', directory = '', ...args] = process.argv.slice(2)
  const play: ((engine: Engine, ...words: string[]) => Promise<void>) | undefined = Object.entries(roles).find(([name]) => name === role)?.[1]
  if (play === undefined) throw new Error(`no role ${role}`)
  await play(await openAt(directory), ...args)
}
