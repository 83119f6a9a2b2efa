import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { BadReplyError, ReplyReader, replyText } from '#lib/formats/smtp/serverReply.ts'

function readAll(text: string, cuts: readonly number[] = [], limit = 1000): Reply[] {
  const reader = new ReplyReader(limit)
  const octets = Buffer.from(text, 'latin1')
  const replies: Reply[] = []
  const bounds = [0, ...[...cuts].map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
  for (let i = 1; i < bounds.length; i++) {
    reader.add(octets.subarray(bounds[i - 1], bounds[i]))
    for (let reply = reader.next(); reply !== undefined; reply = reader.next()) replies.push(reply)
  }
  return replies
}

const cases: [sentence: string, text: string, wanted: Reply[]][] = [
  ['a reply of one line', '250 2.1.0 Sender ok\r\n', [{ code: 250, enhancedCode: '2.1.0', lines: ['2.1.0 Sender ok'] }]],
  ['a reply of several lines', '550-5.1.1 No such\r\n550 5.1.1 user\r\n', [{ code: 550, enhancedCode: '5.1.1', lines: ['5.1.1 No such', '5.1.1 user'] }]],
  ['a code without text', '354\r\n', [{ code: 354, lines: [''] }]],
  ['a line that ends with LF alone', '250-a\n250 b\n', [{ code: 250, lines: ['a', 'b'] }]],
  ['several replies at once', '250 a\r\n251 b\r\n', [{ code: 250, lines: ['a'] }, { code: 251, lines: ['b'] }]],
  ['an enhanced code alone', '421 4.3.2\r\n', [{ code: 421, enhancedCode: '4.3.2', lines: ['4.3.2'] }]],
  ['an enhanced code of another class is none', '450 5.1.1 x\r\n', [{ code: 450, lines: ['5.1.1 x'] }]],
  ['a version number is no enhanced code', '220 5.7.1234 x\r\n', [{ code: 220, lines: ['5.7.1234 x'] }]],
  ['an unfinished reply is none yet', '250-a\r\n250 b', []],
]
for (const [sentence, text, wanted] of cases) test(sentence, () => assert.deepEqual(readAll(text), wanted))

for (const [sentence, text] of [['a line without code', 'hello\r\n'], ['a code of two digits', '25 ok\r\n'], ['a code beyond SMTP', '650 ok\r\n'], ['a code glued to its text', '250ok\r\n'], ['lines of different codes', '250-a\r\n550 b\r\n'], ['an empty line', '\r\n']] as const) {
  test(`${sentence} is no reply`, () => assert.throws(() => readAll(text), BadReplyError))
}

test('a reply may be so long and no longer, in one line or many, finished or not', () => {
  assert.equal(readAll(`250 ${'x'.repeat(94)}\r\n`, [], 100).length, 1)
  for (const text of [`250 ${'x'.repeat(95)}\r\n`, `250 ${'x'.repeat(100)}`, '250-xxxx\r\n'.repeat(11)]) assert.throws(() => readAll(text, [], 100), BadReplyError)
})

test('the limit is for each reply, not for all', () => assert.equal(readAll('250 aaaa\r\n'.repeat(50), [], 20).length, 50))

test('controls do not come through', () => {
  const [reply] = readAll('550 a\u0000b\u001b[31m\tc\rd\u009b\r\n')
  assert.doesNotMatch(reply?.lines.join('') ?? '', /[\x00-\x1f\x7f-\x9f]/)
})

test('as text: the code, then all lines, cut at the limit', () => {
  assert.equal(replyText({ code: 550, lines: ['5.1.1 no', '5.1.1 user'] }, 100), '550 5.1.1 no\n5.1.1 user')
  assert.equal(replyText({ code: 354, lines: [''] }, 100), '354')
  assert.equal(replyText({ code: 250, lines: ['x'.repeat(50)] }, 10), '250 xxxxxx')
})

test('the same replies come out however the octets are cut', () => {
  const line = fc.tuple(fc.constantFrom(220, 250, 354, 451, 550), fc.array(fc.string({ maxLength: 20 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')), { minLength: 1, maxLength: 4 }))
  fc.assert(fc.property(fc.array(line, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (replies, cuts) => {
    const text = replies.map(([code, lines]) => lines.map((each, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${each}\r\n`).join('')).join('')
    assert.deepEqual(readAll(text, cuts), readAll(text))
    assert.equal(readAll(text).length, replies.length)
  }))
})

test('any octets give replies or an error of its own class', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
    try {
      readAll(Buffer.from(octets).toString('latin1'), [], 100)
    } catch (error) {
      assert.ok(error instanceof BadReplyError)
    }
  }))
})
