/** What a client may not do for ever, and how it is told. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { after, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { Client, converse } from './client.ts'
import { openStage } from './stage.ts'
import type { StageOptions } from './stage.ts'

async function stageFor(options: StageOptions) {
  const stage = await openStage(options)
  after(() => stage.stop(0))
  return stage
}

const lastLine = (heard: string) => heard.trimEnd().split('\r\n').at(-1)

test('a line without end is cut off with BYE', async () => {
  const stage = await stageFor({ imap: { maxLineBytes: 1000 } })
  assert.equal(lastLine(await converse(stage.connect(), ['a LOGIN ', 'x'.repeat(2000)])), '* BYE A line is too long')
  assert.equal(lastLine(await converse(stage.connect(), [`a NOOP ${'x'.repeat(2000)}\r\n`])), '* BYE A line is too long')
})

test('a silent client is let go: before login by a deadline for all it says, afterwards by its silence', async () => {
  const stage = await stageFor({ clock: systemClock, imap: { loginTimeoutMs: 150, idleTimeoutMs: 100 } })
  const socket = stage.connect()
  const started = performance.now()
  const busy = setInterval(() => socket.write('a NOOP\r\n'), 20)
  const heard = await converse(socket, [])
  clearInterval(busy)
  assert.equal(lastLine(heard), '* BYE Nothing heard for too long')
  assert.ok(performance.now() - started < 1000)
  assert.equal(lastLine(await converse(stage.connect(), ['a LOGIN anna secret\r\n'])), '* BYE Nothing heard for too long')
  assert.match(await converse(stage.connect(), ['a LOGIN anna secret\r\nb IDLE\r\n']), /\+ idling\r\n\* BYE Nothing heard for too long\r\n$/)
  assert.match(await converse(stage.connect(), ['a AUTHENTICATE PLAIN\r\n']), /\+ \r\n\* BYE Nothing heard for too long\r\n$/)
})

test('a literal that does not come ends the connection', async () => {
  const stage = await stageFor({ clock: systemClock, imap: { literalTimeoutMs: 50 } })
  assert.match(await converse(stage.connect(), ['a LOGIN {5}\r\n', 'abc']), /\+ Ready\r\n\* BYE A literal did not end in time\r\n$/)
  assert.match(await converse(stage.connect(), ['a LOGIN {5+}\r\nabcde']), /BYE A command did not end in time\r\n$/)
})

test('many bad commands in a row end the session, a good one between forgives them', async () => {
  const stage = await stageFor({ imap: { maxBadCommands: 3 } })
  const heard = await converse(stage.connect(), ['a x\r\nb x\r\nc NOOP\r\nd x\r\ne x\r\nf\r\ng NOOP\r\n'])
  assert.equal(lastLine(heard), '* BYE Too many bad commands')
  assert.match(heard, /^c OK /m)
  assert.match(heard, /^f BAD /m)
  assert.doesNotMatch(heard, /^g /m)
})

test('a command is bounded, more tightly before login; what is sent unasked is thrown away', async () => {
  const stage = await stageFor({ imap: { maxCommandBytesBeforeLogin: 100, maxCommandBytes: 1000, maxLiterals: 3 } })
  const heard = await converse(stage.connect(), [
    `a LOGIN {200}\r\n`,
    `b LOGIN {200+}\r\n${'x'.repeat(200)} {5+}\r\nabcde\r\n`,
    'c LOGIN anna secret\r\n',
    `d CREATE {2000}\r\n`,
    `e CREATE {2000+}\r\n${'x'.repeat(2000)}\r\n`,
    'f STATUS {5+}\r\nINBOX {1+}\r\na {1+}\r\na {1+}\r\na\r\n',
    'g LOGOUT\r\n',
  ])
  for (const tag of ['a', 'b', 'd', 'e', 'f']) assert.match(heard, new RegExp(`^${tag} NO \\[LIMIT\\] The command is too long`, 'm'))
  assert.match(heard, /^c OK /m)
  assert.match(heard, /^g OK LOGOUT completed\r\n$/m)
})

test('octets without end before login are not read for ever', async () => {
  const stage = await stageFor({})
  assert.equal(lastLine(await converse(stage.connect(), ['a LOGIN {4294967295+}\r\n'])), '* BYE A literal is too large')
})

test('a server that stops says BYE to everyone, idle or not, and ends', async () => {
  const stage = await openStage()
  const heard = [converse(stage.connect(), []), converse(stage.connect(), ['a LOGIN anna secret\r\n']), converse(stage.connect(), ['a LOGIN anna secret\r\nb SELECT INBOX\r\nc IDLE\r\n'])]
  while (stage.events.filter(({ event }) => event === 'logged-in').length < 2) await systemClock.sleep(5)
  await systemClock.sleep(20)
  await stage.stop(5000)
  for (const text of await Promise.all(heard)) assert.equal(lastLine(text), '* BYE The server is stopping, connect again in a moment')
})

test('the connection that is one too many hears why', async () => {
  const stage = await stageFor({ imap: { maxConnectionsPerAddress: 1 } })
  const first = new Client(stage.connect())
  await first.response()
  assert.equal(await converse(stage.connect(), []), '* BYE [LIMIT] Too many connections, try again later\r\n')
  await first.close()
})

test('TLS from the first octet offers logins and no STARTTLS', async () => {
  const stage = await stageFor({ implicitTls: true, deps: { allowInsecureLogin: 'never' } })
  const socket = tls.connect({ host: '127.0.0.1', port: stage.port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const client = new Client(socket)
  const greeting = await client.response()
  assert.match(greeting, / AUTH=PLAIN /)
  assert.doesNotMatch(greeting, /STARTTLS|LOGINDISABLED/)
  await client.ok('LOGIN anna secret')
  await client.close()
})

test('a client that reads nothing does not fill the memory, and is cut off', async () => {
  const stage = await stageFor({ imap: { writeTimeoutMs: 200 } })
  const filler = await Client.enter(stage.connect(), 'slow')
  for (let at = 0; at < 100; at++) await filler.ok(`APPEND INBOX {90000+}\r\n${'x'.repeat(90_000)}`)
  await filler.close()
  const socket = net.connect(stage.port, '127.0.0.1')
  socket.write('a LOGIN slow secret\r\nb SELECT INBOX\r\nc FETCH 1:* BODY.PEEK[]\r\n')
  while (stage.events.filter(({ event }) => event === 'logged-in').length < 2) await systemClock.sleep(5)
  socket.pause()
  const before = process.memoryUsage().rss
  while (stage.connections() > 0) {
    await systemClock.sleep(20)
    assert.ok(process.memoryUsage().rss - before < 60_000_000)
  }
  socket.destroy()
})

test('the log tells logins and filed messages, never a password', async () => {
  const stage = await stageFor({})
  const client = await Client.enter(stage.connect(), 'anna')
  await client.ok('APPEND Sent {6+}\r\na: b\r\n')
  await client.command('LOGIN anna secret')
  await client.close()
  const fieldsOf = (word: string) => stage.events.find(({ event }) => event === word)?.fields ?? {}
  assert.deepEqual([fieldsOf('logged-in')['protocol'], fieldsOf('logged-in')['login'], fieldsOf('logged-in')['account'], fieldsOf('logged-in')['tls']], ['imap', 'anna', 'anna@example.org', false])
  assert.deepEqual([fieldsOf('filed')['account'], fieldsOf('filed')['mailbox'], fieldsOf('filed')['uid']], ['anna@example.org', 'Sent', 1])
  assert.doesNotMatch(JSON.stringify(stage.events), /secret/)
})
