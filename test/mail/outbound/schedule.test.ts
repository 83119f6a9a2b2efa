import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig } from '#lib/config.ts'
import { nextStep } from '#lib/mail/outbound/schedule.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const { outbound } = defaultConfig()

/** Every try of a message that nobody ever takes, in ms since it was received. */
function triesOf(settings: typeof outbound): { tries: number[]; warned: number[] } {
  const [tries, warned]: [number[], number[]] = [[], []]
  let now = 0
  for (let attempts = 0; attempts < 1000; attempts++) {
    tries.push(now)
    const step = nextStep({ receivedAt: 0, attempts, ...(warned[0] === undefined ? {} : { warnedAt: warned[0] }) }, now, settings)
    if (step.kind === 'give up') return { tries, warned }
    if (step.warn) warned.push(now)
    now = step.at
  }
  throw new Error('never gives up')
}

test('by default: 5, 15, 30 minutes, every 30 to the second hour, then ever more rarely, for 5 days', () => {
  const { tries } = triesOf(outbound)
  assert.deepEqual(tries.slice(0, 7).map((at) => at / minute), [0, 5, 15, 30, 60, 90, 120])
  const waits = tries.slice(7).map((at, i) => at - (tries[i + 6] ?? 0))
  assert.ok(waits.slice(0, -1).every((wait, i) => wait >= (waits[i - 1] ?? 0) && wait <= 4 * hour))
  assert.equal(waits.at(-2), 4 * hour)
  assert.equal(tries.at(-1), 5 * day)
})

test('the sender is warned once, at the first failure behind the time set', () => {
  const { tries, warned } = triesOf(outbound)
  assert.equal(warned.length, 1)
  assert.equal(warned[0], tries.find((at) => at >= 4 * hour))
})

test('the last wait of a short list repeats', () => {
  assert.deepEqual(triesOf({ ...outbound, retryMs: [1000, 3000], expireMs: 10_000 }).tries, [0, 1000, 4000, 7000, 10_000])
})

test('the last try comes when the time is up, not after it and not before', () => {
  assert.deepEqual(nextStep({ receivedAt: 0, attempts: 0 }, 9000, { ...outbound, retryMs: [hour], expireMs: 10_000, warnMs: hour }), { kind: 'retry', at: 10_000, warn: false })
  assert.deepEqual(nextStep({ receivedAt: 0, attempts: 9 }, 10_000, { ...outbound, expireMs: 10_000 }), { kind: 'give up' })
})

test('no wait makes a busy loop', () => {
  assert.deepEqual(nextStep({ receivedAt: 0, attempts: 0 }, 0, { ...outbound, retryMs: [0] }), { kind: 'retry', at: 1000, warn: false })
  assert.deepEqual(nextStep({ receivedAt: 0, attempts: 0 }, 0, { ...outbound, retryMs: [], expireMs: hour }), { kind: 'retry', at: hour, warn: false })
})
