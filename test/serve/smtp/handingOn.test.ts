import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import tls from 'node:tls'
import { converse } from '../converse.ts'
import { codes, openStage } from './stage.ts'
import type { Stage } from './stage.ts'

const mx = await openStage({ deps: { proxyTrusted: ['127.0.0.1'] } })
const submissions = await openStage({ role: 'submission', implicitTls: true })
after(() => Promise.all([mx.stop(0), submissions.stop(0)]))

const proxy = 'PROXY TCP6 2001:db8::7 ::1 4000 25\r\n'

async function overTls(stage: Stage, text: string): Promise<string> {
  const socket = tls.connect({ port: stage.port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(text)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  return heard
}

test('the Received line names client, protocol, queue id and the only recipient', async () => {
  const heard = await converse(mx, [`${proxy}EHLO client.example.com\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n`])
  const taken = mx.taken.at(-1)
  assert.match(
    taken?.text ?? '',
    /^Received: from client\.example\.com \(\[IPv6:2001:db8::7\]\)\r\n\tby mail\.example\.org with ESMTP\r\n\tid ([0-9A-Z]{18})\r\n\tfor <anna@example\.org>;\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\nx: y\r\n\r\n$/,
  )
  assert.ok(heard.includes(`queued as ${taken?.message.queueId}`))
  assert.ok(taken?.text.includes(`\tid ${taken.message.queueId}`))
  assert.deepEqual(taken?.message.client, { address: '2001:db8::7', hello: 'client.example.com' })
})

test('several recipients do not learn of each other, and one named twice gets one copy', async () => {
  await converse(mx, [`${proxy}HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<ANNA@example.org>\r\nRCPT TO:<team@example.org>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n`])
  const taken = mx.taken.at(-1)
  assert.doesNotMatch(taken?.text ?? '', /for </)
  assert.match(taken?.text ?? '', / with SMTP\r\n/)
  assert.deepEqual(taken?.message.envelope, { mailFrom: '', recipients: [{ address: 'anna@example.org' }, { address: 'team@example.org' }] })
})

test('a client cannot write into the Received line by its name', async () => {
  await converse(mx, [`${proxy}EHLO x)(by=evil;\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n`])
  assert.match(mx.taken.at(-1)?.text ?? '', /^Received: from x\?\?by\?evil\? \(/)
})

test('parameters of MAIL and RCPT reach the envelope decoded', async () => {
  await converse(mx, [`${proxy}EHLO c\r\nMAIL FROM:<a@b.example> SIZE=9 BODY=8BITMIME RET=FULL ENVID=a+2Bb SMTPUTF8\r\nRCPT TO:<anna@example.org> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;x+2By@example.org\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n`])
  assert.deepEqual(mx.taken.at(-1)?.message.envelope, {
    mailFrom: 'a@b.example',
    ret: 'FULL',
    envid: 'a+b',
    smtpUtf8: true,
    body: '8BITMIME',
    recipients: [{ address: 'anna@example.org', notify: ['DELAY', 'SUCCESS'], orcpt: 'rfc822;x+y@example.org' }],
  })
  assert.match(mx.taken.at(-1)?.text ?? '', / with UTF8SMTP\r\n/)
})

test('a submission over TLS carries its account, and says ESMTPSA', async () => {
  const heard = await overTls(submissions, 'EHLO laptop\r\nAUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\nMAIL FROM:<anna@example.org> REQUIRETLS\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n')
  assert.equal(codes(heard), '220 250 235 250 250 354 250 221')
  const taken = submissions.taken.at(-1)
  assert.match(taken?.text ?? '', / with ESMTPSA \(TLSv1\.3 TLS_AES_256_GCM_SHA384\)\r\n/)
  assert.ok(taken !== undefined && 'account' in taken.message && taken.message.account.id === 'a1')
  assert.equal(taken?.message.client.login, 'anna@example.org')
  assert.equal(taken?.message.envelope.requireTls, true)
})

test('recipients elsewhere whose local parts differ by case are two', async () => {
  await overTls(submissions, 'EHLO laptop\r\nAUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\nMAIL FROM:<anna@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nRCPT TO:<X@elsewhere.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n')
  assert.deepEqual(submissions.taken.at(-1)?.message.envelope.recipients, [{ address: 'x@elsewhere.example' }, { address: 'X@elsewhere.example' }])
})

test('where a user was stands in the log alone when the setting says so', async () => {
  const discreet = await openStage({ role: 'submission', implicitTls: true, submission: { hideClient: true } })
  await overTls(discreet, 'EHLO laptop\r\nAUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\nMAIL FROM:<anna@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n')
  await discreet.stop(0)
  const [taken] = discreet.taken
  assert.match(taken?.text ?? '', /^Received: by mail\.example\.org with ESMTPSA \(/)
  assert.doesNotMatch(taken?.text ?? '', /laptop|127\.0\.0\.1/)
  assert.equal(discreet.events.find(({ event }) => event === 'received')?.fields['client'], '127.0.0.1')
})

test('binary parts of a submission are text when they are handed on', async () => {
  const body = 'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff'
  const socket = tls.connect({ port: submissions.port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.write(`EHLO laptop\r\nAUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\nMAIL FROM:<anna@example.org> BODY=BINARYMIME\r\nRCPT TO:<x@elsewhere.example>\r\nBDAT ${body.length} LAST\r\n${body}QUIT\r\n`, 'latin1')
  socket.resume()
  await once(socket, 'close')
  const taken = submissions.taken.at(-1)
  assert.equal(taken?.body, 'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAoN/w==\r\n')
  assert.equal(taken?.message.envelope.body, '8BITMIME')
})

test('a BDAT message gets the last line end it lacks', async () => {
  await converse(mx, [`${proxy}EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nBDAT 9 LAST\r\nx: y\r\n\r\nzQUIT\r\n`])
  assert.equal(mx.taken.at(-1)?.body, 'x: y\r\n\r\nz\r\n')
})

test('the log names who sent what to whom, by the queue id', async () => {
  await converse(mx, [`${proxy}EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nx: y\r\n\r\n.\r\nQUIT\r\n`])
  const { queueId, sizeBytes, ...fields } = mx.events.findLast(({ event }) => event === 'received')?.fields ?? {}
  assert.equal(queueId, mx.taken.at(-1)?.message.queueId)
  assert.equal(sizeBytes, 8)
  assert.deepEqual(fields, { from: 'a@b.example', to: ['anna@example.org'], client: '2001:db8::7', hello: 'c', tls: 'no' })
  assert.match(mx.metrics.text(), /^pennypost_smtp_messages_accepted_total\{listener="mx"\} [1-9]/m)
})
