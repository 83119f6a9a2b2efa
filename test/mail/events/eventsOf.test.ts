import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { eventTypes } from '#lib/formats/events/event.ts'
import type { EventOf, EventType, MailEvent } from '#lib/formats/events/event.ts'
import { packMetadata } from '#lib/formats/message/compact.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { eventLimitBytes, eventsOf } from '#lib/mail/events/eventsOf.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { decodeEntry, encodeEntry } from '#lib/mail/mailbox/entry.ts'
import type { Change, Entry, FileChange } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { createMailbox, deleteMailbox, renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { inboxOf, makeSetting, start } from '../mailbox/setting.ts'
import type { Setting } from '../mailbox/setting.ts'
import { faultsOf } from './schemaCheck.ts'

const crlf = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\r\n`).join(''))
const letter = crlf(['Message-ID: <m1@remote.example>', 'References: <a@x> <b@x>', 'Date: Tue, 24 Nov 2026 10:00:00 +0100', 'From: =?utf-8?q?J=C3=B6rg?= <joerg@remote.example>', 'To: friends: anna@ours.example, "B, C" <bc@ours.example>;', 'Subject: =?utf-8?b?R3LDvMOfZQ==?=', '', 'Never told.'])
const complaint = crlf(['From: <fbl@remote.example>', 'Subject: FW: offers', 'MIME-Version: 1.0', 'Content-Type: multipart/report; report-type="feedback-report"; boundary=b', '', '--b', '', 'Spam.', '--b', 'Content-Type: message/feedback-report', '', 'Feedback-Type: abuse', '', '--b', 'Content-Type: message/rfc822', '', 'Message-ID: <sent@ours.example>', 'From: anna@ours.example', 'To: bob@remote.example', 'Subject: offers', '', 'Buy.', '--b--'])

const uids = [1, 3, 7, 7]
const inbox = { id: 'F1', name: 'INBOX', use: null }
const trash = { id: 'F1_4', name: 'Trash', use: '\\Trash' }
const filing: FileChange = {
  kind: 'file', mailbox: 'F1', flags: ['\\Seen'], internalDate: start, sizeBytes: letter.length, deliveryId: 'Q1/anna', uid: 5, envelope: { from: 'joerg@remote.example', to: 'anna@ours.example' },
  blob: { key: 'mail/anna/x', offset: 0, length: 7, codec: 'zstd', sizeBytes: letter.length }, hash: Buffer.alloc(32), metadata: { inline: packMetadata(parseMessage(letter)), codec: 'identity' },
}
const message = {
  emailId: 'Mb', messageId: 'm1@remote.example', inReplyTo: ['a@x', 'b@x'], subject: 'Grüße', from: [{ name: 'Jörg', address: 'joerg@remote.example' }], to: [{ name: null, address: 'anna@ours.example' }, { name: 'B, C', address: 'bc@ours.example' }], cc: [],
  sentAt: '2026-11-24T09:00:00.000Z', internalDate: '2026-11-24T12:00:00.000Z', sizeBytes: letter.length, type: 'text/plain', content: { key: 'mail/anna/x', offset: 0, length: 7, codec: 'zstd' },
}
const nothingKnown = { ...message, messageId: null, inReplyTo: [], subject: null, from: [], to: [], sentAt: null, type: null }
const outcome = { queueId: 'Q2', messageId: 'Q2@ours.example', from: 'anna@ours.example', recipients: ['bob@remote.example'], host: 'mx.remote.example', reply: '250 taken', code: 250, enhancedCode: '2.0.0', attempt: 1 }
const outcomeChange = (more: Pick<Extract<Change, { kind: 'outcome' }>, 'outcome' | 'nextAt'>): Change => ({ kind: 'outcome', key: 'Q2.D.1.x', ...outcome, ...more })
const submission = { queueId: 'Q2', messageId: null, from: 'anna@ours.example', recipients: ['bob@remote.example'], sizeBytes: 99 }

function entryOf(...changes: readonly Change[]): Entry {
  // As the log has it.
  return decodeEntry(11, encodeEntry({ at: start, writer: 'w', changes, mailboxes: [inbox, trash] }))
}

const table: readonly (readonly [what: string, change: Change, events: readonly (readonly [type: EventType, detail: object])[]])[] = [
  ['mail that was delivered', filing, [['received', { queueId: 'Q1', from: 'joerg@remote.example', to: 'anna@ours.example', mailbox: inbox, uid: 5, message }], ['filed', { how: 'delivered', mailbox: inbox, uid: 5, flags: ['\\Seen'], message, copied: null }]]],
  ['a message that a client stored', { ...filing, deliveryId: null }, [['filed', { how: 'stored', mailbox: inbox, uid: 5, flags: ['\\Seen'], message, copied: null }]]],
  ['metadata that is packed', { ...filing, deliveryId: null, metadata: { inline: zstdCompressSync(packMetadata(parseMessage(letter))), codec: 'zstd' } }, [['filed', { how: 'stored', mailbox: inbox, uid: 5, flags: ['\\Seen'], message, copied: null }]]],
  ['metadata that is given up', { ...filing, deliveryId: null, metadata: null }, [['filed', { how: 'stored', mailbox: inbox, uid: 5, flags: ['\\Seen'], message: nothingKnown, copied: null }]]],
  ['metadata in a blob of its own', { ...filing, deliveryId: null, metadata: { blob: filing.blob } }, [['filed', { how: 'stored', mailbox: inbox, uid: 5, flags: ['\\Seen'], message: nothingKnown, copied: null }]]],
  ['metadata that is damaged', { ...filing, deliveryId: null, metadata: { inline: Buffer.from('made up'), codec: 'zstd' } }, [['filed', { how: 'stored', mailbox: inbox, uid: 5, flags: ['\\Seen'], message: nothingKnown, copied: null }]]],
  ['a copy', { kind: 'copy', from: 'F1', to: 'F1_4', uids }, [['filed', { how: 'copied', mailbox: trash, uid: null, flags: [], message: null, copied: { from: inbox, uids: [[1, 3], [7, 7]] } }]]],
  ['flags', { kind: 'flags', mailbox: 'F1', uids, action: 'add', flags: ['\\Flagged'] }, [['flagged', { mailbox: inbox, uids: [[1, 3], [7, 7]], action: 'add', flags: ['\\Flagged'] }]]],
  ['a move', { kind: 'move', from: 'F1', to: 'F1_4', uids }, [['moved', { from: inbox, to: trash, uids: [[1, 3], [7, 7]] }]]],
  ['a move of which the names are not known', { kind: 'move', from: 'F8', to: 'F9', uids: [1, 1] }, [['moved', { from: { id: 'F8', name: null, use: null }, to: { id: 'F9', name: null, use: null }, uids: [[1, 1]] }]]],
  ['an expunge', { kind: 'expunge', mailbox: 'F1', uids: [2, 2] }, [['deleted', { what: 'messages', mailbox: inbox, uids: [[2, 2]] }]]],
  ['a mailbox that is deleted', { kind: 'delete', mailbox: 'F1_4' }, [['deleted', { what: 'mailbox', mailbox: trash, uids: null }]]],
  ['the end of an account', { kind: 'end' }, [['deleted', { what: 'account', mailbox: null, uids: null }]]],
  ['a submission', { kind: 'submit', ...submission }, [['submitted', submission]]],
  ['a delivery', outcomeChange({ outcome: 'delivered', nextAt: null }), [['delivered', outcome]]],
  ['a deferral', outcomeChange({ outcome: 'deferred', nextAt: start + 60_000 }), [['deferred', { ...outcome, nextAt: '2026-11-24T12:01:00.000Z' }]]],
  ['a bounce', outcomeChange({ outcome: 'bounced', nextAt: null }), [['bounced', outcome]]],
  ['what no event is about', { kind: 'create', name: 'A', specialUse: null }, []],
  ['names', { kind: 'rename', from: 'A', to: 'B' }, []],
  ['subscriptions', { kind: 'subscribe', name: 'A', on: true }, []],
  ['a sweep', { kind: 'sweep', before: start }, []],
]

for (const [what, change, wanted] of table) {
  test(`${what}: ${wanted.length === 0 ? 'no event' : wanted.map(([type]) => type).join(', ')}`, () => {
    const events = eventsOf('anna', 11, entryOf(change))
    assert.deepEqual(events.map(({ type, detail }) => [type, detail]), wanted)
    for (const event of events) {
      assert.deepEqual([event.version, event.time, event.account, event.sequence], [1, '2026-11-24T12:00:00.000Z', 'anna', 11])
      assert.deepEqual(faultsOf(event), [])
    }
  })
}

test('a report that calls a message spam is a complaint, with the message it is about', () => {
  const change: FileChange = { ...filing, metadata: { inline: packMetadata(parseMessage(complaint)), codec: 'identity' } }
  const [received, , complained, more] = eventsOf('anna', 11, entryOf(change))
  assert.equal(more, undefined)
  const { detail } = complained as EventOf<'complained'>
  assert.deepEqual(detail.original, { messageId: 'sent@ours.example', from: [{ name: null, address: 'anna@ours.example' }], to: [{ name: null, address: 'bob@remote.example' }], subject: 'offers', sentAt: null })
  assert.deepEqual([detail.uid, detail.report], [5, (received as EventOf<'received'>).detail.message])
  assert.deepEqual(faultsOf(complained), [])
  // One that a client stores is no news.
  assert.deepEqual(eventsOf('anna', 11, entryOf({ ...change, deliveryId: null })).map(({ type }) => type), ['filed'])
})

test('a report without the message it is about is a complaint all the same', () => {
  const bytes = crlf(['Content-Type: multipart/report; Report-Type=feedback-report; boundary=b', '', '--b', '', 'x', '--b', 'Content-Type: message/feedback-report', '', 'Feedback-Type: abuse', '--b', 'Content-Type: text/rfc822-headers', '', 'Subject: x', '--b--'])
  const complained = eventsOf('anna', 11, entryOf({ ...filing, metadata: { inline: packMetadata(parseMessage(bytes)), codec: 'identity' } }))[2]
  assert.equal(complained?.type === 'complained' && complained.detail.original, null)
  const other = bytes.toString().replace('feedback-report', 'delivery-status')
  assert.equal(eventsOf('anna', 11, entryOf({ ...filing, metadata: { inline: packMetadata(parseMessage(Buffer.from(other))), codec: 'identity' } })).length, 2)
})

test('the same entry gives the same events with the same ids, each its own', () => {
  const entry = entryOf(...table.map(([, change]) => change), filing, filing)
  const events = eventsOf('anna', 11, entry)
  assert.deepEqual(eventsOf('anna', 11, entry), events)
  // Submissions and outcomes keep their id wherever they are written; here three outcomes share a made-up key.
  const ids = events.filter(({ type }) => !['delivered', 'deferred', 'bounced'].includes(type)).map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const outcomeIds = (sequence: number) => eventsOf('anna', sequence, entryOf(outcomeChange({ outcome: 'delivered', nextAt: null }), { kind: 'submit', ...submission })).map(({ id }) => id)
  assert.deepEqual(outcomeIds(11).slice(0, 1), outcomeIds(12).slice(0, 1))
  for (const event of events) assert.ok(event.id.startsWith('anna.'))
})

test('an outcome and a submission that were written twice are one event each', () => {
  const change: Change = { kind: 'submit', ...submission }
  const [first] = eventsOf('anna', 11, entryOf(change))
  const [second] = eventsOf('anna', 25, entryOf(change))
  assert.equal(first?.id, second?.id)
})

test('an event is never larger than its limit, whatever the entry holds', () => {
  const runs = Array.from({ length: 9000 }, (_, n) => [4_000_000_000 + 4 * n, 4_000_000_001 + 4 * n]).flat()
  const long = (n: number) => `${'ü'.repeat(300)}${n}@${'d'.repeat(200)}.example`
  const header = crlf([`Subject: ${'s'.repeat(100_000)}`, `From: ${Array.from({ length: 2000 }, (_, n) => `${'n'.repeat(300)} <u${n}@x.example>`).join(',\r\n ')}`, `To: ${Array.from({ length: 5000 }, (_, n) => `a${n}@x.example`).join(',\r\n ')}`, `Message-ID: <${'m'.repeat(5000)}>`, '', ''])
  const events = eventsOf('anna', 11, {
    at: start, writer: 'w',
    changes: [
      { kind: 'flags', mailbox: 'F1', uids: runs, action: 'add', flags: [] }, { ...filing, metadata: { inline: packMetadata(parseMessage(header)), codec: 'identity' } },
      { kind: 'outcome', key: 'k', ...outcome, outcome: 'bounced', nextAt: null, reply: 'ü'.repeat(1000), recipients: Array.from({ length: 100 }, (_, n) => long(n).slice(0, 320)) },
    ],
  })
  for (const event of events) assert.ok(Buffer.byteLength(JSON.stringify(event)) <= eventLimitBytes, `${event.type} has ${Buffer.byteLength(JSON.stringify(event))}`)
  const flagged = events.filter((event): event is EventOf<'flagged'> => event.type === 'flagged')
  assert.deepEqual(flagged.flatMap(({ detail }) => detail.uids.flat()), runs)
  assert.equal(new Set(flagged.map(({ id }) => id)).size, flagged.length)
})

test('whatever a message holds, its events keep to their schema', () => {
  const octets = fc.uint8Array({ maxLength: 400 })
  const header = fc.array(fc.tuple(fc.constantFrom('Subject', 'From', 'To', 'Cc', 'Date', 'Message-ID', 'References', 'Content-Type'), octets), { maxLength: 12 })
  fc.assert(
    fc.property(header, fc.double({ noNaN: true }), (fields, internalDate) => {
      const bytes = Buffer.concat([...fields.flatMap(([name, value]) => [Buffer.from(`${name}: `), value, Buffer.from('\r\n')]), Buffer.from('\r\nbody')])
      const change: FileChange = { ...filing, internalDate, metadata: { inline: packMetadata(parseMessage(bytes)), codec: 'identity' } }
      for (const event of eventsOf('anna', 11, entryOf(change))) assert.deepEqual(faultsOf(event), [])
    }),
    { numRuns: 400, seed: 20_261_125 },
  )
})

// ---------------------------------------------------------------- a real log

async function everything(account: AccountMail): Promise<void> {
  const inboxId = inboxOf(account.state).id
  const idOf = (name: string) => account.state.mailbox(name)?.id ?? ''
  const deliver = (n: number) => appendMessage(account, { content: letter, mailboxName: 'INBOX', flags: [], deliveryId: `Q${n}/anna`, envelope: { from: 'joerg@remote.example', to: 'anna@ours.example' } })
  await Promise.all([deliver(1), deliver(2), deliver(3)])
  await appendMessage(account, { content: letter, mailboxName: 'Drafts', flags: ['\\Draft'] })
  await appendMessage(account, { content: complaint, mailboxName: 'INBOX', flags: [], deliveryId: 'Q4/anna' })
  await changeFlags(account, { mailboxId: inboxId, uids: [1, 3], action: 'add', flags: ['\\Seen'] })
  await createMailbox(account, { name: 'A' })
  await copyMessages(account, { from: inboxId, to: idOf('A'), uids: [1] })
  await moveMessages(account, { from: inboxId, to: idOf('Trash'), uids: [2] })
  await expungeMessages(account, { mailboxId: inboxId, uids: [3], regardless: true })
  await deleteMailbox(account, { name: 'A' })
  await renameMailbox(account, { from: 'INBOX', to: 'Old' })
}

async function eventsIn({ deps }: Setting, first = 1): Promise<MailEvent[]> {
  const events: MailEvent[] = []
  for await (const { sequence, entry } of readEntries(deps.table, 'anna', first)) events.push(...eventsOf('anna', sequence, entry))
  return events
}

test('a real log tells its UIDs and names as its readers know them', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  await everything(account)
  const events = await eventsIn(setting)
  for (const event of events) assert.deepEqual(faultsOf(event), [])
  assert.deepEqual(events.flatMap((event) => (event.type === 'received' ? [`${event.detail.mailbox.name} ${event.detail.uid}`] : [])), ['INBOX 1', 'INBOX 2', 'INBOX 3', 'INBOX 4'])
  assert.deepEqual(events.flatMap((event) => (event.type === 'moved' ? [`${event.detail.from.name} to ${event.detail.to.name} (${event.detail.to.use})`] : [])), ['INBOX to Trash (\\Trash)', 'INBOX to Old (null)'])
  assert.deepEqual(events.filter(({ type }) => type === 'deleted').map(({ detail }) => 'mailbox' in detail && detail.mailbox?.name), ['INBOX', 'A'])
  await setting.store().deleteAccount('anna')
  const types = new Set([...events, ...(await eventsIn(setting))].map(({ type }) => type))
  const sent: readonly EventType[] = ['submitted', 'delivered', 'deferred', 'bounced']
  assert.deepEqual([...types, ...sent].sort(), [...eventTypes].sort())
})

test('read from any position, the rest of the events is the same', async () => {
  const setting = makeSetting()
  await everything(await setting.store().open('anna'))
  const all = await eventsIn(setting)
  const last = all.at(-1)?.sequence ?? 0
  for (let first = 1; first <= last + 1; first++) assert.deepEqual(await eventsIn(setting, first), all.filter(({ sequence }) => sequence >= first))
})
