import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asciiLine, encodeText, foldField, oneLine, quotedPrintable } from '#lib/formats/compose/text.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'

test('text on one line has no controls left', () => {
  assert.equal(oneLine(' a\r\nBcc: b\0\u0085c\u2028d\t e '), 'a Bcc: b c d e')
  assert.equal(asciiLine('gr\u00fc\u00dfe \u{1f600}\r\n'), 'gr??e ?')
  assert.equal(oneLine('x'.repeat(2000)).length, 900)
})

test('encoded words come back as they were, and no line is too long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const wanted = oneLine(text)
      const folded = foldField('Subject', encodeText(text))
      assert.match(folded, /^[\x20-\x7e\r\n]*$/)
      assert.equal(decodeEncodedWords(folded.slice(9, -2).replaceAll('\r\n', '')).trimStart(), wanted)
      if (folded.includes('=?')) for (const line of folded.split('\r\n')) assert.ok(line.length <= 76, line)
      for (const line of folded.split('\r\n')) assert.ok(line.length <= 76 || !line.replace('Subject:', '').trim().includes(' '), line)
    }),
    { numRuns: 500, verbose: true },
  )
})

test('what looks like an encoded word is encoded, so that it is shown as it was', () => {
  assert.equal(decodeEncodedWords(encodeText('=?utf-8?q?x?=')), '=?utf-8?q?x?=')
})

test('quoted-printable comes back as it was, in lines of 76 characters of ASCII', () => {
  const decode = (text: string) => Buffer.from(text.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1')
  const octets = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.array(fc.constantFrom('=', 'a', '\xe4', ' ', '\r\n', '\t', '.'), { maxLength: 400 }).map((chars) => Buffer.from(chars.join(''), 'latin1')))
  fc.assert(
    fc.property(octets, (given) => {
      const encoded = quotedPrintable(given)
      assert.deepEqual(decode(encoded), Buffer.from(given))
      for (const line of encoded.split('\r\n')) assert.match(line, /^(?:[\t\x20-\x7e]{0,75}[\x21-\x7e])?$/)
    }),
    { numRuns: 1000, verbose: true },
  )
})
