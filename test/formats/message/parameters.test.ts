import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parameterText, parseContentType, parseParameterised, parseWord } from '#lib/formats/message/parameters.ts'

const types: readonly (readonly [value: string, type: string | undefined, parameters: readonly (readonly [string, string])[]])[] = [
  ['text/plain', 'text/plain', []],
  ['TEXT/Plain; CHARSET=US-ASCII', 'text/plain', [['CHARSET', 'US-ASCII']]],
  ['text/plain; charset=us-ascii (Plain text)', 'text/plain', [['charset', 'us-ascii']]],
  ['text / plain ; format = flowed;', 'text/plain', [['format', 'flowed']]],
  ['multipart/mixed; boundary="a; \\"b\\" \\\\"', 'multipart/mixed', [['boundary', 'a; "b" \\']]],
  ['multipart/mixed boundary=b', 'multipart/mixed', [['boundary', 'b']]],
  ['multipart/mixed;; boundary=b; nothing; x=y', 'multipart/mixed', [['boundary', 'b'], ['x', 'y']]],
  ['application/x; name=a/b@c?d', 'application/x', [['name', 'a/b@c?d']]],
  ['text', undefined, []],
  ['/plain', undefined, []],
  ['', undefined, []],
  // RFC 2231 §3 and §4.1
  ['message/external-body; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"', 'message/external-body', [['access-type', 'URL'], ['URL', 'ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar']]],
  ['application/x; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*0*=us-ascii\'en\'This%20is%20even%20more%20; title*2="isn\'t it!"', 'application/x', [['title*', 'us-ascii\'en\'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn\'t it!']]],
  ['application/x; a*0=x; a*2=z', 'application/x', [['a', 'x']]],
  ['application/x; a*0=100%; a*1*=%41', 'application/x', [['a*', '\'\'100%25%41']]],
]

for (const [value, type, parameters] of types) {
  test(`the type of ${JSON.stringify(value)} is read`, () => {
    const read = parseContentType(value)
    assert.equal(read === undefined ? undefined : `${read.type}/${read.subtype}`, type)
    if (read !== undefined) assert.deepEqual(read.parameters, parameters)
  })
}

test('names of files are told as text, however they are written', () => {
  const name = (value: string) => parameterText(parseParameterised(value)?.parameters, 'filename')
  assert.equal(name('attachment; filename=a.txt'), 'a.txt')
  assert.equal(name('attachment; FileName="=?utf-8?q?caf=C3=A9?=.txt"'), 'café.txt')
  assert.equal(name('attachment; filename=plain.txt; filename*=UTF-8\'\'%E2%82%AC%20rates.txt'), '€ rates.txt')
  assert.equal(name('attachment; filename*0*=iso-8859-1\'\'caf; filename*1*=%E9'), 'café')
  assert.equal(name('attachment; filename="caf\xc3\xa9"'), 'café')
  assert.equal(name('attachment'), undefined)
  assert.equal(name(''), undefined)
})

test('an encoding is one word', () => {
  assert.equal(parseWord(' BASE64 (not seven bits);'), 'BASE64')
  assert.equal(parseWord('8 bit'), undefined)
  assert.equal(parseWord(''), undefined)
})
