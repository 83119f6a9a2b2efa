import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCommand } from '#lib/formats/smtp/command.ts'
import type { Command } from '#lib/formats/smtp/command.ts'
import { parseMailbox } from '#lib/formats/smtp/path.ts'
import { formatReply, reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import { decodeUtf8Address, decodeXtext, encodeXtext } from '#lib/formats/smtp/xtext.ts'

const path = (address: string, utf8 = false) => ({ address, utf8 })

const good: [string, Command][] = [
  ['ehlo [192.0.2.1]', { verb: 'EHLO', hello: '[192.0.2.1]' }],
  ['MAIL FROM:<>', { verb: 'MAIL', path: path(''), parameters: {} }],
  ['mail from: <a@b.example>  BODY=8bitmime', { verb: 'MAIL', path: path('a@b.example'), parameters: { body: '8BITMIME' } }],
  ['MAIL FROM:<"a b"@[IPv6:2001:db8::1]>', { verb: 'MAIL', path: path('"a b"@[IPv6:2001:db8::1]'), parameters: {} }],
  ['MAIL FROM:<"a>b\\@c"@d.example> SIZE=1', { verb: 'MAIL', path: path('"a>b@c"@d.example'), parameters: { size: 1 } }],
  ['MAIL FROM:<a@b.example> AUTH=<>', { verb: 'MAIL', path: path('a@b.example'), parameters: { auth: '' } }],
  ['MAIL FROM:<a@b.example> AUTH=e+3Dmc2@b.example', { verb: 'MAIL', path: path('a@b.example'), parameters: { auth: 'e=mc2@b.example' } }],
  ['RCPT TO:<@x.example:a@b.example>', { verb: 'RCPT', path: path('a@b.example'), parameters: {} }],
  ['RCPT TO:<PostMaster>', { verb: 'RCPT', path: path('postmaster'), parameters: {} }],
  ['RCPT TO:<用户@例子.example>', { verb: 'RCPT', path: path('用户@例子.example', true), parameters: {} }],
  ['RCPT TO:<a@b.example> ORCPT=utf-8;\\x{7528}x@b.example', { verb: 'RCPT', path: path('a@b.example'), parameters: { orcpt: 'utf-8;用x@b.example' } }],
  ['BDAT 0 LAST', { verb: 'BDAT', sizeBytes: 0, last: true }],
  ['bdat 86 last', { verb: 'BDAT', sizeBytes: 86, last: true }],
  ['AUTH plain =', { verb: 'AUTH', mechanism: 'PLAIN', initial: '' }],
  ['DATA ', { verb: 'DATA' }],
]
for (const [line, command] of good) test(`understood: ${line}`, () => assert.deepEqual(parseCommand(line), command))

const bad: [string, number][] = [
  ['', 500],
  [' NOOP', 500],
  ['constructor', 500],
  ['toString x', 500],
  ['EHLO a b', 501],
  [`EHLO ${'x'.repeat(300)}`, 501],
  ['MAIL', 501],
  ['MAIL FROM:', 501],
  ['MAIL FROM:<a@b', 501],
  ['MAIL FROM:<a>', 501],
  ['MAIL FROM:<a b@c.example>', 501],
  ['MAIL FROM:<a@b.example>SIZE=1', 501],
  ['MAIL FROM:<a@b.example> SIZE', 501],
  ['MAIL FROM:<a@b.example> SIZE=-1', 501],
  ['MAIL FROM:<a@b.example> SMTPUTF8=yes', 501],
  ['MAIL FROM:<a@b.example> constructor', 555],
  ['MAIL FROM:<a@b.example> =x', 501],
  ['MAIL FROM:<a.@b.example>', 501],
  ['MAIL FROM:<"a"b"@c.example>', 501],
  ['MAIL FROM:<a@[1.2.3]>', 501],
  ['MAIL FROM:<a@[1.2.3.4]x>', 501],
  ['MAIL FROM:<a@-b.example>', 501],
  [`MAIL FROM:<${'x'.repeat(256)}@b.example>`, 501],
  [`MAIL FROM:<a@${'x.'.repeat(130)}example>`, 501],
  ['MAIL FROM:<postmaster>', 501],
  ['RCPT TO:<>', 501],
  ['RCPT TO:<@:a@b.example>', 501],
  ['RCPT TO:<@a@b.example>', 501],
  ['RCPT TO:<a@b.example> NOTIFY=', 501],
  ['RCPT TO:<a@b.example> NOTIFY=DELAY,DELAY', 501],
  ['RCPT TO:<a@b.example> ORCPT=rfc822;a+0Db', 501],
  ['RCPT TO:<a@b.example> ORCPT=utf-8;\\x{D800}', 501],
  [`RCPT TO:<a@b.example> ORCPT=rfc822;${'x'.repeat(500)}`, 501],
  ['RCPT TO:<a\u0085@b.example>', 501],
  ['BDAT', 501],
  ['BDAT -1', 501],
  ['BDAT 1 FIRST', 501],
  ['BDAT 9999999999999999', 501],
  ['AUTH', 501],
  ['AUTH PLAIN a b', 501],
  ['QUIT now', 501],
]
for (const [line, code] of bad) {
  test(`refused: ${line.length > 60 ? `${line.slice(0, 60)}...` : JSON.stringify(line)}`, () => {
    assert.throws(() => parseCommand(line), (error: unknown) => error instanceof SmtpRefusal && error.reply.code === code)
  })
}

test('a mailbox read and read again stays the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab."\\ @>é[') }), (local) => {
      const once = parseMailbox(`${local}@b.example`)
      if (once !== undefined) assert.equal(parseMailbox(once), once)
    }),
    { numRuns: 3000 },
  )
})

test('xtext survives its own coding', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'a+=3D é~!') }), (text) => assert.equal(decodeXtext(encodeXtext(text)), text)))
  assert.equal(decodeXtext('a+2b'), undefined)
  assert.equal(decodeUtf8Address('a\\x{20AC}'), 'a€')
  assert.equal(decodeUtf8Address('a\\x20AC'), undefined)
})

test('no text can break out of a reply', () => {
  assert.equal(formatReply(reply(550, '5.7.1', 'no\r\n250 yes')), '550 5.7.1 no 250 yes\r\n')
  assert.equal(formatReply(reply(250, undefined, 'a', 'b')), '250-a\r\n250 b\r\n')
  assert.ok(formatReply(reply(550, '5.7.1', 'x'.repeat(2000))).length <= 512)
})
