import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyHash } from '#lib/formats/dkim/bodyHash.ts'
import { formatFields } from '#lib/formats/submission/fix.ts'
import { splitHeader } from '#lib/formats/submission/header.ts'
import { makeSign } from '#lib/mail/outbound/sign.ts'
import { bothPass, ours, verify } from './signing.ts'

const header = 'From: Alice <alice@ours.test>\r\nTo: carol@remote.test\r\nSubject: =?utf-8?q?h=C3=A4llo?=\r\n  folded\r\nDate: Tue, 24 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@ours.test>\r\n'

async function signed(body: string, head = header): Promise<Buffer> {
  const { fields } = splitHeader(Buffer.from(`${head}\r\n`, 'latin1'))
  const hash = new BodyHash()
  hash.update(Buffer.from(body, 'latin1'))
  const signatures = await makeSign()(ours, { fields, bodyHash: hash.digest(), at: Date.now() })
  return Buffer.concat([Buffer.from(signatures), formatFields(fields), Buffer.from(`\r\n${body}`, 'latin1')])
}

const bodies: Readonly<Record<string, string>> = {
  'an empty body': '',
  'a body without a line end at its end': 'hello',
  'blank lines at the end': 'hello\r\n\r\n \r\n\t\r\n',
  'a body of one blank line': '\r\n',
  'octets above 127': 'gr\xc3\xbc\xc3\x9fe und \xff\xfe\r\n',
  'a line of 100,000 characters': `${'x y\t'.repeat(25_000)}\r\n`,
  'white space everywhere': ' a  b\t\tc \r\n\t\r\n  d\t\r\n',
  'what looks like a header': 'DKIM-Signature: v=1\r\nFrom: x@y.example\r\n\r\n--\r\n.\r\n',
}
for (const [what, body] of Object.entries(bodies)) {
  test(`both signatures are good over ${what}`, async () => {
    assert.deepEqual(await verify(await signed(body)), bothPass)
  })
}

const heads: Readonly<Record<string, string>> = {
  'fields that occur twice': `${header}To: dora@remote.test\r\nList-Id: <a>\r\nList-Id: <b>\r\n`,
  'eight-bit fields': header.replace('Alice', 'Al\xc3\xafce'),
  'space before colons and odd folds': 'FROM \t: a@ours.test\r\nsubject:\r\n\t\r\n \tx\ty  \r\nX-Empty:\r\n',
  'nothing but From': 'From: a@ours.test\r\n',
  'a field of 50 KB': `${header}References: ${Array.from({ length: 1000 }, (_, i) => `<${i}-some-long-message-identifier@ours.test>`).join('\r\n ')}\r\n`,
}
for (const [what, head] of Object.entries(heads)) {
  test(`both signatures are good with ${what}`, async () => {
    assert.deepEqual(await verify(await signed('body\r\n', head)), bothPass)
  })
}

const changes: readonly (readonly [what: string, change: (message: string) => string])[] = [
  ['a second Subject', (message) => message.replace('\r\n\r\n', '\r\nSubject: buy\r\n\r\n')],
  ['a second From above', (message) => `From: other@ours.test\r\n${message}`],
  ['a Reply-To that was not there', (message) => `Reply-To: thief@remote.test\r\n${message}`],
  ['a Content-Type that was not there', (message) => message.replace('\r\n\r\n', '\r\nContent-Type: text/html\r\n\r\n')],
  ['another recipient in To', (message) => message.replace('carol@', 'dora@')],
  ['a word of the body', (message) => message.replace('hello', 'hallo')],
  ['a line at its end', (message) => `${message}more\r\n`],
]
for (const [what, change] of changes) {
  test(`${what} breaks both signatures`, async () => {
    const results = await verify(Buffer.from(change((await signed('hello\r\n')).toString('latin1')), 'latin1'))
    assert.equal(results.length, 2)
    assert.deepEqual(results.filter((result) => result.endsWith('pass')), [])
  })
}

test('what servers on the way do in good faith breaks neither', async () => {
  const message = (await signed('hello  world \r\n')).toString('latin1')
  const passed = `Received: from a by b; now\r\nList-Archive: <https://x.example>\r\n${message.replace('Subject: ', 'SUBJECT:   ').replace('hello  world \r\n', 'hello world\r\n\r\n')}`
  assert.deepEqual(await verify(Buffer.from(passed, 'latin1')), bothPass)
})

test('no line of a signature is longer than 78 characters, and a domain without keys signs nothing', async () => {
  const message = (await signed('x\r\n', `${header}MIME-Version: 1.0\r\nSender: a@ours.test\r\nContent-Disposition: inline\r\n`)).toString('latin1')
  assert.deepEqual(message.slice(0, message.indexOf('\r\nFrom:')).split('\r\n').filter((line) => line.length > 78), [])
  assert.equal(await makeSign()({ name: 'ours.test', dkim: [] }, { fields: [], bodyHash: 'x', at: 0 }), '')
})
