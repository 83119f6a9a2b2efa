import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTime } from '../../bin/when.ts'

/** A Thursday, in the time zone of this machine. */
const now = new Date(2026, 10, 26, 15, 30, 20, 500).getTime()
const local = (day: number, hour = 0, minute = 0, second = 0) => new Date(2026, 10, day, hour, minute, second).getTime()

test('times are read as people write them', () => {
  const wanted: readonly (readonly [text: string, time: number])[] = [
    ['now', now],
    ['2026-11-24', local(24)],
    ['2026-11-24 14:05', local(24, 14, 5)],
    ['2026-11-24T14:05:07', local(24, 14, 5, 7)],
    ['2026-11-24T14:05:07Z', Date.UTC(2026, 10, 24, 14, 5, 7)],
    ['2026-11-24 14:05:07.250+0130', Date.UTC(2026, 10, 24, 12, 35, 7, 250)],
    ['14:05', local(26, 14, 5)],
    ['today 9:00', local(26, 9)],
    ['Yesterday  14:05', local(25, 14, 5)],
    ['yesterday', local(25)],
    ['tuesday 14:05', local(24, 14, 5)],
    ['Tue', local(24)],
    ['thursday 15:00', local(19, 15)],
    ['friday', local(20)],
    ['2 hours ago', now - 2 * 3_600_000],
    ['an hour ago', now - 3_600_000],
    ['90 minutes ago', now - 5_400_000],
    ['1 week ago', now - 7 * 86_400_000],
  ]
  for (const [text, time] of wanted) assert.equal(readTime(text, now), time, text)
})

test('what is no time, or one to come, is refused with what would be', () => {
  for (const text of ['', 'soon', 'tomorrow', '2 fortnights ago', '25:00', 'yesterday 14:60', '2026-02-30', '2026-13-01', '24.11.2026', 'hours ago', 'someday 14:05', 'aday']) assert.throws(() => readTime(text, now), /Times are written like/, text)
  for (const text of ['23:00', '2026-11-27', '2099-01-01T00:00:00Z']) assert.throws(() => readTime(text, now), /still to come/, text)
})
