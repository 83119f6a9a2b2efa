import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '#lib/mail/mailbox/entry.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { positionOf } from '#lib/mail/events/since.ts'
import { entryKey } from '#lib/mail/mailbox/logKeys.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'

const minute = 60_000

async function logOf(times: readonly number[]) {
  const engine = memoryEngine()
  for (const [place, at] of times.entries()) {
    const entry: Entry = { at, writer: 'w', changes: [{ kind: 'subscribe', name: 'INBOX', on: true }] }
    await engine.table.commit([{ put: entryKey('a', place + 1), value: encodeEntry(entry) }])
  }
  engine.forgetCalls()
  return engine
}

describe('the position of a time', () => {
  it('is that of the first entry of that time or later', async () => {
    const { table } = await logOf([10, 20, 30, 40].map((n) => n * 100 * minute))
    for (const [since, position] of [[0, 1], [1000, 1], [1001, 2], [3000, 3], [4000, 4], [4001, undefined]] as const) assert.equal(await positionOf(table, 'a', since * minute), position, String(since))
    assert.equal(await positionOf(table, 'nobody', 0), undefined)
  })

  it('is not missed where another program\'s clock was behind', async () => {
    const { table } = await logOf([100, 205, 198, 206, 300].map((n) => n * minute))
    assert.equal(await positionOf(table, 'a', 200 * minute), 2)
  })

  it('is found by reading what is new, not the whole log', async () => {
    const { table, calls } = await logOf(Array.from({ length: 1000 }, (_, n) => n * 100 * minute))
    assert.equal(await positionOf(table, 'a', 95_000 * minute), 951)
    assert.equal(calls.range, 1)
  })
})
