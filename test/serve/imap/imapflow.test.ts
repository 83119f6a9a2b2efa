/** A client of other people's making, over TLS, through what everyday use is made of. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { openStage } from './stage.ts'

const stage = await openStage({ deps: { allowInsecureLogin: 'never' } })
after(() => stage.stop(0))

async function connect(user: string): Promise<ImapFlow> {
  const client = new ImapFlow({ host: '127.0.0.1', port: stage.port, secure: false, tls: { rejectUnauthorized: false }, auth: { user, pass: 'secret' }, logger: false })
  await client.connect()
  return client
}

const message = Buffer.from('From: Anna <anna@example.org>\r\nTo: bob@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.org>\r\nDate: Thu, 5 Feb 2026 04:04:05 +0100\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHallo Ä\r\n--b\r\nContent-Type: application/pdf; name="x.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n')

test('imapflow logs in over STARTTLS, lists, appends, searches, reads, flags, copies, moves and deletes', async () => {
  const client = await connect('flow')
  try {
    assert.equal(client.secureConnection, true)
    const boxes = await client.list({ statusQuery: { messages: true, unseen: true } })
    assert.deepEqual(boxes.map(({ path, specialUse, subscribed }) => [path, specialUse, subscribed]).sort(), [['Archive', '\\Archive', true], ['Drafts', '\\Drafts', true], ['INBOX', '\\Inbox', true], ['Junk', '\\Junk', true], ['Sent', '\\Sent', true], ['Trash', '\\Trash', true]])
    await client.mailboxCreate(['Entwürfe & Co', 'Unter'])
    const appended = await client.append('INBOX', message, ['\\Seen', '$label'], new Date(Date.UTC(2026, 1, 5)))
    assert.ok(appended !== false)
    assert.equal(appended.uid, 1)
    await client.append('INBOX', message)
    const lock = await client.getMailboxLock('INBOX')
    assert.ok(client.mailbox !== false)
    assert.equal(client.mailbox.exists, 2)
    assert.deepEqual(await client.search({ subject: 'grüße', seen: false }, { uid: true }), [2])
    const found = await client.fetchOne('1', { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true, headers: ['subject'], bodyParts: ['1'] })
    assert.ok(found !== false)
    assert.deepEqual([found.uid, found.size, found.envelope?.subject, found.envelope?.from?.[0]?.address], [1, message.length, 'Grüße', 'anna@example.org'])
    assert.deepEqual([...(found.flags ?? [])].sort(), ['$label', '\\Seen'])
    assert.deepEqual(found.source, message)
    assert.equal(found.bodyStructure?.childNodes?.[1]?.type, 'application/pdf')
    assert.equal(found.bodyParts?.get('1')?.toString(), 'Hallo Ä')
    const { content } = await client.download('1', '2')
    const chunks: Buffer[] = []
    assert.ok(content !== undefined)
    for await (const chunk of content) chunks.push(Buffer.from(chunk as Uint8Array))
    assert.equal(Buffer.concat(chunks).toString(), '%PDF')
    assert.equal(await client.messageFlagsAdd('2', ['\\Flagged']), true)
    const copied = await client.messageCopy('1:2', 'Entwürfe & Co/Unter')
    assert.ok(copied !== false)
    assert.deepEqual([...(copied.uidMap ?? [])], [[1, 1], [2, 2]])
    const moved = await client.messageMove('2', 'Trash')
    assert.ok(moved !== false)
    assert.deepEqual([...(moved.uidMap ?? [])], [[2, 1]])
    assert.equal(await client.messageDelete('1'), true)
    assert.equal(client.mailbox.exists, 0)
    lock.release()
    const status = await client.status('Entwürfe & Co/Unter', { messages: true, unseen: true })
    assert.ok(status !== false)
    assert.deepEqual([status.messages, status.unseen], [2, 1])
  } finally {
    await client.logout()
  }
})

test('imapflow hears of new messages and flags while it idles', async () => {
  const [one, two] = await Promise.all([connect('idler'), connect('idler')])
  try {
    await one.mailboxOpen('INBOX')
    const idling = one.idle()
    const exists = once(one, 'exists')
    await two.append('INBOX', message)
    assert.equal(((await exists)[0] as { count: number }).count, 1)
    await two.mailboxOpen('INBOX')
    const flags = once(one, 'flags')
    await two.messageFlagsAdd('1', ['\\Answered'])
    assert.ok(((await flags)[0] as { flags: Set<string> }).flags.has('\\Answered'))
    const expunge = once(one, 'expunge')
    await two.messageDelete('1')
    assert.equal(((await expunge)[0] as { seq: number }).seq, 1)
    await one.noop()
    await idling
  } finally {
    await Promise.all([one.logout(), two.logout()])
  }
})
