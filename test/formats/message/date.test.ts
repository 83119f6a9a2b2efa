import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDate } from '#lib/formats/message/date.ts'

const cases: readonly (readonly [date: string, iso: string | undefined])[] = [
  ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06.000Z'],
  ['21 Nov 1997 09:55 -0600', '1997-11-21T15:55:00.000Z'],
  ['Fri,21 Nov 1997 09(comment):55:06 -0600 (CST)', '1997-11-21T15:55:06.000Z'],
  ['Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)', '1969-02-14T03:02:00.000Z'],
  ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06.000Z'],
  ['1 Jan 05 00:00:00 UT', '2005-01-01T00:00:00.000Z'],
  ['1 Jan 104 00:00:00 +0000', '2004-01-01T00:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00 EDT', '2020-07-01T16:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00 PST', '2020-07-01T20:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00 Z', '2020-07-01T12:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00 A', '2020-07-01T12:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00 GMT+0200', '2020-07-01T10:00:00.000Z'],
  ['Wed, 1 Jul 2020 12:00:00', '2020-07-01T12:00:00.000Z'],
  ['Thu Jan  2 15:04:05 2006', '2006-01-02T15:04:05.000Z'],
  ['Mon, 29 Feb 2016 10:00:00 +0000', '2016-02-29T10:00:00.000Z'],
  ['Sun, 29 Feb 2015 10:00:00 +0000', undefined],
  ['31 Nov 2015 10:00:00 +0000', undefined],
  ['1 Foo 2015 10:00:00 +0000', undefined],
  ['1 Jan 2015 25:00:00 +0000', undefined],
  ['yesterday', undefined],
  ['', undefined],
]

for (const [date, iso] of cases) {
  test(`the date ${JSON.stringify(date)} is ${iso ?? 'no date'}`, () => {
    const ms = parseDate(date)
    assert.equal(ms === undefined ? undefined : new Date(ms).toISOString(), iso)
  })
}
