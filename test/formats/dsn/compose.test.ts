import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { composeReport, maySitInside } from '#lib/formats/dsn/compose.ts'
import type { ComposedReport, Report } from '#lib/formats/dsn/compose.ts'
import type { ReportedRecipient } from '#lib/formats/dsn/status.ts'
import { readReport } from './read.ts'

const at = Date.UTC(2026, 10, 24, 8, 5, 9)
const failed: ReportedRecipient = { address: 'nobody@remote.test', action: 'failed', status: '5.1.1', reply: '550 5.1.1 <nobody@remote.test>: Recipient address rejected: User unknown in local recipient table', code: 550, host: 'mx.remote.test', at: at + 60_000 }
const original = { subject: 'half refused', messageId: '<1@ours.test>', kind: 'header' as const, octets: Buffer.from('From: alice@ours.test\r\nSubject: half refused\r\nMessage-ID: <1@ours.test>\r\n') }
const plain: Report = { id: 'Q1-r1', from: 'postmaster@ours.test', to: 'alice@ours.test', date: at + 61_000, message: { reportingMta: 'mx.ours.test', arrivedAt: at }, recipients: [failed], original, utf8: 'none' }

const report = (more: Partial<Report> = {}): ComposedReport => composeReport({ ...plain, ...more })
const whole = ({ fields, body }: ComposedReport): Buffer => Buffer.concat([Buffer.from(`${fields.map(({ name, value }) => `${name}:${value}\r\n`).join('')}\r\n`), body])
const words = (more: Partial<Report> = {}): string => readReport(whole(report(more))).parts[0]?.text ?? ''

test('the whole report of one failure', () => {
  assert.equal(
    whole(report()).toString(),
    `Date: Tue, 24 Nov 2026 08:06:10 +0000
From: Mail Delivery System <postmaster@ours.test>
To: <alice@ours.test>
Subject: Undeliverable: half refused
Message-ID: <Q1-r1@ours.test>
In-Reply-To: <1@ours.test>
References: <1@ours.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_Q1-r1"

--=_Q1-r1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

This is the mail server mx.ours.test. Your message

    Subject: half refused
    Sent:    2026-11-24 08:05 UTC

could not be delivered to:

    nobody@remote.test
        There is no such address. Check it for typing mistakes, or ask
        the person in another way.
        mx.remote.test said: 550 5.1.1 <nobody@remote.test>: Recipient
        address rejected: User unknown in local recipient table

It will not be tried again. If you need help, write to
postmaster@ours.test and attach this mail.

--=_Q1-r1
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; mx.ours.test
Arrival-Date: Tue, 24 Nov 2026 08:05:09 +0000

Final-Recipient: rfc822; nobody@remote.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.remote.test
Diagnostic-Code: smtp; 550 5.1.1 <nobody@remote.test>: Recipient address
 rejected: User unknown in local recipient table
Last-Attempt-Date: Tue, 24 Nov 2026 08:06:09 +0000

--=_Q1-r1
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

From: alice@ours.test
Subject: half refused
Message-ID: <1@ours.test>

--=_Q1-r1--
`.replaceAll('\n', '\r\n'),
  )
})

test('another parser finds subject, text and parts', async () => {
  const mail = await simpleParser(whole(report({ original: { ...original, subject: 'Grüße aus Köln – ein langer Betreff, der nicht in eine Zeile passt', kind: 'message', octets: Buffer.from('Subject: x\r\n\r\nwhole\r\n') } })))
  assert.equal(mail.subject, 'Undeliverable: Grüße aus Köln – ein langer Betreff, der nicht in eine Zeile passt')
  assert.equal(mail.from?.value[0]?.address, 'postmaster@ours.test')
  assert.match(mail.text ?? '', /Grüße aus Köln/)
  assert.match(mail.text ?? '', /Final-Recipient: rfc822; nobody@remote\.test\nAction: failed\nStatus: 5\.1\.1\n/)
  assert.deepEqual(mail.attachments.map(({ contentType }) => contentType), ['message/rfc822'])
  assert.equal(mail.attachments[0]?.content.toString(), 'Subject: x\r\n\r\nwhole\r\n')
})

