import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { Stage, eventually, password, startServer } from './harness.ts'
import { SmtpClient } from './smtpClient.ts'

const corpus = fileURLToPath(new URL('../../../shared/corpus/spam/', import.meta.url))
const reason = existsSync(corpus) ? false : 'the corpus is not here'
const wanted = 1000

/** Fields that final delivery replaces (RFC 5321 §4.4: one Return-Path, ours) or that we alone may set. */
const ours = /^(return-path|x-spam|x-spam-score|x-spam-reasons):/i

function withoutOurs(message: string): string {
  const end = message.indexOf('\r\n\r\n')
  const header = end < 0 ? message : message.slice(0, end + 2)
  const fields = header.split(/(?<=\r\n)(?![ \t])/)
  return fields.filter((field) => !ours.test(field)).join('') + (end < 0 ? '' : message.slice(end + 2))
}

describe('a thousand real messages', { skip: reason }, () => {
  const stage = new Stage()
  after(() => stage.end())

  it('come out byte for byte as they went in, but for added header lines', async () => {
    const folder = stage.path('mail')
    execFileSync('mkdir', [folder])
    for (const archive of ['spamassassin', 'usrp-users', 'phishing_pot']) execFileSync('tar', ['-xzf', `${corpus}${archive}.tar.gz`, '-C', folder])
    const files = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`).sort()
    const step = Math.max(1, Math.floor(files.length / (wanted * 1.1)))
    const messages = files
      .filter((_, index) => index % step === 0)
      // Many come with the separator line of an mbox, which is not of the message.
      .map((file) => readFileSync(file).toString('latin1').replaceAll(/\r?\n/g, '\r\n').replace(/(?<!\r\n)$/, '\r\n').replace(/^From [^\r]*\r\n/, ''))
      // What SMTP cannot carry: NUL and bare CR.
      .filter((text) => !/\0|\r(?!\n)/.test(text) && text.includes('\r\n\r\n'))
      .slice(0, wanted)
    assert.equal(messages.length, wanted)

    const server = await startServer(stage, { users: ['alice'], settings: ['inbound.checks=no', 'inbound.refuseScore=1000', 'inbound.junkScore=999', 'smtp.messagesPerAddress=0'] })
    const clients = await Promise.all([1, 2, 3, 4].map(() => SmtpClient.open(server.port(25))))
    const refused: string[] = []
    await Promise.all(
      clients.map(async (client, lane) => {
        for (let index = lane; index < messages.length; index += clients.length) {
          const taken = await client.send('sender@example.com', ['alice@ours.test'], Buffer.from(`X-Number: ${index}\r\n${messages[index] ?? ''}`, 'latin1'))
          if (!taken) refused.push(files[index] ?? '')
        }
        client.close()
      }),
    )
    assert.deepEqual(refused, [])
    await eventually('all are filed', () => server.events.filter((line) => line.event === 'filed').length === wanted, 60_000)

    const imap = new ImapFlow({ host: '127.0.0.1', port: server.port(993), secure: true, auth: { user: 'alice@ours.test', pass: password }, tls: { rejectUnauthorized: false }, logger: false })
    await imap.connect()
    await imap.mailboxOpen('INBOX')
    const found = new Map<number, string>()
    for await (const { source } of imap.fetch('1:*', { source: true })) {
      const text = source?.toString('latin1') ?? ''
      const number = /^X-Number: (\d+)\r\n/m.exec(text)
      if (number !== null) found.set(Number(number[1]), text.slice(number.index + number[0].length))
    }
    await imap.logout()
    assert.equal(found.size, wanted)
    for (const [index, text] of messages.entries()) assert.equal(withoutOurs(found.get(index) ?? ''), withoutOurs(text), `message ${index}`)
  })
})
