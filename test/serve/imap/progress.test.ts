import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { Output } from '#lib/serve/output.ts'
import { searchProgress } from '#lib/serve/imap/progress.ts'
import { PassThrough } from 'node:stream'

test('A search that takes long says every ten seconds how far it is', () => {
  let now = 0
  const stream = new PassThrough()
  const progress = searchProgress({ deps: { clock: { ...systemClock, now: () => now } }, output: new Output(stream, 1000) }, 'a "1"')
  for (const [at, done] of [[5000, 10], [10_000, 20], [15_000, 30], [20_001, 40], [40_000, 100]] as const) {
    now = at
    progress(done, 100)
  }
  assert.equal(String(stream.read()), '* OK [INPROGRESS ("a \\"1\\"" 20 100)] Still reading messages\r\n* OK [INPROGRESS ("a \\"1\\"" 40 100)] Still reading messages\r\n')
})