test('several recipients with different fates stand in one report, the worst first', () => {
  const recipients: ReportedRecipient[] = [
    { ...failed, address: 'ok@remote.test', action: 'delivered', status: '2.0.0', reply: '250 ok', code: 250 },
    { ...failed, address: 'late@remote.test', action: 'delayed', status: '4.4.1', reply: 'connection timed out', code: undefined, retryUntil: at + 86_400_000 },
    failed,
    { ...failed, address: 'relay@remote.test', action: 'relayed', status: '2.0.0', code: 250 },
    { ...failed, address: 'team@ours.test', action: 'expanded', status: '2.0.0', code: undefined },
  ]
  const composed = report({ recipients })
  assert.equal(composed.fields.find(({ name }) => name === 'Subject')?.value, ' Undeliverable: half refused')
  const { status, parts } = readReport(whole(composed))
  assert.deepEqual(status.slice(1).map((group) => new Map(group).get('action')), ['delivered', 'delayed', 'failed', 'relayed', 'expanded'])
  const text = (parts[0]?.text ?? '').replace(/\s+/g, ' ')
  for (const part of ['could not be delivered to: nobody@remote.test There is', 'has not been delivered yet to: late@remote.test mx.remote.test: connection timed out You need not do anything', 'again until 2026-11-25 08:05 UTC', 'was delivered to: ok@remote.test was', 'reports no further, for: relay@remote.test', 'stand behind: team@ours.test']) assert.ok(text.includes(part), `${part}\n${text}`)
})

test('titles tell what happened', () => {
  const title = (action: ReportedRecipient['action'], subject = 'x') => report({ recipients: [{ ...failed, action }], original: { ...original, subject } }).fields.find(({ name }) => name === 'Subject')?.value
  assert.equal(title('failed'), ' Undeliverable: x')
  assert.equal(title('delayed'), ' Delayed: x')
  assert.equal(title('delivered'), ' Delivered: x')
  assert.equal(title('failed', ''), ' Undeliverable message')
})

const advice: readonly (readonly [status: string, said: RegExp])[] = [
  ['5.1.1', /no such address/],
  ['5.1.2', /not a domain that takes mail/],
  ['5.2.1', /closed/],
  ['5.2.2', /full/],
  ['5.3.4', /too large/],
  ['5.4.6', /in circles/],
  ['5.6.3', /form of this message/],
  ['5.7.26', /rules of the other side/],
  ['4.4.7', /in the time given to it/],
  ['4.4.1', /could not be reached/],
  ['4.2.2', /full/],
  ['4.3.2', /tried many times/],
]
test('what to do now is said in plain words', () => {
  for (const [status, said] of advice) assert.match(words({ recipients: [{ ...failed, status }] }).replace(/\s+/g, ' '), said, status)
  assert.doesNotMatch(words({ recipients: [{ ...failed, action: 'delayed', status: '4.2.2' }] }), /Write again/)
})

test('no line of the words is wide, and each is ASCII or encoded', () => {
  const text = words({ recipients: [{ ...failed, reply: `550 ${'wort '.repeat(100)}ü` }], original: { ...original, subject: `${'ä'.repeat(30)} `.repeat(10) } })
  for (const line of text.split('\r\n')) assert.match(line, /^[\x20-\x7e]{0,76}$/)
})

test('an original in eight bits stays whole in an eight-bit report', () => {
  const octets = Buffer.from('Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n', 'latin1')
  const composed = report({ original: { ...original, kind: 'message', octets } })
  assert.ok(composed.eightBit && !composed.needsSmtpUtf8)
  const { parts, header } = readReport(whole(composed))
  assert.equal(header.get('content-transfer-encoding'), '8bit')
  assert.deepEqual([parts[2]?.type, parts[2]?.encoding, parts[2]?.text], ['message/rfc822', '8bit', octets.toString('latin1')])
})

test('a header in eight bits is encoded, so that the report is ASCII', () => {
  const composed = report({ original: { ...original, octets: Buffer.from('Subject: gr\xfc\xdfe=\r\n', 'latin1') } })
  assert.ok(!composed.eightBit && !composed.needsSmtpUtf8)
  const { parts } = readReport(whole(composed))
  assert.deepEqual([parts[2]?.type, parts[2]?.encoding, parts[2]?.text], ['text/rfc822-headers', 'quoted-printable', 'Subject: gr=FC=DFe=3D\r\n'])
  assert.match(whole(composed).toString('latin1'), /^[\x00-\x7f]*$/)
})

