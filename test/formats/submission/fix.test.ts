import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import addressparser from 'nodemailer/lib/addressparser/index.js'
import { readFrom, readSender } from '#lib/formats/submission/authors.ts'
import { fixHeader, formatFields } from '#lib/formats/submission/fix.ts'
import { splitHeader } from '#lib/formats/submission/header.ts'

const facts = { sender: { address: 'alice@ours.test', name: 'Alice' }, messageId: '<Q1@ours.test>', at: Date.UTC(2026, 10, 24, 8, 5, 9), hostname: 'mx.ours.test' }
const fieldsOf = (header: string) => splitHeader(Buffer.from(`${header}\r\n`)).fields
const fixed = (header: string, more: Partial<typeof facts> | { sender: { address: string; name?: string } } = {}): string => formatFields(fixHeader(fieldsOf(header), { ...facts, ...more })).toString()
const whole = 'From: alice@ours.test\r\nDate: Mon, 23 Nov 2026 00:00:00 +0100\r\nMessage-ID: <x@client>\r\n'

const table: readonly (readonly [what: string, header: string, result: string])[] = [
  ['a complete header stays as it is', `${whole}X-Odd :  a\r\n\t b\r\n`, `${whole}X-Odd :  a\r\n\t b\r\n`],
  ['what is missing is added behind', 'Subject: x\r\n', 'Subject: x\r\nFrom: Alice <alice@ours.test>\r\nDate: Tue, 24 Nov 2026 08:05:09 +0000\r\nMessage-ID: <Q1@ours.test>\r\n'],
  ['what is there but empty is as good as missing', 'From: \r\nDate:\r\nMessage-ID:\r\n \r\n', 'From: Alice <alice@ours.test>\r\nDate: Tue, 24 Nov 2026 08:05:09 +0000\r\nMessage-ID: <Q1@ours.test>\r\n'],
  ['Bcc goes, with its folds, wherever and however it is written', `Bcc: a@x.example,\r\n b@x.example,\r\n\tc@x.example\r\n${whole}BCC : d@x.example\r\nbcc:\r\n`, whole],
  ['Resent-Bcc and Return-Path go', `Return-Path: <a@b>\r\n${whole}Resent-Bcc: d@x.example\r\n`, whole],
  ['fields that only begin like Bcc stay', `${whole}Bcc-Note: x\r\nX-Bcc: y\r\n`, `${whole}Bcc-Note: x\r\nX-Bcc: y\r\n`],
  ['results of checks in our name go, those of others stay', `Authentication-Results: (c) MX.ours.test; dkim=pass\r\n${whole}Authentication-Results: mx.remote.test; spf=pass\r\n`, `${whole}Authentication-Results: mx.remote.test; spf=pass\r\n`],
  ['Sender is not touched', `Sender: list@elsewhere.test\r\n${whole}`, `Sender: list@elsewhere.test\r\n${whole}`],
  ['of several authors one sends', whole.replace('\r\n', ', bob@ours.test\r\n'), `${whole.replace('\r\n', ', bob@ours.test\r\n')}Sender: <alice@ours.test>\r\n`],
]
for (const [what, header, result] of table) test(`header mended: ${what}`, () => assert.equal(fixed(header), result))

test('the name of the added From is written so that it stays one name', () => {
  const from = (name: string) => fixed('', { sender: { address: 'a@ours.test', name } }).split('\r\n')[0]
  assert.equal(from('Alice B'), 'From: Alice B <a@ours.test>')
  assert.equal(from('Alice "Al" B., <x@y.example>'), 'From: "Alice \\"Al\\" B., <x@y.example>" <a@ours.test>')
  assert.equal(from('Zoë'), 'From: =?UTF-8?B?Wm/Dqw==?= <a@ours.test>')
  assert.equal(from('A\r\nBcc: x@y.example'), 'From: "A Bcc: x@y.example" <a@ours.test>')
  assert.equal(from(' '), 'From: <a@ours.test>')
  assert.equal(fixed('', { sender: { address: 'a@ours.test' } }).split('\r\n')[0], 'From: <a@ours.test>')
})

