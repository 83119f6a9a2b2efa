/** Random clients: whatever they say in whatever state, the server stays, answers in form, and deletes only behind QUIT. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { parseCommand } from '#lib/formats/pop3/command.ts'
import { BadCommand } from '#lib/formats/pop3/refusal.ts'
import { parsePlain } from '#lib/formats/sasl/plain.ts'
import { parseClientFinal, parseClientFirst } from '#lib/formats/sasl/scram.ts'
import { converse } from '#test/serve/converse.ts'
import { login, openStage } from '#test/serve/pop3/stage.ts'

const quiet = { failuresPerAddress: 0, failuresPerAccount: 0 }
const stage = await openStage({ accounts: quiet, pop3: { maxBadCommands: 1000, maxAuthFailures: 1000, maxLineBytes: 300 } })
after(() => stage.stop(0))

const messages = ['Subject: one\r\n\r\n.\r\n..\r\n', 'no header end', '', '\r\n', 'A: b\r\n\r\n.x\r\n\r\n.']
const seed = 20_260_102

const words = [
  'USER anna@example.org', 'USER x', 'PASS secret words', 'PASS x', 'AUTH', 'AUTH PLAIN', 'AUTH LOGIN', 'AUTH SCRAM-SHA-256', 'AUTH SCRAM-SHA-256 biwsbj1hLHI9YQ==', 'AUTH PLAIN =', 'AGEAYg==', '*', '=', 'YT1i',
  'CAPA', 'UTF8', 'STAT', 'LIST', 'LIST 1', 'LIST 9', 'UIDL', 'UIDL 2', 'RETR 1', 'RETR 2', 'RETR 3', 'RETR 4', 'RETR 5', 'RETR 0', 'TOP 1 0', 'TOP 2 1', 'TOP 3 5', 'TOP 5 99', 'TOP', 'DELE 1', 'DELE 2', 'RSET', 'NOOP',
  'STLS now', 'QUIT now', '', ' ', '\x80\xff', 'USER \xc3\xbc', '\0', 'x'.repeat(200),
]
const ends = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '']
const line = fc.tuple(fc.constantFrom(...words), fc.constantFrom(...ends)).map(([word, end]) => word + end)
const lines = fc.array(line, { maxLength: 25 })

/** Every line of an answer is a status, a continuation, or inside a multi-line response. */
function inForm(heard: string): boolean {
  return heard.endsWith('\r\n') && /^(?:\+OK [^\r\n]*|-ERR [^\r\n]*|\+ [A-Za-z0-9+/=]*)\r\n/.test(heard)
}

for (const state of ['authorization', 'transaction'] as const) {
  test(`a random client in ${state} gets answers in form, brings nothing down and deletes nothing`, async () => {
    const name = state
    const account = await stage.addUser(name, messages)
    const before = state === 'transaction' ? login(name) : ''
    await fc.assert(
      fc.asyncProperty(lines, async (said) => {
        const heard = await converse(stage, [before, ...said, '\r\n*\r\nRSET\r\nQUIT\r\n'])
        assert.ok(inForm(heard), JSON.stringify(heard))
        if (state === 'transaction') assert.match(heard, /\r\n\+OK 5 messages, /)
        // A line over the limit is the one thing besides QUIT that ends a session here.
        assert.match(heard, /\r\n(?:\+OK Goodbye[^\r\n]*|-ERR A line is too long)\r\n$/)
        const bug = stage.events.find(({ level }) => level === 'error')
        assert.equal(bug, undefined, JSON.stringify(bug))
      }),
      { seed, numRuns: 200, interruptAfterTimeLimit: 4000 },
    )
    assert.equal(await stage.mailOf(account, (mail) => mail.state.mailbox('INBOX')?.count), messages.length)
  })
}

test('a random client that begins in the middle of a login brings nothing down', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('AUTH PLAIN', 'AUTH LOGIN', 'AUTH SCRAM-SHA-256', 'AUTH LOGIN YQ==', 'AUTH SCRAM-SHA-256 biwsbj1hLHI9YQ=='), fc.array(fc.oneof(line, fc.base64String({ maxLength: 60 }).map((text) => `${text}\r\n`)), { maxLength: 6 }), async (first, said) => {
      const heard = await converse(stage, [`${first}\r\n`, ...said, '\r\n*\r\nRSET\r\nQUIT\r\n'])
      assert.ok(inForm(heard), JSON.stringify(heard))
      assert.ok(!stage.events.some(({ level }) => level === 'error'))
    }),
    { seed, numRuns: 150, interruptAfterTimeLimit: 3000 },
  )
})

test('a line of any text is a command or a bad one, never more', () => {
  const text = fc.string({ unit: fc.constantFrom(...'USERPASTOLIDLQ0123456789 =+-\t\0\r\xff\xc3\xbc'), maxLength: 60 })
  fc.assert(
    fc.property(fc.constantFrom('', 'USER ', 'PASS ', 'AUTH ', 'TOP ', 'RETR ', 'LIST '), text, (head, rest) => {
      try {
        parseCommand(head + rest)
      } catch (error) {
        assert.ok(error instanceof BadCommand, String(error))
      }
    }),
    { seed, numRuns: 20_000, interruptAfterTimeLimit: 3000 },
  )
})

test('SASL messages of any octets are read or not, and never throw', () => {
  const octets = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ unit: fc.constantFrom(...'n,ya=r=pc=biws,s\0AB+/=2C3D'), maxLength: 60 }).map((text) => Buffer.from(text)))
  fc.assert(
    fc.property(octets, (message) => {
      for (const parse of [parsePlain, parseClientFirst, parseClientFinal]) assert.doesNotThrow(() => parse(message))
    }),
    { seed, numRuns: 20_000, interruptAfterTimeLimit: 3000 },
  )
})