test('what is in UTF-8 comes back in the types of UTF-8, to those who know them', () => {
  const address = { ...failed, address: 'jürgen@bücher.example' }
  const composed = report({ utf8: 'way', recipients: [address], to: 'älice@ours.test', original: { ...original, octets: Buffer.from('Subject: grüße\r\n') } })
  assert.ok(composed.needsSmtpUtf8 && composed.eightBit)
  const { parts, header, status } = readReport(whole(composed))
  assert.match(header.get('content-type') ?? '', /report-type=global-delivery-status/)
  assert.deepEqual(parts.map(({ type }) => type), ['text/plain', 'message/global-delivery-status', 'message/global-headers'])
  assert.equal(Buffer.from(new Map(status[1]).get('final-recipient') ?? '', 'latin1').toString(), 'utf-8; jürgen@bücher.example')
  assert.equal(readReport(whole(report({ utf8: 'way', recipients: [address], original: { ...original, kind: 'message', octets: Buffer.from('Subject: x\r\n\r\n') } }))).parts[2]?.type, 'message/global')
  // Nothing in it needs UTF-8: everybody can read it.
  assert.deepEqual(readReport(whole(report({ utf8: 'way' }))).parts.map(({ type }) => type), ['text/plain', 'message/delivery-status', 'text/rfc822-headers'])
  assert.equal(report({ recipients: [address] }).needsSmtpUtf8, false)
})

test('where a host on the way may not know SMTPUTF8, what is in UTF-8 is encoded', async () => {
  const composed = report({ utf8: 'types', recipients: [{ ...failed, address: 'jürgen@bücher.example' }], original: { ...original, octets: Buffer.from('Subject: grüße\r\n') } })
  assert.ok(!composed.needsSmtpUtf8 && !composed.eightBit)
  assert.match(whole(composed).toString('latin1'), /^[\x00-\x7f]*$/)
  const { parts } = readReport(whole(composed))
  assert.deepEqual(parts.slice(1).map(({ type, encoding }) => [type, encoding]), [['message/global-delivery-status', 'quoted-printable'], ['message/global-headers', 'quoted-printable']])
  assert.equal(parts[2]?.text, 'Subject: gr=C3=BC=C3=9Fe\r\n')
  assert.equal(report({ utf8: 'types', to: 'älice@remote.test' }).needsSmtpUtf8, true)
})

test('an original that holds the boundary cannot end its part', () => {
  const octets = Buffer.from('Subject: x\r\n\r\n--=_Q1-r1--\r\n--=_Q1-r1_1\r\nContent-Type: text/html\r\n\r\n')
  const { parts } = readReport(whole(report({ original: { ...original, kind: 'message', octets } })))
  assert.equal(parts.length, 3)
  assert.equal(parts[2]?.text, octets.toString())
})

test('nothing from outside ends the header or a part', () => {
  const nasty = fc.array(fc.constantFrom('\r\n', '\n', '\r\n\r\n', 'Bcc: x@y.example', '>', '<', '"', ' ', '--=_Q1-r1', '\0', 'ü', '=?utf-8?q?=0D=0A?=', 'x'.repeat(300)), { maxLength: 10 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(nasty, nasty, nasty, nasty, fc.constantFrom<Report['utf8']>('none', 'types', 'way'), (to, address, subject, reply, utf8) => {
      const message = whole(report({ to, utf8, recipients: [{ ...failed, address, reply }], original: { ...original, subject } }))
      const { header, parts, status } = readReport(message)
      assert.deepEqual([...header.keys()].filter((name) => name !== 'content-transfer-encoding'), ['date', 'from', 'to', 'subject', 'message-id', 'in-reply-to', 'references', 'auto-submitted', 'mime-version', 'content-type'])
      assert.deepEqual([parts.length, status.length], [3, 2])
    }),
    { numRuns: 300, verbose: true },
  )
})

test('a message with NUL or with a line too long cannot stand inside another', () => {
  assert.ok(maySitInside(Buffer.from(`a\r\n${'x'.repeat(998)}\r\n`)))
  assert.ok(!maySitInside(Buffer.from(`a\r\n${'x'.repeat(999)}\r\n`)))
  assert.ok(!maySitInside(Buffer.from(`a\r\n${'x'.repeat(999)}`)))
  assert.ok(!maySitInside(Buffer.from('a\0\r\n')))
})
