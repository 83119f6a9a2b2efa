/** Random clients: whatever they say, the server stays, answers in form, and takes no message that was not sent. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { parseCommand } from '#lib/formats/smtp/command.ts'
import { SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import { converse } from '#test/serve/converse.ts'
import { openStage } from '#test/serve/smtp/stage.ts'

const stage = await openStage({ smtp: { maxBadCommands: 1000, maxMessageBytes: 5000, idleTimeoutMs: 2000, dataTimeoutMs: 2000 } })
const submission = await openStage({ role: 'submission', deps: { allowInsecureLogin: 'loopback' }, submission: { maxAuthFailures: 100 } })
after(() => Promise.all([stage.stop(0), submission.stop(0)]))

const words = ['EHLO c', 'HELO c', 'MAIL FROM:<a@b.example>', 'MAIL FROM:<> BODY=BINARYMIME', 'RCPT TO:<anna@example.org>', 'RCPT TO:<x@example.org>', 'DATA', '.', '..', 'BDAT 5', 'BDAT 7 LAST', 'BDAT 0 LAST', 'RSET', 'NOOP', 'VRFY x', 'HELP', 'AUTH PLAIN', 'AUTH LOGIN', 'AUTH SCRAM-SHA-256 eA==', 'AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0', 'Y2xpZW50LWZpbmFs', '*', 'x: y', '', 'QUIT now', '\x80\xff', '\0', ' ']
const ends = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '']
/** Single words hardly ever make a message. */
const transaction = 'MAIL FROM:<anna@example.org>\r\nRCPT TO:<anna@example.org>\r\n'
const whole = ['EHLO c\r\n', `EHLO c\r\n${transaction}`, `EHLO c\r\nAUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\n${transaction}`, 'DATA\r\nx: y\r\n\r\n.\r\n']
const line = fc.oneof({ weight: 4, arbitrary: fc.tuple(fc.constantFrom(...words), fc.constantFrom(...ends)).map(([word, end]) => word + end) }, { weight: 2, arbitrary: fc.constantFrom(...whole) })
const session = fc.array(line, { maxLength: 25 })

for (const [name, server] of [['mx', stage], ['submission', submission]] as const) {
  test(`a random client of ${name} gets replies in form and brings nothing down`, async () => {
    await fc.assert(
      fc.asyncProperty(session, async (lines) => {
        const heard = await converse(server, [...lines, '\r\n.\r\n\r\n.\r\nRSET\r\nQUIT\r\nQUIT\r\nQUIT\n'])
        assert.match(heard, /^(\d{3}[ -][^\r\n]*\r\n)+$/)
        assert.ok(!server.events.some((event) => event.level === 'error'), JSON.stringify(server.events.find((event) => event.level === 'error')))
      }),
      { numRuns: 250, seed: 20_250_101, interruptAfterTimeLimit: 4000 },
    )
    assert.ok(server.taken.length > 0)
    assert.equal(server.taken.every(({ message }) => message.envelope.recipients.length > 0), true)
  })
}

test('a command line of any text is understood or refused, never more', () => {
  const text = fc.string({ unit: fc.constantFrom(...'MAILFROMRCPTO:<>@"\\[]., ;=+-aé\u0000\u0085{}x0159IPv6'), maxLength: 80 })
  fc.assert(
    fc.property(fc.constantFrom('MAIL FROM:', 'MAIL FROM:<', 'RCPT TO:<', 'RCPT TO:<a@b.example> ', 'MAIL FROM:<a@b.example> ENVID=', 'BDAT ', 'AUTH ', ''), text, (head, rest) => {
      try {
        parseCommand(head + rest)
      } catch (error) {
        assert.ok(error instanceof SmtpRefusal, String(error))
      }
    }),
    { numRuns: 20_000, seed: 20_250_102, interruptAfterTimeLimit: 3000 },
  )
})
