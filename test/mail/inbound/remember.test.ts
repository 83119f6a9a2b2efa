import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberFor } from '#lib/mail/inbound/remember.ts'

test('an answer is kept for its time; nothing, and a failure, is asked for again', async () => {
  let now = 0
  const asked: string[] = []
  const answers: Record<string, string | undefined> = { a: 'one' }
  const ask = rememberFor(1000, { now: () => now }, async (key) => {
    asked.push(key)
    if (key === 'bad') throw new Error('throttled')
    return answers[key]
  })
  assert.deepEqual(await Promise.all([ask('a'), ask('a'), ask('a')]), ['one', 'one', 'one'])
  answers['a'] = 'two'
  now = 999
  assert.equal(await ask('a'), 'one')
  now = 1000
  assert.equal(await ask('a'), 'two')
  assert.deepEqual(asked, ['a', 'a'])
  assert.deepEqual([await ask('none'), await ask('none')], [undefined, undefined])
  await assert.rejects(ask('bad'), /throttled/)
  await assert.rejects(ask('bad'), /throttled/)
  assert.deepEqual(asked.slice(2), ['none', 'none', 'bad', 'bad'])
})
