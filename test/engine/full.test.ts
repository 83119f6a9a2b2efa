import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { openAt } from './children.ts'

/** Octets that no compression makes fewer: a disk is to be filled. */
const contentOf = (name: string, sizeBytes: number): Buffer => createHash('shake256', { outputLength: sizeBytes }).update(name).digest()

/** A file system of 6 MB, or undefined when this user may not mount one. */
async function smallDisk(): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'pennypost-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch {
    await rm(directory, { recursive: true })
    return undefined
  }
}

it('A full disk refuses what cannot be written, keeps what was promised, and heals when there is room', async (context) => {
  const disk = await smallDisk()
  if (disk === undefined) return context.skip('only root may mount a small disk')
  const engine = await openAt(disk)
  const put = async (name: string) => engine.table.commit([{ put: { partition: 'p', sort: name }, value: contentOf(name, 100_000), onlyIf: 'absent' }])
  try {
    const kept: string[] = []
    let refusals = 0
    for (let turn = 0; turn < 100 && refusals < 3; turn++) {
      const name = `row${turn}`
      try {
        await put(name)
        kept.push(name)
      } catch (error) {
        assert.ok(error instanceof EngineUnavailableError, String(error))
        assert.equal(await engine.table.get({ partition: 'p', sort: name }), undefined)
        refusals++
      }
    }
    assert.equal(refusals, 3)
    await assert.rejects(engine.queue.send('inbound', [{ id: 'n', body: contentOf('n', 500_000) }]), EngineUnavailableError)
    await assert.rejects(engine.blobs.put('large', Buffer.alloc(3_000_000)), EngineUnavailableError)
    assert.equal(await engine.blobs.info('large'), undefined)
    for (const name of kept) assert.ok(contentOf(name, 100_000).equals((await engine.table.get({ partition: 'p', sort: name })) ?? Buffer.alloc(0)), name)
    execFileSync('mount', ['-o', 'remount,size=40m', disk])
    for (let turn = 0; turn < 20; turn++) assert.deepEqual(await put(`later${turn}`), { committed: true })
    await engine.queue.send('inbound', [{ id: 'n', body: contentOf('n', 500_000) }])
    await engine.blobs.put('large', Buffer.alloc(3_000_000))
    assert.equal((await engine.blobs.info('large'))?.sizeBytes, 3_000_000)
  } finally {
    await engine.close()
    execFileSync('umount', [disk])
    await rm(disk, { recursive: true })
  }
})
