import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogFields, LogLevel } from '#lib/base/log.ts'
import { greet } from '../../bin/serve/greeting.ts'
import type { Greeting } from '../../bin/serve/greeting.ts'
import { terminalSink } from '../../bin/terminal.ts'

const queueId = '02387TM8JLFN2J858R'

/** What is printed for one event, without its time. */
function lineOf(event: string, fields: LogFields, level: LogLevel = 'info'): string {
  let written = ''
  terminalSink((line) => (written += line), false)({ at: Date.now(), level, event, fields })
  assert.match(written, /^\d\d:\d\d:\d\d [^\n]*\n$/)
  return written.slice(9, -1)
}

describe('a line on the terminal', () => {
  it('tells each thing that happens to a message in a sentence', () => {
    const lines: [event: string, fields: LogFields, line: string][] = [
      ['received', { queueId, from: '', to: ['a@x.test', 'b@x.test'], sizeBytes: 2048, client: '192.0.2.1', tls: 'TLSv1.3' }, `→ received   ${queueId} from <> to a@x.test, b@x.test, 2 KB, by 192.0.2.1, TLSv1.3`],
      ['received', { queueId, from: 'a@x.test', to: ['b@y.test'], sizeBytes: 66, client: '192.0.2.1', tls: 'no', login: 'a@x.test' }, `→ received   ${queueId} from a@x.test to b@y.test, 66 B, by a@x.test at 192.0.2.1, no TLS`],
      ['checked', { queueId, spf: 'pass', dkim: 'fail', dmarc: 'pass', score: 1.5, reasons: ['html-only'] }, `? checked    ${queueId} spf pass, dkim fail, dmarc pass, score 1.5 (html-only)`],
      ['filed', { queueId, account: 'a@x.test', mailbox: 'Junk', uid: 7 }, `✓ filed      ${queueId} for a@x.test in Junk, UID 7`],
      ['forwarded', { queueId, to: ['b@y.test'] }, `↷ forwarded  ${queueId} to b@y.test`],
      ['delivered', { queueId, to: ['b@y.test'], host: 'mx.y.test', reply: '250 2.0.0 taken' }, `✓ delivered  ${queueId} to b@y.test by mx.y.test: 250 2.0.0 taken`],
      ['deferred', { queueId, to: 'b@y.test', reply: '451 later', nextAt: Date.now() + 300_400 }, `… deferred   ${queueId} to b@y.test: 451 later, again in 5m`],
      ['bounced', { queueId, to: ['b@y.test'], reply: '550 5.1.1 unknown' }, `✗ bounced    ${queueId} to b@y.test: 550 5.1.1 unknown`],
      ['refused', { reason: '550 5.1.1 No such recipient here', from: 'a@y.test', to: 'c@x.test', client: '192.0.2.1' }, `✗ refused    ${''.padEnd(18)} 550 5.1.1 No such recipient here; from a@y.test to c@x.test, by 192.0.2.1`],
      ['login-failed', { protocol: 'imap', reason: 'invalid', login: 'a@x.test', client: '192.0.2.1' }, `✗ login-failed ${''.padEnd(18)} a@x.test by imap, from 192.0.2.1: invalid`],
      ['something-new', { queueId, count: 3, list: ['a', 'b'] }, `· something-new ${queueId} count 3, list a, b`],
    ]
    for (const [event, fields, line] of lines) assert.equal(lineOf(event, fields), line)
  })

  it('is not steered by what strangers write', () => {
    const line = lineOf('delivered', { queueId, to: ['b@y.test'], host: 'mx', reply: '250 ok\r\n\u001b[2J\u009b31mfake\u0007' })
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/)
    assert.match(line, /250 ok \[2J 31mfake/)
  })

  it('has colour only where wanted', () => {
    let coloured = ''
    terminalSink((line) => (coloured += line), true)({ at: 0, level: 'error', event: 'bug', fields: {} })
    assert.match(coloured, /\u001b\[31m/)
    assert.doesNotMatch(lineOf('bug', {}, 'error'), /\u001b/)
  })
})

describe('the greeting', () => {
  const services = [{ service: 'SMTP, from other servers', address: '127.0.0.1', port: 2025, tls: 'STARTTLS' }, { service: 'IMAP', address: '127.0.0.1', port: 2993, tls: 'from the start' }]
  const first: Greeting = { hostname: 'mail.test', dataDirectory: 'data', services, portOffset: 2000, domains: ['demo.test'], demoUsers: [{ address: 'alice@demo.test', password: 'abcd-efgh' }], colour: false }

  it('of the first start has a table of services, the users with their passwords, and lines to type', () => {
    const text = greet(first)
    assert.match(text, /^ {2}SERVICE +ADDRESS +PORT +TLS$/m)
    assert.match(text, /^ {2}IMAP +127\.0\.0\.1 +2993 +from the start$/m)
    assert.match(text, /^ {2}alice@demo\.test +abcd-efgh$/m)
    assert.match(text, /swaks --server 127\.0\.0\.1 --port 2025 --from me@example\.com --to alice@demo\.test$/m)
    assert.match(text, /imaps:\/\/127\.0\.0\.1:2993\/INBOX;MAILINDEX=1/)
    assert.match(text, /IMAP port 2993, TLS; outgoing port 2465, TLS; user name alice@demo\.test/)
    assert.equal(text.match(/abcd-efgh/g)?.length, 1, 'a password is shown once')
    assert.doesNotMatch(text, /\u001b/)
  })

  it('of a later start has no password and says how to set one', () => {
    assert.match(greet({ ...first, demoUsers: [] }), /were shown at the first start; "npx pennypost user password ADDRESS" sets a new one/)
    assert.match(greet({ ...first, demoUsers: [], domains: [] }), /npx pennypost domain add example\.com/)
  })

  it('names an address that can be typed where the server listens everywhere', () => {
    const text = greet({ ...first, demoUsers: [], domains: ['x.test'], services: services.map((one) => ({ ...one, address: '0.0.0.0' })) })
    assert.match(text, /swaks --server 127\.0\.0\.1 --port 2025/)
    assert.match(text, /server mail\.test; IMAP port 2993/)
    assert.match(greet({ ...first, services: services.map((one) => ({ ...one, address: '::1' })) }), /imaps:\/\/\[::1\]:2993/)
  })
})
