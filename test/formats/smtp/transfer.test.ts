import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCapabilities } from '#lib/formats/smtp/capabilities.ts'
import { parseCommand } from '#lib/formats/smtp/command.ts'
import { formatMail, formatRcpt, isSendable, needsUtf8 } from '#lib/formats/smtp/transfer.ts'

const capabilities = (...lines: string[]) => parseCapabilities({ code: 250, lines: ['MX.example hello', ...lines] }, true)
const everything = capabilities('SIZE 1000', '8BITMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS')
const nothing = capabilities()

test('an EHLO answer is read keyword by keyword', () => {
  assert.deepEqual(capabilities('size 52428800', 'Pipelining', 'AUTH PLAIN login', 'AUTH=PLAIN XOAUTH2', 'STARTTLS', 'LIMITS MAILMAX=5 RCPTMAX=20 rcptdomainmax=1 BAD=x', '8BITMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS', '???'), {
    hostname: 'mx.example',
    startTls: true,
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    requireTls: true,
    size: true,
    maxSizeBytes: 52428800,
    auth: ['PLAIN', 'LOGIN', 'XOAUTH2'],
    limits: { mailMax: 5, rcptMax: 20, rcptDomainMax: 1 },
  })
})

test('SIZE 0 and SIZE alone tell no limit; limits of 0 are none', () => {
  assert.equal(capabilities('SIZE 0').maxSizeBytes, undefined)
  assert.equal(capabilities('SIZE').maxSizeBytes, undefined)
  assert.deepEqual(capabilities('LIMITS RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX=9999999').limits, {})
})

test('an answer to HELO offers nothing', () => assert.deepEqual(parseCapabilities({ code: 250, lines: ['mx', 'PIPELINING'] }, false), { ...nothing, hostname: 'mx' }))

const facts = { mailFrom: 'a@x.example', sizeBytes: 7, eightBit: true, utf8: true, ret: 'FULL', envid: 'id=1 +', requireTls: true } as const

test('MAIL says what the server offers, and no more', () => {
  assert.equal(formatMail(facts, everything), 'MAIL FROM:<a@x.example> SIZE=7 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=FULL ENVID=id+3D1+20+2B')
  assert.equal(formatMail(facts, nothing), 'MAIL FROM:<a@x.example>')
  assert.equal(formatMail({ mailFrom: '', sizeBytes: 7, eightBit: false, utf8: false }, everything), 'MAIL FROM:<> SIZE=7')
})

for (const [orcpt, utf8, wanted] of [
  ['rfc822;a+b=c@x.example', false, ' ORCPT=rfc822;a+2Bb+3Dc@x.example'],
  ['utf-8;grün@x.example', false, ' ORCPT=utf-8;gr\\x{FC}n@x.example'],
  ['utf-8;grün@x.example', true, ' ORCPT=utf-8;grün@x.example'],
  ['rfc822;grün@x.example', false, ''],
] as const) {
  test(`ORCPT ${orcpt} ${utf8 ? 'with' : 'without'} SMTPUTF8`, () => assert.equal(formatRcpt({ address: 'b@y.example', orcpt }, everything, utf8), `RCPT TO:<b@y.example>${wanted}`))
}

test('domains beyond ASCII go as A-labels where UTF-8 cannot', () => {
  assert.equal(formatRcpt({ address: 'b@bücher.example', notify: ['SUCCESS', 'DELAY'] }, everything, false), 'RCPT TO:<b@xn--bcher-kva.example> NOTIFY=SUCCESS,DELAY')
  assert.equal(formatRcpt({ address: 'b@bücher.example' }, nothing, true), 'RCPT TO:<b@bücher.example>')
  assert.deepEqual(['b@bücher.example', 'bü@x.example', ''].map(needsUtf8), [false, true, false])
})

for (const address of ['a\r\nb@x.example', 'a@x.example>\r\nRSET', 'a b@x.example', 'postmaster', 'a@', '@x.example', 'a@x<y', 'a\u0000@x.example', `${'a'.repeat(256)}@x.example`]) {
  test(`${JSON.stringify(address.slice(0, 40))} is not sent`, () => assert.equal(isSendable(address), false))
}

test('our own server reads back every command that we write', () => {
  const address = fc.tuple(fc.stringMatching(/^[a-z0-9.+_-]{1,20}$/), fc.stringMatching(/^[a-z]{1,10}\.example$/)).map(([local, domain]) => `${local}@${domain}`).filter(isSendable)
  const text = fc.string({ minLength: 1, maxLength: 30 }).map((each) => each.replace(/[^\x20-\x7e]/g, 'x'))
  fc.assert(fc.property(address, text, (to, words) => {
    const mail = parseCommand(formatMail({ ...facts, mailFrom: to, envid: words }, everything))
    assert.ok(mail.verb === 'MAIL')
    assert.deepEqual([mail.path.address, mail.parameters.envid, mail.parameters.ret, mail.parameters.size], [to, words, 'FULL', 7])
    const rcpt = parseCommand(formatRcpt({ address: to, notify: ['NEVER'], orcpt: `rfc822;${words}` }, everything, false))
    assert.ok(rcpt.verb === 'RCPT')
    assert.deepEqual([rcpt.path.address, rcpt.parameters.notify, rcpt.parameters.orcpt], [to, ['NEVER'], `rfc822;${words}`])
  }))
})
