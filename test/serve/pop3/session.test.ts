import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { after, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { converse } from '../converse.ts'
import { Client, login, openStage } from './stage.ts'

const stage = await openStage()
after(() => stage.stop(0))

const message = (n: number): string => `Subject: ${n}\r\n\r\n${'x'.repeat(n)}\r\n`
const uidsOf = async (account: Account, at = stage): Promise<number[]> => await at.mailOf(account, (mail) => [...(mail.state.mailbox('INBOX')?.uids() ?? [])])

test('one session has the maildrop; others are told, in other processes too, until it is over', async () => {
  await stage.addUser('alone')
  const other = await openStage({ beside: stage })
  const first = await Client.of(stage, 'alone')
  for (const place of [stage, other]) assert.match(await converse(place, [`${login('alone')}QUIT\r\n`]), /^-ERR \[IN-USE\] Another session has this maildrop open\r\n\+OK Goodbye\r\n$/m)
  await first.ask('QUIT')
  const second = await Client.of(other, 'alone')
  second.socket.destroy()
  await second.gone()
  // The server hears of it a moment later.
  while (other.connections() > 0) await systemClock.sleep(5)
  await systemClock.sleep(5)
  await (await Client.of(stage, 'alone')).ask('QUIT')
  await other.stop(0)
})

test('the maildrop of a process that died is free when its lease is over', async () => {
  const account = await stage.addUser('crash')
  const until = Date.now() + 150
  await stage.engine.table.commit([{ put: { partition: `lease/${account.id}`, sort: 'maildrop' }, value: Buffer.from(JSON.stringify({ v: 1, holder: 'dead', until })) }])
  await assert.rejects(Client.of(stage, 'crash'), /IN-USE/)
  await systemClock.sleep(until - Date.now() + 5)
  const client = await Client.of(stage, 'crash')
  assert.equal(await client.ask('QUIT'), '+OK Goodbye, 0 messages left')
  assert.equal(await stage.engine.table.get({ partition: `lease/${account.id}`, sort: 'maildrop' }), undefined)
})

test('a lease is renewed while its session lasts, and who loses it is sent away and deletes nothing', async () => {
  const quick = await openStage({ beside: stage, pop3: { leaseMs: 60 } })
  const account = await quick.addUser('lost', [message(1)])
  const key = { partition: `lease/${account.id}`, sort: 'maildrop' }
  const client = await Client.of(quick, 'lost')
  const before = await quick.engine.table.get(key)
  await systemClock.sleep(200)
  const renewed = await quick.engine.table.get(key)
  assert.ok(before && renewed && Buffer.compare(before, renewed) !== 0)
  await assert.rejects(Client.of(stage, 'lost'), /IN-USE/)
  await client.ask('DELE 1')
  await quick.engine.table.commit([{ put: key, value: Buffer.from(JSON.stringify({ v: 1, holder: 'thief', until: Date.now() + 60_000 })) }])
  assert.equal(await client.line(), '-ERR [SYS/TEMP] The maildrop was taken by another session')
  await client.gone()
  assert.deepEqual(await uidsOf(account, quick), [1])
  await quick.stop(0)
})

test('messages that come or go meanwhile do not change the numbers of a session', async () => {
  const account = await stage.addUser('meanwhile', [message(1), message(2), message(3)])
  const client = await Client.of(stage, 'meanwhile')
  await stage.mailOf(account, async (mail) => {
    const inbox = mail.state.mailbox('INBOX')
    assert.ok(inbox)
    await expungeMessages(mail, { mailboxId: inbox.id, uids: [2], regardless: true })
  })
  await stage.file(account, [message(9)])
  assert.match(await client.ask('STAT'), /^\+OK 3 /)
  assert.equal(await client.ask('RETR 2'), '-ERR The message is not there any more')
  assert.equal(await client.ask('TOP 2 0'), '-ERR The message is not there any more')
  assert.match(await client.ask('LIST 2'), /^\+OK 2 /)
  assert.equal(await client.ask('RETR 4'), '-ERR There is no message 4, the last one is 3')
  assert.equal(await client.fetch('RETR 3'), message(3))
  await client.ask('DELE 2')
  await client.ask('DELE 3')
  assert.equal(await client.ask('QUIT'), '+OK Goodbye, 1 messages left')
  assert.deepEqual(await uidsOf(account), [1, 4])
})

test('unique ids stay with their messages and are never given again', async () => {
  const account = await stage.addUser('unique', [message(1), message(2)])
  const ids = async () => {
    const client = await Client.of(stage, 'unique')
    const list = await client.fetch('UIDL')
    await client.ask('QUIT')
    return list.split('\r\n').filter(Boolean).map((line) => line.split(' ')[1])
  }
  const before = await ids()
  const client = await Client.of(stage, 'unique')
  await client.ask('DELE 2')
  await client.ask('QUIT')
  await stage.file(account, [message(2)])
  const behind = await ids()
  assert.equal(behind[0], before[0])
  assert.ok(behind.length === 2 && !before.includes(behind[1]))
  for (const id of [...before, ...behind]) assert.match(String(id), /^[\x21-\x7e]{1,70}$/)
})

test('what QUIT deletes is one entry of the log', async () => {
  const account = await stage.addUser('entry', Array.from({ length: 30 }, (_, n) => message(n)))
  const client = await Client.of(stage, 'entry')
  for (let n = 1; n <= 30; n += 2) await client.ask(`DELE ${n}`)
  const sequence = await stage.mailOf(account, (mail) => mail.state.sequence)
  assert.equal(await client.ask('QUIT'), '+OK Goodbye, 15 messages left')
  assert.equal(await stage.mailOf(account, (mail) => mail.state.sequence), sequence + 1)
  assert.ok(stage.events.some(({ event, fields }) => event === 'expunged' && fields.account === account.address && fields.messages === 15))
})

test('when the engine fails at QUIT the client is told, nothing is lost and the maildrop is free', async () => {
  const account = await stage.addUser('update', [message(1)])
  const client = await Client.of(stage, 'update')
  await client.ask('DELE 1')
  let failures = 1
  stage.engine.before = async (call) => {
    if (call === 'commit' && failures-- > 0) throw new EngineUnavailableError('the disk is full')
  }
  assert.equal(await client.ask('QUIT'), '-ERR [SYS/TEMP] Deleted messages could not be removed')
  await client.gone()
  stage.engine.before = async () => undefined
  assert.deepEqual(await uidsOf(account), [1])
  const again = await Client.of(stage, 'update')
  await again.ask('QUIT')
})

test('when the engine cannot be reached a login and a message are refused for now', async () => {
  await stage.addUser('engine', [message(1)])
  const client = await Client.of(stage, 'engine')
  stage.engine.before = async () => Promise.reject(new EngineUnavailableError('no network'))
  assert.equal(await client.ask('RETR 1'), '-ERR [SYS/TEMP] The mail store cannot be reached now, try again')
  assert.match(await converse(stage, [`${login('engine')}QUIT\r\n`]), /^-ERR \[SYS\/TEMP\] The mail store cannot be reached now, try again\r\n\+OK/m)
  stage.engine.before = async () => undefined
  assert.equal(await client.fetch('RETR 1'), message(1))
  await client.ask('QUIT')
})

test('a message that breaks off in the middle never seems whole', async () => {
  const account = await stage.addUser('broken')
  await stage.file(account, [`Subject: x\r\n\r\n${'x'.repeat(1000)}\r\n`])
  async function* half(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('Subject: x\r\n')
    await Promise.resolve()
    throw new Error('the file ends too soon')
  }
  const broken = await openStage({ beside: stage, blobs: { readStream: half, readBytes: async () => undefined } })
  const client = await Client.of(broken, 'broken')
  client.socket.write('RETR 1\r\n')
  const heard = await client.gone()
  assert.ok(!heard.includes('\r\n.\r\n'), heard)
  assert.ok(broken.events.some(({ event, level }) => event === 'message-cut-off' && level === 'error'))
  await broken.stop(0)
})

test('a long message is read no faster than the client takes it, and arrives octet for octet', async () => {
  const big = Buffer.from(`Subject: big\r\n\r\n${`${'.'.repeat(70)}\r\n`.repeat(200_000)}`)
  let read = 0
  const pieces = await openStage({
    beside: stage,
    blobs: {
      async *readStream(key, offset = 0, length = Infinity) {
        const whole = stage.engine.kept.get(key)?.bytes.subarray(offset, offset + length) ?? Buffer.alloc(0)
        for (let at = 0; at < whole.length; at += 60_000) {
          const piece = whole.subarray(at, at + 60_000)
          read += piece.length
          yield await Promise.resolve(piece)
        }
      },
    },
  })
  const account = await pieces.addUser('big')
  await pieces.file(account, [big.toString()])
  const client = await Client.of(pieces, 'big')
  client.socket.pause()
  client.socket.write('RETR 1\r\n')
  await systemClock.sleep(150)
  // What the kernel's buffers on both sides hold, and no more.
  assert.ok(read > 0 && read < big.length / 2, `${read} of ${big.length} octets were read`)
  client.socket.resume()
  assert.equal(await client.line(), `+OK ${big.length} octets`)
  const hash = createHash('sha256')
  for await (const text of bodyOf(client)) hash.update(text)
  assert.equal(hash.digest('hex'), createHash('sha256').update(big).digest('hex'))
  assert.equal(await client.ask('QUIT'), '+OK Goodbye, 1 messages left')
  await pieces.stop(0)
})

/** Lines of a multi-line answer, dots taken off. */
async function* bodyOf(client: Client): AsyncGenerator<string> {
  for (let next = await client.line(); next !== '.'; next = await client.line()) yield `${next.startsWith('.') ? next.slice(1) : next}\r\n`
}

test('SCRAM-SHA-256: the server proves itself before it lets the client in', async () => {
  await stage.addUser('scram', [message(1)])
  const client = new Client(stage.connect())
  await client.line()
  const bare = 'n=scram@example.org,r=clientnonce'
  const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
  const plain = (line: string) => Buffer.from(line.replace(/^\+ /, ''), 'base64').toString()
  const serverFirst = plain(await client.ask(`AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}`))
  const [, nonce = '', salt = '', iterations = ''] = /^r=(clientnonce[^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? []
  const mac = (key: Buffer, words: string) => createHmac('sha256', key).update(words).digest()
  const salted = pbkdf2Sync('secret words', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const clientKey = mac(salted, 'Client Key')
  const withoutProof = `c=biws,r=${nonce}`
  const words = `${bare},${serverFirst},${withoutProof}`
  const signature = mac(createHash('sha256').update(clientKey).digest(), words)
  const proof = clientKey.map((octet, index) => octet ^ (signature[index] ?? 0))
  const serverFinal = plain(await client.ask(base64(`${withoutProof},p=${base64(Buffer.from(proof))}`)))
  assert.equal(serverFinal, `v=${base64(mac(mac(salted, 'Server Key'), words))}`)
  assert.match(await client.ask(''), /^\+OK 1 messages, /)
  await client.ask('QUIT')
})

test('a server that stops says goodbye and deletes nothing', async () => {
  const stopping = await openStage()
  const account = await stopping.addUser('drain', [message(1), message(2)])
  const client = await Client.of(stopping, 'drain')
  const idle = new Client(stopping.connect())
  await idle.line()
  await client.ask('DELE 1')
  const stopped = stopping.stop(2000)
  assert.equal(await client.line(), '-ERR [SYS/TEMP] The server is stopping, connect again in a moment')
  assert.equal(await idle.line(), '-ERR [SYS/TEMP] The server is stopping, connect again in a moment')
  await stopped
  assert.deepEqual(await uidsOf(account, stopping), [1, 2])
  assert.equal(await stopping.engine.table.get({ partition: `lease/${account.id}`, sort: 'maildrop' }), undefined)
})
