import assert from 'node:assert/strict'
import net from 'node:net'
import { after, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { converse } from '../converse.ts'
import { Client, login, openStage } from './stage.ts'
import type { Stage, StageOptions } from './stage.ts'

const stages: Stage[] = []
after(() => Promise.all(stages.map((stage) => stage.stop(0))))

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openStage(options)
  stages.push(stage)
  return stage
}

const greeting = '+OK Pennypost is ready\r\n'

test('who says nothing is left without a word, sooner before login than behind it', async () => {
  const stage = await open({ pop3: { loginTimeoutMs: 60, idleTimeoutMs: 200 } })
  const account = await stage.addUser('anna', ['a\r\n'])
  const start = Date.now()
  assert.equal(await converse(stage, []), greeting)
  assert.ok(Date.now() - start < 190)
  const client = await Client.of(stage, 'anna')
  await client.ask('DELE 1')
  const since = Date.now()
  assert.equal(await client.gone(), '')
  assert.ok(Date.now() - since >= 190)
  assert.equal(await stage.mailOf(account, (mail) => mail.state.mailbox('INBOX')?.count), 1)
})

test('silence in the middle of a login ends it too', async () => {
  const stage = await open({ pop3: { loginTimeoutMs: 60 } })
  assert.equal(await converse(stage, ['AUTH PLAIN\r\n']), `${greeting}+ \r\n`)
})

test('a line longer than the limit ends the session, with or without its end', async () => {
  const stage = await open({ pop3: { maxLineBytes: 100 } })
  for (const line of [`USER ${'x'.repeat(96)}\r\n`, 'x'.repeat(102)]) assert.equal(await converse(stage, [line]), `${greeting}-ERR A line is too long\r\n`)
  assert.equal(await converse(stage, ['AUTH PLAIN\r\n', 'A'.repeat(200)], 20), `${greeting}+ \r\n-ERR A line is too long\r\n`)
  assert.equal(await converse(stage, [`USER ${'x'.repeat(90)}\r\nQUIT\r\n`]), `${greeting}+OK Your password?\r\n+OK Goodbye\r\n`)
})

test('bad commands in a row end the session, good ones between them count anew', async () => {
  const stage = await open({ pop3: { maxBadCommands: 3 } })
  assert.equal((await converse(stage, ['X\r\nX\r\nCAPA\r\nX\r\nX\r\nQUIT\r\n'])).match(/-ERR/g)?.length, 4)
  assert.match(await converse(stage, ['X\r\nX\r\nX\r\nX\r\nQUIT\r\n']), /Command not known\r\n-ERR Too many bad commands\r\n$/)
})

test('connections beyond the limit are told why', async () => {
  const stage = await open({ pop3: { maxConnections: 2 } })
  const clients = [new Client(stage.connect()), new Client(stage.connect())]
  for (const client of clients) await client.line()
  assert.equal(await converse(stage, []), '-ERR [SYS/TEMP] Too many connections, try again later\r\n')
  clients[0]?.socket.destroy()
  while (stage.connections() > 1) await systemClock.sleep(5)
  assert.match(await converse(stage, ['QUIT\r\n']), /Goodbye/)
})

test('connections of one address are limited', async () => {
  const stage = await open({ pop3: { maxConnectionsPerAddress: 1 } })
  const client = new Client(stage.connect())
  await client.line()
  assert.match(await converse(stage, []), /Too many connections/)
  const other = net.connect({ port: stage.port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  assert.equal(await new Client(other).line(), greeting.trimEnd())
  other.destroy()
})

test('a client that does not read is cut off', async () => {
  const stage = await open({ pop3: { writeTimeoutMs: 100 } })
  await stage.addUser('anna', [`Subject: big\r\n\r\n${`${'x'.repeat(78)}\r\n`.repeat(200_000)}`])
  const client = await Client.of(stage, 'anna')
  client.socket.pause()
  client.socket.write('RETR 1\r\nRETR 1\r\n')
  while (!stage.events.some(({ event, fields }) => event === 'session-ended' && fields.reason === 'the client does not read')) await systemClock.sleep(10)
  client.socket.destroy()
})

test('failed logins are limited in one connection, and a locked address is told to come later', async () => {
  const stage = await open({ accounts: { failuresPerAddress: 4 }, pop3: { maxAuthFailures: 3 } })
  await stage.addUser('anna')
  const guess = (n: number) => `USER anna@example.org\r\nPASS guess ${n}\r\n`
  const heard = await converse(stage, [guess(1), guess(2), guess(3), guess(4)])
  assert.equal(heard.match(/\[AUTH\] The user name/g)?.length, 2)
  assert.match(heard, /-ERR \[AUTH\] Too many failed logins\r\n$/)
  assert.match(await converse(stage, [`${guess(5)}${login('anna')}QUIT\r\n`]), /-ERR \[SYS\/TEMP\] Too many failed logins, try again later\r\n\+OK Goodbye/)
})

test('a client may send all it has, close its side, and still gets every answer', async () => {
  const stage = await open()
  const account = await stage.addUser('anna', ['a\r\n', 'b\r\n'])
  const socket = stage.connect()
  socket.end(`${login('anna')}DELE 1\r\nQUIT\r\n`)
  assert.match(await new Client(socket).gone(), /\+OK Goodbye, 1 messages left\r\n$/)
  assert.equal(await stage.mailOf(account, (mail) => mail.state.mailbox('INBOX')?.count), 1)
})

test('lists of many messages are written in pieces', async () => {
  const stage = await open()
  await stage.addUser('anna', Array.from({ length: 1500 }, (_, n) => `${n}\r\n`))
  const client = await Client.of(stage, 'anna')
  const lines = (await client.fetch('UIDL')).trimEnd().split('\r\n')
  assert.equal(lines.length, 1500)
  assert.match(lines[1499] ?? '', /^1500 \d+\.1500$/)
  await client.ask('QUIT')
})
