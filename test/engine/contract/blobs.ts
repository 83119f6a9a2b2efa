import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { BlobMissingError, PortLimitError } from '#lib/engine/ports.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { bytes, collect, text } from './setup.ts'
import type { OpenEngine, OpenedEngine } from './setup.ts'

const sizes = { empty: 0, tiny: 1, small: 10_000, middling: 70_000, large: 1_500_000 }

async function* chunked(content: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes)
}

async function* failing(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* chunked(content, 10_000)
  throw new Error('the client went away')
}

async function keysOf(blobs: Blobs, prefix: string): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | undefined
  do {
    const page = await blobs.list(prefix, cursor)
    keys.push(...page.items.map((blob) => blob.key))
    cursor = page.next
  } while (cursor !== undefined)
  return keys
}

export function blobsContract(name: string, open: OpenEngine): void {
  describe(`Blobs of ${name}`, () => {
    let opened: OpenedEngine
    let blobs: Blobs
    before(async () => {
      opened = await open()
      blobs = opened.engine.blobs
    })
    after(async () => opened.dispose())

    for (const [size, sizeBytes] of Object.entries(sizes)) {
      it(`gives back a ${size} blob whole and in parts, from octets and from a stream`, async () => {
        const content = randomBytes(sizeBytes)
        const metadata = { account: 'a1', subject: 'Grüße' }
        for (const [key, source] of [[`whole/${size}`, content], [`stream/${size}`, chunked(content, 9_999)]] as const) {
          assert.deepEqual(await blobs.put(key, source, metadata), { key, sizeBytes, metadata })
          assert.deepEqual(await blobs.info(key), { key, sizeBytes, metadata })
          assert.ok(content.equals((await blobs.readBytes(key)) ?? bytes('none')))
          assert.ok(content.equals(await collect(blobs.readStream(key))))
          for (const [offset, length] of [[0, 1], [1, 5], [sizeBytes - 3, 10], [sizeBytes, 4], [sizeBytes + 10, 4], [0, 0], [100, 65_536]] as const) {
            if (offset < 0) continue
            const expected = content.subarray(offset, offset + length)
            assert.ok(expected.equals((await blobs.readBytes(key, offset, length)) ?? bytes('none')), `${offset}+${length}`)
            assert.ok(expected.equals(await collect(blobs.readStream(key, offset, length))), `${offset}+${length}`)
          }
        }
      })

      it(`keeps nothing of a ${size} blob whose source fails, and leaves the one before`, async () => {
        const key = `failing/${size}`
        await assert.rejects(blobs.put(key, failing(randomBytes(sizeBytes))), /the client went away/)
        assert.equal(await blobs.info(key), undefined)
        assert.deepEqual(await keysOf(blobs, key), [])
        await blobs.put(key, bytes('before'))
        await assert.rejects(blobs.put(key, failing(randomBytes(sizeBytes))), /the client went away/)
        assert.equal(text(await blobs.readBytes(key)), 'before')
      })
    }

    it('replaces a blob by one of any size', async () => {
      for (const sizeBytes of [10, 200_000, 300_000, 20, 0, 400_000]) {
        const content = randomBytes(sizeBytes)
        await blobs.put('replaced', content, { round: String(sizeBytes) })
        assert.ok(content.equals((await blobs.readBytes('replaced')) ?? bytes('none')))
        assert.deepEqual((await blobs.info('replaced'))?.metadata, { round: String(sizeBytes) })
      }
      assert.deepEqual(await keysOf(blobs, 'replaced'), ['replaced'])
    })

    it('knows nothing of a blob that is not there', async () => {
      assert.equal(await blobs.info('nobody'), undefined)
      assert.equal(await blobs.readBytes('nobody'), undefined)
      await assert.rejects(collect(blobs.readStream('nobody')), BlobMissingError)
      await blobs.delete('nobody')
    })

    it('forgets a deleted blob', async () => {
      for (const sizeBytes of [10, 200_000]) {
        await blobs.put('deleted', randomBytes(sizeBytes))
        await blobs.delete('deleted')
        assert.equal(await blobs.info('deleted'), undefined)
        assert.deepEqual(await keysOf(blobs, 'deleted'), [])
      }
    })

    it('goes on reading a large blob that is deleted or replaced meanwhile, or says that it is gone', async () => {
      const content = randomBytes(600_000)
      await blobs.put('moving', content)
      const stream = blobs.readStream('moving')[Symbol.asyncIterator]()
      const chunks = [(await stream.next()).value as Uint8Array]
      await blobs.put('moving', bytes('other'))
      for (let next = await stream.next(); next.done !== true; next = await stream.next()) chunks.push(next.value)
      assert.ok(content.equals(Buffer.concat(chunks)))
    })

    it('lists blobs of all sizes in the order of their keys, by prefix and by pages', async () => {
      const keys = Array.from({ length: 60 }, (_, index) => `list/${createHash('md5').update(String(index)).digest('hex')}`)
      await Promise.all(keys.map(async (key, index) => blobs.put(key, randomBytes(index % 10 === 0 ? 100_000 : 30_000), { index: String(index) })))
      await blobs.put('list', bytes('before'))
      await blobs.put('list0', bytes('behind'))
      assert.deepEqual(await keysOf(blobs, 'list/'), keys.toSorted())
      assert.deepEqual(await keysOf(blobs, 'list/a'), keys.filter((key) => key.startsWith('list/a')).toSorted())
      assert.deepEqual(await keysOf(blobs, 'list/zz'), [])
      const { items } = await blobs.list('list/')
      assert.deepEqual(items[0]?.metadata, { index: String(keys.indexOf(items[0]?.key ?? '')) })
    })

    it('takes any key without leaving its place', async () => {
      const keys = ['../../outside', '/etc/passwd', 'a/../b', '.', '..', 'con', 'é/\u{1f600}', 'white space', 'x'.repeat(1024), 'a\\b', 'a\nb']
      for (const sizeBytes of [5, 100_000]) {
        for (const key of keys) {
          const content = randomBytes(sizeBytes)
          await blobs.put(key, content)
          assert.ok(content.equals((await blobs.readBytes(key)) ?? bytes('none')), key)
          assert.equal((await blobs.info(key))?.key, key)
        }
      }
      for (const key of keys) await blobs.delete(key)
    })

    it('refuses keys and metadata beyond their limits', async () => {
      for (const key of ['', 'x'.repeat(1025), 'a\0b', 'a\ud800']) await assert.rejects(blobs.put(key, bytes('x')), PortLimitError)
      await assert.rejects(blobs.put('metadata', bytes('x'), { long: 'x'.repeat(2100) }), PortLimitError)
      assert.equal(await blobs.info('metadata'), undefined)
    })

    it('takes from a large source no more than it can write', async () => {
      let ahead = 0
      let most = 0
      async function* source(): AsyncGenerator<Uint8Array> {
        for (let chunk = 0; chunk < 200; chunk++) {
          ahead++
          most = Math.max(most, ahead)
          setImmediate(() => ahead--)
          yield Buffer.alloc(64 * 1024, chunk)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const { sizeBytes } = await blobs.put('flow', source())
      assert.equal(sizeBytes, 200 * 64 * 1024)
      assert.ok(most <= 2, `${most} chunks ahead`)
    })

    it('keeps one whole blob when many write the same key', async () => {
      const contents = Array.from({ length: 12 }, (_, index) => Buffer.alloc(index % 2 === 0 ? 1000 : 150_000, index))
      await Promise.all(contents.map(async (content) => blobs.put('contended', content)))
      const kept = await blobs.readBytes('contended')
      assert.ok(kept)
      assert.ok(contents.some((content) => content.equals(kept)))
      assert.equal((await blobs.info('contended'))?.sizeBytes, kept.length)
    })
  })
}
