import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { PortLimitError, portLimits } from '#lib/engine/ports.ts'
import type { Change, CommitOutcome, RangeRequest, Table } from '#lib/engine/ports.ts'
import { bytes, text } from './setup.ts'
import type { OpenEngine, OpenedEngine } from './setup.ts'

const put = (partition: string, sort: string, value = 'v', onlyIf?: Change['onlyIf']): Change => ({ put: { partition, sort }, value: bytes(value), ...(onlyIf === undefined ? {} : { onlyIf }) })
const remove = (partition: string, sort: string, onlyIf?: Change['onlyIf']): Change => ({ delete: { partition, sort }, ...(onlyIf === undefined ? {} : { onlyIf }) })
const committed: CommitOutcome = { committed: true }

async function sorts(table: Table, request: RangeRequest): Promise<string[]> {
  const found: string[] = []
  let cursor: string | undefined
  do {
    const page = await table.range({ ...request, ...(cursor === undefined ? {} : { cursor }) })
    assert.ok(request.limit === undefined || page.items.length <= request.limit)
    found.push(...page.items.map((row) => row.sort))
    cursor = page.next
  } while (cursor !== undefined)
  return found
}

/** What an emulator in the place of an engine's service cannot show, and why. */
export interface TableTraits {
  /** That transactions which race are atomic. */
  readonly unlocked?: string
  /** That a commit may have its full size. */
  readonly countsJson?: string
}

