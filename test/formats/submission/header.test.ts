import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatFields } from '#lib/formats/submission/fix.ts'
import { splitHeader } from '#lib/formats/submission/header.ts'

const split = (text: string) => splitHeader(Buffer.from(text, 'latin1'))

const table: readonly (readonly [what: string, message: string, names: readonly string[], body: string])[] = [
  ['a header and a body', 'A: 1\r\nB: 2\r\n\r\nbody\r\n', ['A', 'B'], 'body\r\n'],
  ['a header alone', 'A: 1\r\nB: 2\r\n', ['A', 'B'], ''],
  ['a header without a last line end', 'A: 1\r\nB: 2', ['A', 'B'], ''],
  ['folded fields', 'A: 1\r\n 2\r\n\t3\r\nB: 4\r\n\r\nx', ['A', 'B'], 'x'],
  ['a continuation of white space alone', 'A: 1\r\n \r\nB: 2\r\n\r\nx', ['A', 'B'], 'x'],
  ['white space before the colon', 'A : 1\r\n\r\nx', ['A '], 'x'],
  ['no header at all', 'Hello you,\r\nA: 1\r\n\r\nx', [], 'Hello you,\r\nA: 1\r\n\r\nx'],
  ['an empty line first', '\r\nbody\r\n', [], 'body\r\n'],
  ['a continuation line first', ' A: 1\r\n\r\nx', [], ' A: 1\r\n\r\nx'],
  ['nothing', '', [], ''],
  ['a line of a mailbox file in front', 'From alice Tue Nov 24 00:00:00 2026\r\nA: 1\r\n\r\nx', ['A'], 'x'],
  ['a text that begins with From', 'From here on\r\nall is text\r\n', [], 'From here on\r\nall is text\r\n'],
]
for (const [what, message, names, body] of table) {
  test(`header split: ${what}`, () => {
    const { fields, bodyAt, fault } = split(message)
    assert.deepEqual([fields.map(({ name }) => name), message.slice(bodyAt), fault], [names, body, undefined])
  })
}

test('a line that is no field among fields is a fault', () => {
  assert.equal(split('A: 1\r\nno field\r\nB: 2\r\n\r\nx').fault, 'no field')
  assert.equal(split('A: 1\r\n: 2\r\n\r\nx').fault, ': 2')
  assert.equal(split('A: 1\r\nB\xfc: 2\r\n\r\nx').fault, 'B\xfc: 2')
})

test('fields put together again are the header, octet for octet', () => {
  const value = fc.stringMatching(/^[ -~\x80-\xff]{0,20}(?:\r\n[ \t][ -~]{0,10}){0,2}$/)
  const field = fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8} ?$/), value).map(([name, text]) => `${name}:${text}\r\n`)
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), fc.stringMatching(/^[ -~\r\n]{0,30}$/), (header, body) => {
      const message = `${header.join('')}\r\n${body}`
      const { fields, bodyAt } = split(message)
      assert.equal(fields.length, header.length)
      assert.equal(`${formatFields(fields).toString('latin1')}\r\n${message.slice(bodyAt)}`, message)
    }),
    { numRuns: 500, verbose: true },
  )
})

test('whatever octets come, a split ends and loses nothing of the body', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const { bodyAt } = splitHeader(Buffer.from(octets))
      assert.ok(bodyAt >= 0 && bodyAt <= octets.length)
    }),
    { numRuns: 1000, verbose: true },
  )
})
