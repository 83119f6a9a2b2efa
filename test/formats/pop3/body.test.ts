import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DotStuffing } from '#lib/formats/pop3/dots.ts'
import { TopCut } from '#lib/formats/pop3/top.ts'

const seed = 20_260_101

/** The same octets cut at these places. */
function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b)
  return places.slice(1).map((end, index) => Buffer.from(text.slice(places[index], end), 'latin1'))
}

function stuffed(text: string, cuts: readonly number[] = []): string {
  const dots = new DotStuffing()
  const body = pieces(text, cuts).flatMap((piece) => dots.stuff(piece))
  return Buffer.concat(body).toString('latin1') + dots.end()
}

function top(text: string, lines: number, cuts: readonly number[] = []): string {
  const cut = new TopCut(lines)
  return Buffer.concat(pieces(text, cuts).map((piece) => cut.take(piece))).toString('latin1')
}

test('dots at line starts are doubled and the end can be seen', () => {
  const table: readonly (readonly [string, string])[] = [
    ['', '.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\n', 'a\n\r\n.\r\n'],
    ['a\r', 'a\r\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['a.\r\n..b\r\n.\r\n', 'a.\r\n...b\r\n..\r\n.\r\n'],
    ['a\n.\nb\r\n', 'a\n..\nb\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
  ]
  for (const [text, sent] of table) assert.equal(stuffed(text), sent, JSON.stringify(text))
})

const text = fc.string({ unit: fc.constantFrom('\r\n', '\r\n', '\n', '\r', '.', '.', 'a', ' '), maxLength: 30 })
const cuts = fc.array(fc.nat(60), { maxLength: 8 })

test('however a message is cut into chunks, the same goes out, and a client reads it back', () => {
  fc.assert(
    fc.property(text, cuts, (message, places) => {
      const sent = stuffed(message, places)
      assert.equal(sent, stuffed(message))
      const end = sent.indexOf('\r\n.\r\n')
      const body = sent === '.\r\n' ? '' : sent.slice(0, end + 2)
      assert.equal(body.length + 3, sent.length, 'the end is seen once only')
      const read = body.replace(/(^|\n)\./g, '$1')
      assert.equal(read, message === '' || message.endsWith('\r\n') ? message : `${message}\r\n`)
    }),
    { seed, numRuns: 3000 },
  )
})

test('TOP ends behind the header or the wanted lines, wherever chunks end', () => {
  const message = 'A: b\r\nC: d\r\n\r\n1\r\n\r\n3\r\n'
  assert.equal(top(message, 0), 'A: b\r\nC: d\r\n\r\n')
  assert.equal(top(message, 1), 'A: b\r\nC: d\r\n\r\n1\r\n')
  assert.equal(top(message, 2), 'A: b\r\nC: d\r\n\r\n1\r\n\r\n')
  assert.equal(top(message, 9), message)
  assert.equal(top('\r\nbody\r\n', 0), '\r\n')
  assert.equal(top('no body', 5), 'no body')
  assert.equal(top('', 5), '')
})

test('TOP agrees with a plain reading of the whole message', () => {
  fc.assert(
    fc.property(text, fc.nat(5), cuts, (message, lines, places) => {
      const split = message.split(/(?<=\n)/)
      const blank = split.findIndex((line) => /^\r?\n$/.test(line))
      const expected = blank < 0 ? message : split.slice(0, blank + 1 + lines).join('')
      assert.equal(top(message, lines, places), expected)
    }),
    { seed, numRuns: 3000 },
  )
})
