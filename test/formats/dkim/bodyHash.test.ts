import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { BodyHash } from '#lib/formats/dkim/bodyHash.ts'

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('base64')

function hashOf(...chunks: string[]): string {
  const hash = new BodyHash()
  for (const chunk of chunks) hash.update(Buffer.from(chunk, 'latin1'))
  return hash.digest()
}

const table: readonly (readonly [what: string, body: string, relaxed: string])[] = [
  ['an empty body is hashed as nothing', '', ''],
  ['so is one of empty lines', '\r\n\r\n\r\n', ''],
  ['and one of white space', ' \t\r\n  \r\n\t', ''],
  ['white space inside a line becomes one space, at its end nothing', 'a \t b\t \r\n', 'a b\r\n'],
  ['white space at the beginning of a line stays as one space', '\t \ta\r\n', ' a\r\n'],
  ['empty lines at the end do not count', 'a\r\n\r\n \r\n\r\n', 'a\r\n'],
  ['empty lines in the middle do', 'a\r\n\r\n\r\nb\r\n', 'a\r\n\r\n\r\nb\r\n'],
  ['a missing last line end is added', 'a', 'a\r\n'],
  ['behind white space too', 'a \t', 'a\r\n'],
  ['octets above 127 are octets', 'gr\xfc\xdfe\xa0\r\n', 'gr\xfc\xdfe\xa0\r\n'],
  ['a bare CR is content', 'a\r', 'a\r\r\n'],
  ['a bare CR behind a space is content', 'a \rb\r\n', 'a \rb\r\n'],
]
for (const [what, body, relaxed] of table) {
  test(`body hash: ${what}`, () => {
    assert.equal(hashOf(body), sha256(relaxed))
    assert.equal(hashOf(...body), sha256(relaxed))
  })
}

test('the body hash does not depend on how the body is cut', () => {
  const pieces = fc.array(fc.constantFrom('a', ' ', '\t', '\r\n', '\r\n\r\n', 'bc d', '\xe4', '\r'), { maxLength: 40 })
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(60), { maxLength: 8 }), (words, cuts) => {
      const body = words.join('')
      const places = [0, ...cuts.map((cut) => Math.min(cut, body.length)).sort((a, b) => a - b), body.length]
      const chunks = places.slice(1).map((end, i) => body.slice(places[i], end))
      assert.equal(hashOf(...chunks), hashOf(body))
    }),
    { numRuns: 500, verbose: true },
  )
})

test('a body of a million empty lines is no load', () => {
  assert.equal(hashOf('a', ...Array.from({ length: 100 }, () => '\r\n'.repeat(10_000))), sha256('a\r\n'))
  assert.equal(hashOf('a', '\r\n'.repeat(300_000), 'b'), sha256(`a${'\r\n'.repeat(300_000)}b\r\n`))
})