test('From is read as its readers read it', () => {
  const from = (value: string) => readFrom(splitHeader(Buffer.from(`From: ${value}\r\n\r\n`)).fields)
  assert.deepEqual(from('Alice <alice@ours.test>'), ['alice@ours.test'])
  assert.deepEqual(from('"alice@ours.test" <bob@remote.test>'), ['bob@remote.test'])
  assert.deepEqual(from('alice@ours.test (bob@remote.test)'), ['alice@ours.test'])
  assert.deepEqual(from('alice@ours.test,\r\n bob@remote.test'), ['alice@ours.test', 'bob@remote.test'])
  assert.deepEqual(from('Team: alice@ours.test, bob@remote.test;'), ['alice@ours.test', 'bob@remote.test'])
  assert.deepEqual(from('"a b"@ours.test'), ['"a b"@ours.test'])
  assert.deepEqual(from('J\u00fcrgen <j\u00fcrgen@b\u00fccher.example>'), ['j\u00fcrgen@b\u00fccher.example'])
  assert.deepEqual(from('Voilà\u00a0Ça\u3000š <à@b.example>'), ['à@b.example'])
  assert.equal(from('Alice'), 'malformed')
  assert.equal(from('alice@ours.test, bob'), 'malformed')
  assert.equal(from('<alice>'), 'malformed')
  assert.equal(from('undisclosed:;'), 'malformed')
  assert.equal(readFrom(fieldsOf('From: a@b.example\r\nFROM : c@d.example\r\n')), 'several-fields')
  assert.deepEqual(readFrom(fieldsOf('To: a@b.example\r\n')), [])
})

test('Sender is an address only when it is one alone', () => {
  assert.deepEqual(readSender(fieldsOf('Sender: B <b@ours.test>\r\n')), ['b@ours.test'])
  assert.equal(readSender(fieldsOf('Sender: b@ours.test, c@ours.test\r\n')), 'malformed')
  assert.equal(readSender(fieldsOf('Sender: <x<b@ours.test>\r\n')), 'malformed')
  assert.equal(readSender(fieldsOf('Sender: b@ours.test\r\nSender: c@ours.test\r\n')), 'malformed')
  assert.deepEqual(readSender(fieldsOf('Sender: root\r\n')), [])
  assert.deepEqual(readSender(fieldsOf('From: b@ours.test\r\n')), [])
})

test('no other reader finds an address in From that we do not', () => {
  const piece = fc.constantFrom('alice@ours.test', 'bob@evil.test', '<', '>', '<alice@ours.test>', '<bob@evil.test>', '"', '(', ')', '(c (d))', ',', ';', ':', ' ', '\\', '@', 'x', 'Group:', '"q" ', '\r\n ', '@a,@b:', '[1.2.3.4]')
  let agreed = 0
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 7 }), (pieces) => {
      const value = pieces.join('')
      const from = readFrom([{ name: 'From', value: ` ${value}` }])
      if (!Array.isArray(from)) return
      const others = addressparser(value.replaceAll('\r\n', ''), { flatten: true }).map(({ address }) => address).filter((address) => address.includes('@'))
      // Some readers drop white space inside quotes.
      const known = from.map((address: string) => address.replaceAll(' ', ''))
      assert.deepEqual(others.filter((address) => !known.includes(address.replaceAll(' ', ''))), [])
      if (others.length > 0) agreed++
    }),
    { numRuns: 10_000, verbose: true },
  )
  assert.ok(agreed > 500, `${agreed} values had addresses`)
})

test('brackets in brackets, and comments without end, are refused in no time', () => {
  const from = (value: string) => readFrom([{ name: 'From', value }])
  assert.equal(from('<alice@ours.test<bob@evil.test>'), 'malformed')
  assert.equal(from('<alice@ours.test\r\n <bob@evil.test>'), 'malformed')
  assert.equal(from('alice@ours.test (a (b'), 'malformed')
  assert.equal(from('(a " b) <alice@ours.test> (c " d)'), 'malformed')
  assert.equal(from('"al" ice@ours.test'), 'malformed')
  assert.equal(from('al ice@ours.test'), 'malformed')
  assert.equal(from('alice @ours.test'), 'malformed')
  assert.deepEqual(from('(a (b \\) c)) "x\\"<" <alice@ours.test> (d)'), ['alice@ours.test'])
  const begun = performance.now()
  for (const value of ['<', '(', '"', '\\', '()', '<a>', '<>,', '("', 'a@b,']) from(value.repeat(50_000))
  from(`${'('.repeat(100_000)}${')'.repeat(100_000)}alice@ours.test`)
  assert.ok(performance.now() - begun < 3000)
})
