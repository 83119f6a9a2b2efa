import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import { Stage, eventually, password, startServer } from './harness.ts'
import type { Pennypost } from './harness.ts'
import { SmtpClient } from './smtpClient.ts'

/** PENNYPOST_TEST_KILLS=50 for the long run. */
const kills = Number(process.env['PENNYPOST_TEST_KILLS'] ?? 6)
const users = ['alice', 'bob', 'dora', 'erik']

/** Sends until the server dies; the numbers answered 250 are added to `acknowledged`. */
async function load(server: Pennypost, nextNumber: () => number, acknowledged: Set<number>): Promise<void> {
  try {
    const client = await SmtpClient.open(server.port(25))
    for (;;) {
      const number = nextNumber()
      const recipients = users.filter((_, index) => (number >> index) % 2 === 0 || index === number % users.length)
      const message = `From: s@example.com\r\nSubject: crash\r\nMessage-ID: <${number}@example.com>\r\nX-Number: ${number}\r\nX-Recipients: ${recipients.join(' ')}\r\n\r\n${'All work and no play.\r\n'.repeat(1 + (number % 400))}`
      if (await client.send('s@example.com', recipients.map((user) => `${user}@ours.test`), Buffer.from(message))) acknowledged.add(number)
    }
  } catch {
    // The connection broke because the server was killed; what was not answered 250 is the sender's to repeat.
  }
}

async function numbersIn(server: Pennypost, user: string): Promise<Map<number, number>> {
  const imap = new ImapFlow({ host: '127.0.0.1', port: server.port(993), secure: true, auth: { user: `${user}@ours.test`, pass: password }, tls: { rejectUnauthorized: false }, logger: false })
  await imap.connect()
  const counts = new Map<number, number>()
  for (const mailbox of ['INBOX', 'Junk']) {
    const { exists } = await imap.mailboxOpen(mailbox)
    if (exists === 0) continue
    for await (const { headers } of imap.fetch('1:*', { headers: ['x-number'] })) {
      const number = Number(/x-number: (\d+)/i.exec(headers?.toString() ?? '')?.[1] ?? NaN)
      counts.set(number, (counts.get(number) ?? 0) + 1)
    }
  }
  await imap.logout()
  return counts
}

describe('kill -9 under SMTP load', () => {
  const stage = new Stage()
  after(() => stage.end())

  it(`every message answered 250 is there exactly once after ${kills} kills`, async () => {
    const server = await startServer(stage, { users, settings: ['inbound.checks=no', 'smtp.messagesPerAddress=0', 'inbound.junkScore=999', 'inbound.refuseScore=1000'] })
    const acknowledged = new Set<number>()
    let last = 0
    for (let kill = 0; kill < kills; kill++) {
      const lanes = Array.from({ length: 8 }, () => load(server, () => ++last, acknowledged))
      await sleep(100 + Math.random() * 700)
      await server.kill()
      await Promise.all(lanes)
      await server.start()
    }
    await eventually('the queue is empty', async () => (JSON.parse((await server.cli('queue', 'list', '--json')).stdout) as unknown[]).length === 0, 60_000)
    let copies = 0
    for (const [index, user] of users.entries()) {
      const counts = await numbersIn(server, user)
      const expected = [...acknowledged].filter((number) => (number >> index) % 2 === 0 || index === number % users.length)
      assert.deepEqual(expected.filter((number) => counts.get(number) !== 1), [], `${user} lacks or has twice`)
      assert.deepEqual([...counts].filter(([, count]) => count > 1), [], `${user} has twice`)
      copies += expected.length
    }
    const checked = await server.cli('mailbox', 'check', '--all')
    assert.equal(checked.code, 0, checked.stdout)
    assert.ok(acknowledged.size > kills, `only ${acknowledged.size} messages`)
    console.log(`${kills} kills, ${acknowledged.size} messages answered 250 of ${last} begun, ${copies} copies expected, each found exactly once`)
  })
})
