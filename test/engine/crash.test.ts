/**
 * kill -9 at random instants: what was promised is there, and nothing is half.
 * KILLS=300 node --test test/engine/crash.test.ts   more of them; SEED=... repeats the instants
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import type { Engine, QueueName } from '#lib/engine/ports.ts'
import { contentOf, openAt, replacedSize, settings, startChild } from './children.ts'

const kills = Number(process.env.KILLS ?? 24)
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

/** Park and Miller's generator: the same seed gives the same instants. */
function randomFrom(start: number): () => number {
  let state = (start % 2_147_483_646) + 1
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

it(`keeps every promise through ${kills} kills (seed ${seed})`, { timeout: 60_000 + kills * 3000 }, async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'pennypost-crash-'))
  const random = randomFrom(seed)
  let promises = 0
  for (let round = 0; round < kills; round++) {
    const sizes = Math.floor(random() * 1e6)
    const child = startChild('write', directory, String(round), String(sizes))
    await child.said(/^(row|note|blob)/)
    await systemClock.sleep(random() * 120)
    await child.kill()
    // The last line may be cut by the death.
    const lines = child.lines.slice(0, -1)
    promises += lines.length
    const engine = await openAt(directory)
    await checkRows(engine, lines)
    await checkNotes(engine, String(round), lines)
    await checkBlobs(engine, String(round), lines)
    await checkReplaced(engine, sizes, lines)
    await checkFiles(engine, directory)
    await engine.close()
  }
  context.diagnostic(`${promises} promises checked after ${kills} kills`)
  assert.ok(promises > kills)
  await rm(directory, { recursive: true })
})

async function checkRows(engine: Engine, lines: readonly string[]): Promise<void> {
  const promised = new Map<string, number>()
  for (const line of lines) {
    const [kind, name = '', turn, , committed] = line.split(' ')
    if (kind !== 'row') continue
    assert.equal(committed, 'true', line)
    promised.set(name, Number(turn))
  }
  for (const [name, last] of promised) {
    const [left, right] = await Promise.all(['left', 'right'].map(async (side) => rowsOf(engine, `${side}/${name}`)))
    assert.ok(left && right)
    assert.ok(left.length > last, `row ${name} ${last} was promised, ${left.length} are there`)
    assert.equal(left.length, right.length, 'both rows of a commit are there or none')
    for (const [turn, value] of left.entries()) {
      const expected = contentOf(`${name}/${turn}`, 500 + ((turn * 97) % 4000))
      assert.ok(expected.equals(value) && expected.equals(right[turn] ?? Buffer.alloc(0)), `row ${name} ${turn}`)
    }
  }
}

async function rowsOf(engine: Engine, partition: string): Promise<Uint8Array[]> {
  const rows: Uint8Array[] = []
  let cursor: string | undefined
  do {
    const page = await engine.table.range({ partition, ...(cursor === undefined ? {} : { cursor }) })
    rows.push(...page.items.map((row) => row.value))
    cursor = page.next
  } while (cursor !== undefined)
  return rows
}

/** A note is in the queue it was sent to or in the one that follows, whole, and never in both. */
async function checkNotes(engine: Engine, round: string, lines: readonly string[]): Promise<void> {
  const inbound = await notesOf(engine, 'inbound', round)
  const delivery = await notesOf(engine, 'delivery', round)
  for (const line of lines) {
    if (!line.startsWith('note ')) continue
    const id = line.slice(5)
    assert.ok(inbound.has(id) || delivery.has(id), `${line} is lost`)
  }
  for (const [id, body] of [...inbound, ...delivery]) assert.ok(contentOf(id, 8000).equals(body), `note ${id} is whole`)
  for (const id of inbound.keys()) assert.ok(!delivery.has(id), `note ${id} is in both queues`)
}

async function notesOf(engine: Engine, queue: QueueName, round: string): Promise<Map<string, Uint8Array>> {
  const notes = new Map<string, Uint8Array>()
  let cursor: string | undefined
  do {
    const page = await engine.queue.list(queue, cursor)
    for (const note of page.items) if (note.id.startsWith(`${round}-`)) notes.set(note.id, note.body)
    cursor = page.next
  } while (cursor !== undefined)
  return notes
}

async function checkBlobs(engine: Engine, round: string, lines: readonly string[]): Promise<void> {
  const { items } = await engine.blobs.list(`${round}/`)
  const found = new Map(items.map((blob) => [blob.key, blob.sizeBytes]))
  for (const line of lines) {
    const [kind, key = '', sizeBytes] = line.split(' ')
    if (kind === 'blob') assert.equal(found.get(key), Number(sizeBytes), line)
  }
  for (const { key, sizeBytes, metadata } of items) {
    assert.equal(metadata.sizeBytes, String(sizeBytes))
    const content = await engine.blobs.readBytes(key)
    assert.ok(content && contentOf(key, sizeBytes).equals(content), `blob ${key} is whole`)
  }
}

/** The state said last, or one of those that follow: one line may be cut off and one change may be unsaid. */
async function checkReplaced(engine: Engine, seed: number, lines: readonly string[]): Promise<void> {
  const said = lines.filter((line) => line.startsWith('replaced '))
  if (said.length === 0) return
  const sizeBytes = (await engine.blobs.info('replaced'))?.sizeBytes
  const possible = [said.length - 1, said.length, said.length + 1].map((turn) => replacedSize(seed, turn))
  assert.ok(possible.includes(sizeBytes), `replaced blob has ${sizeBytes} octets, not one of ${possible.join()}`)
  if (sizeBytes === undefined) return
  const content = await engine.blobs.readBytes('replaced')
  assert.ok(content && contentOf(String(sizeBytes), sizeBytes).equals(content), 'the replaced blob is whole')
}

/** No file without a blob: strays of the dead process were swept when the engine was opened. */
async function checkFiles(engine: Engine, directory: string): Promise<void> {
  const files = (await readdir(join(directory, 'blobs'), { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile())
  let large = 0
  let cursor: string | undefined
  do {
    const page = await engine.blobs.list('', cursor)
    large += page.items.filter((blob) => blob.sizeBytes > settings.inlineBlobBytes).length
    cursor = page.next
  } while (cursor !== undefined)
  assert.equal(files.length, large)
}
