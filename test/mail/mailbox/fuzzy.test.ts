import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fuzzyScore, isNear } from '#lib/mail/mailbox/fuzzy.ts'

/** Least changes, additions, omissions and swaps of neighbours, by the table of all beginnings. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min((rows[i - 1]?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (rows[i - 1]?.[j - 1] ?? 0) + Number(a[i - 1] !== b[j - 1]))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (rows[i - 2]?.[j - 2] ?? 0) + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? 0
}

test('Words are near when few changes make one of the other', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
  fc.assert(
    fc.property(word, word, fc.nat(2), (a, b, changes) => {
      assert.equal(isNear(a, b, changes), distance(a, b) <= changes, `${a} ${b} ${changes}`)
    }),
    { numRuns: 20_000, seed: 20_261_125 },
  )
})

test('A text fits when it has every word, as a part or spelt a little differently', () => {
  assert.equal(fuzzyScore(['the quarterly report'], 'report quarter'), 100)
  assert.equal(fuzzyScore(['the quaterly report'], 'report quarterly'), 80)
  assert.equal(fuzzyScore(['the quarterly report'], 'report yearly'), 0)
  assert.equal(fuzzyScore(['cat'], 'car'), 0)
  assert.equal(fuzzyScore(['a - b'], ' - '), 100)
})
