import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DataReader } from '#lib/formats/smtp/data.ts'
import type { DataOptions } from '#lib/formats/smtp/data.ts'

/** Reads all of the pieces; what came out, where it ended (offset over all pieces), what was wrong. */
function readPieces(pieces: readonly Buffer[], options: DataOptions) {
  const reader = new DataReader(options)
  const out: Buffer[] = []
  let before = 0
  let end = -1
  for (const piece of pieces) {
    const found = reader.read(piece, 0, out)
    if (found !== -1) {
      end = before + found
      break
    }
    before += piece.length
  }
  if (options.framing === 'counted') reader.finish(out)
  const { bareCr, bareLf, nul, longestLineBytes } = reader
  return { text: Buffer.concat(out).toString('latin1'), end, bareCr, bareLf, nul, longestLineBytes }
}

const dots: DataOptions = { framing: 'dots', bareLineEnds: 'keep' }

const cases: [given: string, text: string, end: number][] = [
  ['.\r\n', '', 3],
  ['a\r\n.\r\nb', 'a\r\n', 6],
  ['..\r\n.\r\n', '.\r\n', 7],
  ['.a\r\n...\r\n.\r\n', 'a\r\n..\r\n', 12],
  ['a\r\n.\r', 'a\r\n', -1],
  ['a\n.\r\n', 'a\n.\r\n', -1],
  ['\r\n.\rx', '\r\n\rx', -1],
  ['a.\r\n.b\r\n.\r\n', 'a.\r\nb\r\n', 11],
]
for (const [given, text, end] of cases) {
  test(`dot transparency: ${JSON.stringify(given)}`, () => {
    const read = readPieces([Buffer.from(given)], dots)
    assert.deepEqual([read.text, read.end], [text, end])
  })
}

/** Octets that matter, more often than others. */
const octets = fc.array(fc.constantFrom(13, 10, 46, 0, 97, 255), { maxLength: 60 }).map((list) => Buffer.from(list))
const places = fc.array(fc.nat(60), { maxLength: 10 })

function cut(buffer: Buffer, at: readonly number[]): Buffer[] {
  const sorted = [...new Set(at)].filter((place) => place < buffer.length).sort((a, b) => a - b)
  return [0, ...sorted].map((from, i) => buffer.subarray(from, sorted[i] ?? buffer.length))
}

for (const framing of ['dots', 'counted'] as const) {
  for (const bareLineEnds of ['keep', 'repair'] as const) {
    const options = { framing, bareLineEnds }
    test(`chunks do not matter: ${framing}, ${bareLineEnds}`, () => {
      fc.assert(fc.property(octets, places, (buffer, at) => assert.deepEqual(readPieces(cut(buffer, at), options), readPieces([buffer], options))), { numRuns: 3000 })
    })
  }
}

test('what the reader says agrees with a reading of the whole by expressions', () => {
  fc.assert(
    fc.property(octets, (buffer) => {
      const given = `\r\n${buffer.toString('latin1')}`
      const end = given.indexOf('\r\n.\r\n')
      const message = end === -1 ? given.slice(2) : given.slice(2, end + 2)
      const read = readPieces([buffer], dots)
      assert.equal(read.end, end === -1 ? -1 : end + 3)
      if (end === -1) return
      assert.equal(read.text, `\r\n${message}`.replace(/\r\n\./g, '\r\n').slice(2))
      assert.equal(read.bareLf, /(?<!\r)\n/.test(message))
      assert.equal(read.bareCr, /\r(?!\n)/.test(message))
      assert.equal(read.nul, message.includes('\0'))
    }),
    { numRuns: 5000 },
  )
})

test('what comes out of repair has no bare line ends', () => {
  fc.assert(fc.property(octets, (buffer) => assert.doesNotMatch(readPieces([buffer], { framing: 'counted', bareLineEnds: 'repair' }).text, /(?<!\r)\n|\r(?!\n)/)), { numRuns: 3000 })
})

test('the longest line is told without its end', () => {
  const reader = new DataReader(dots)
  reader.read(Buffer.from('abc\r\nabcde\r\nx'), 0, [])
  reader.read(Buffer.from('yz1234'), 0, [])
  assert.equal(reader.longestLineBytes, 5)
  reader.finish([])
  assert.equal(reader.longestLineBytes, 7)
})
