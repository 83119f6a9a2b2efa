import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionPool } from '#lib/mail/outbound/pool.ts'

const settings = { connectionsPerDestination: 2, messagesPerConnection: 100, idleMs: 1000, placeMs: 1, downMs: 1000 }

test('those sent away after a slow spell come back while there is still room for them, and each at a time of its own', async () => {
  let now = 1_000_000
  const pool = new ConnectionPool(settings, { now: () => now }, 100)
  const others = await pool.place('slow')
  for (let turn = 0; turn < 5; turn++) {
    const place = await pool.place('slow')
    now += 60_000
    place?.leave()
  }
  const times = Array.from({ length: 100 }, () => pool.timeToReturn('slow'))
  assert.ok(times.every((time) => time > now && time <= now + 3000), times.join(' '))
  assert.ok(new Set(times).size > 90, times.join(' '))
  others?.leave()
  await pool.close()
})