export function tableContract(name: string, open: OpenEngine, traits: TableTraits = {}): void {
  describe(`Table of ${name}`, () => {
    let opened: OpenedEngine
    let table: Table
    before(async () => {
      opened = await open()
      table = opened.engine.table
    })
    after(async () => opened.dispose())

    it('gives back what was put, and nothing for what was not', async () => {
      assert.deepEqual(await table.commit([put('get', 'a', 'one')]), committed)
      assert.equal(text(await table.get({ partition: 'get', sort: 'a' })), 'one')
      assert.equal(await table.get({ partition: 'get', sort: 'b' }), undefined)
      assert.equal(await table.get({ partition: 'ge', sort: 'a' }), undefined)
    })

    it('keeps an empty value apart from no value', async () => {
      await table.commit([put('empty', 'a', '')])
      assert.equal((await table.get({ partition: 'empty', sort: 'a' }))?.length, 0)
      assert.deepEqual(await table.commit([put('empty', 'a', 'x', 'absent')]), { committed: false, failed: 0 })
    })

    it('replaces and deletes without a condition, also what is not there', async () => {
      await table.commit([put('replace', 'a', '1')])
      await table.commit([put('replace', 'a', '2'), remove('replace', 'never')])
      assert.equal(text(await table.get({ partition: 'replace', sort: 'a' })), '2')
      assert.deepEqual(await table.commit([remove('replace', 'a')]), committed)
      assert.equal(await table.get({ partition: 'replace', sort: 'a' }), undefined)
    })

    for (const { condition, onNothing, onSame, onOther } of [
      { condition: 'absent' as const, onNothing: true, onSame: false, onOther: false },
      { condition: 'present' as const, onNothing: false, onSame: true, onOther: true },
      { condition: { equals: bytes('same') }, onNothing: false, onSame: true, onOther: false },
    ]) {
      const label = typeof condition === 'string' ? condition : 'equals'
      for (const [there, holds] of [[undefined, onNothing], ['same', onSame], ['sam', onOther], ['same!', onOther]] as const) {
        it(`${holds ? 'makes' : 'refuses'} a change only if ${label} on ${there ?? 'no row'}`, async () => {
          const partition = `condition/${label}/${there ?? 'none'}`
          for (const change of [put(partition, 'row', 'new', condition), remove(partition, 'row', condition)]) {
            await table.commit([there === undefined ? remove(partition, 'row') : put(partition, 'row', there)])
            assert.deepEqual(await table.commit([change]), holds ? committed : { committed: false, failed: 0 })
            const expected = holds ? ('put' in change ? 'new' : undefined) : there
            assert.equal(text(await table.get({ partition, sort: 'row' })), expected)
          }
        })
      }
    }

    it('makes all changes of a commit or none, and names one that failed', async () => {
      await table.commit([put('all', 'taken', 'old')])
      const outcome = await table.commit([put('all', 'a'), put('other', 'b'), put('all', 'taken', 'new', 'absent'), remove('all', 'c')])
      assert.deepEqual(outcome, { committed: false, failed: 2 })
      assert.deepEqual(await sorts(table, { partition: 'all' }), ['taken'])
      assert.deepEqual(await sorts(table, { partition: 'other' }), [])
      assert.deepEqual(await table.commit([put('all', 'a', 'v', 'absent'), put('other', 'b', 'v', 'absent'), remove('all', 'taken', 'present')]), committed)
      assert.deepEqual(await sorts(table, { partition: 'all' }), ['a'])
    })

    it('orders rows by the octets of UTF-8, not by UTF-16 units', async () => {
      const keys = ['a', 'A', 'aa', 'b', 'é', '~', '\u{ffff}', '\u{10000}', '\u{e000}', '\x01', '10', '9']
      await table.commit(keys.map((sort) => put('order', sort)))
      const byOctets = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      assert.deepEqual(await sorts(table, { partition: 'order' }), byOctets)
      assert.deepEqual(await sorts(table, { partition: 'order', backward: true, limit: 3 }), byOctets.toReversed())
    })

    it('keeps partitions apart whose names begin alike', async () => {
      await table.commit([put('p', 'x'), put('p/', 'x1'), put('p\x01', 'x2'), put('px', 'x3'), put('p', 'z')])
      assert.deepEqual(await sorts(table, { partition: 'p' }), ['x', 'z'])
      assert.deepEqual(await sorts(table, { partition: 'p', backward: true }), ['z', 'x'])
      assert.deepEqual(await sorts(table, { partition: 'p\x01' }), ['x2'])
      assert.deepEqual(await sorts(table, { partition: 'nobody' }), [])
    })

    it('reads any range like a sorted list, in both directions, by pages of any size', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => String(index * 2).padStart(3, '0'))
      for (let at = 0; at < keys.length; at += 20) await table.commit(keys.slice(at, at + 20).map((sort) => put('range', sort)))
      const bound = fc.option(fc.nat(90).map((value) => String(value).padStart(3, '0')), { nil: undefined })
      await fc.assert(
        fc.asyncProperty(bound, bound, fc.boolean(), fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }), async (from, to, backward, limit) => {
          const expected = keys.filter((key) => (from === undefined || key >= from) && (to === undefined || key < to))
          const request = { partition: 'range', backward, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), ...(limit === undefined ? {} : { limit }) }
          assert.deepEqual(await sorts(table, request), backward ? expected.toReversed() : expected)
        }),
        { numRuns: 150 },
      )
    })

    it('says at the end of the rows that no page follows, even when the last page is full', async () => {
      await table.commit([put('last', 'a'), put('last', 'b')])
      assert.equal((await table.range({ partition: 'last', limit: 2 })).next, undefined)
      assert.equal((await table.range({ partition: 'last', limit: 2, backward: true })).next, undefined)
      assert.notEqual((await table.range({ partition: 'last', limit: 1 })).next, undefined)
    })

    it('goes on behind the cursor when rows before and behind it change', async () => {
      await table.commit(['b', 'd', 'f'].map((sort) => put('moving', sort)))
      const { next } = await table.range({ partition: 'moving', limit: 2 })
      assert.ok(next)
      await table.commit([remove('moving', 'd'), put('moving', 'a'), put('moving', 'e')])
      assert.deepEqual((await table.range({ partition: 'moving', cursor: next })).items.map((row) => row.sort), ['e', 'f'])
    })

    it('gives pages of at most about 1 MB', async () => {
      const value = 'x'.repeat(300 * 1024)
      for (const sort of ['1', '2', '3', '4', '5', '6', '7', '8']) await table.commit([put('pages', sort, value)])
      const page = await table.range({ partition: 'pages' })
      assert.ok(page.items.length >= 1 && page.items.length <= 4, `${page.items.length} rows`)
      assert.equal((await sorts(table, { partition: 'pages' })).length, 8)
    })

    it('takes commits, values and keys up to their limits', async () => {
      const value = 'x'.repeat(portLimits.valueBytes)
      assert.deepEqual(await table.commit([put('p'.repeat(portLimits.partitionBytes), 's'.repeat(portLimits.sortBytes), value)]), committed)
      assert.equal((await table.get({ partition: 'p'.repeat(portLimits.partitionBytes), sort: 's'.repeat(portLimits.sortBytes) }))?.length, portLimits.valueBytes)
      assert.deepEqual(await table.commit(Array.from({ length: portLimits.commitChanges }, (_, index) => put('limits', String(index)))), committed)
    })

    it('takes a commit of many large values', { skip: traits.countsJson ?? false }, async () => {
      const value = 'x'.repeat(portLimits.valueBytes)
      assert.deepEqual(await table.commit(Array.from({ length: 11 }, (_, index) => put('large', String(index), value))), committed)
    })

    const tooMuch: Record<string, Change[]> = {
      'more changes than allowed': Array.from({ length: portLimits.commitChanges + 1 }, (_, index) => put('beyond', String(index))),
      'a value beyond its limit': [put('beyond', 'a', 'x'.repeat(portLimits.valueBytes + 1))],
      'more octets than allowed': Array.from({ length: 12 }, (_, index) => put('beyond', String(index), 'x'.repeat(portLimits.valueBytes))),
      'a partition key beyond its limit': [put('é'.repeat(portLimits.partitionBytes / 2) + 'x', 'a')],
      'a sort key beyond its limit': [put('beyond', 'é'.repeat(portLimits.sortBytes / 2) + 'x')],
      'an empty partition key': [put('', 'a')],
      'an empty sort key': [put('beyond', '')],
      'a NUL in a key': [put('beyond', 'a\0b')],
      'half a surrogate pair in a key': [put('beyond', 'a\ud800')],
      'the same key twice': [put('beyond', 'a'), remove('beyond', 'a')],
    }
    for (const [what, changes] of Object.entries(tooMuch)) {
      it(`refuses ${what} and changes nothing`, async () => {
        await assert.rejects(table.commit(changes), PortLimitError)
        assert.deepEqual(await sorts(table, { partition: 'beyond' }), [])
      })
    }

    it('takes a commit of nothing', async () => {
      assert.deepEqual(await table.commit([]), committed)
    })

    it('lets one of many win who want the same row', { skip: traits.unlocked ?? false }, async () => {
      const outcomes = await Promise.all(Array.from({ length: 40 }, async (_, index) => table.commit([put('race', 'row', String(index), 'absent'), put('race', `mine-${index}`)])))
      const winners = outcomes.flatMap((outcome, index) => (outcome.committed ? [index] : []))
      assert.equal(winners.length, 1)
      assert.equal(text(await table.get({ partition: 'race', sort: 'row' })), String(winners[0]))
      assert.deepEqual(await sorts(table, { partition: 'race' }), [`mine-${winners[0]}`, 'row'])
    })

    it('loses no update when many count with equals', async () => {
      await table.commit([put('count', 'n', '0')])
      const countUp = async () => {
        for (;;) {
          const now = await table.get({ partition: 'count', sort: 'n' })
          assert.ok(now)
          if ((await table.commit([put('count', 'n', String(Number(text(now)) + 1), { equals: now })])).committed) return
        }
      }
      await Promise.all(Array.from({ length: 8 }, async () => { for (let turn = 0; turn < 10; turn++) await countUp() }))
      assert.equal(text(await table.get({ partition: 'count', sort: 'n' })), '80')
    })

    it('shows a commit to every read after it', async () => {
      for (let turn = 0; turn < 50; turn++) {
        await table.commit([put('fresh', 'row', String(turn))])
        assert.equal(text(await table.get({ partition: 'fresh', sort: 'row' })), String(turn))
        assert.equal(text((await table.range({ partition: 'fresh' })).items[0]?.value), String(turn))
      }
    })
  })
}
