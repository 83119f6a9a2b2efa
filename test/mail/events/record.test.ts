import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownFinding } from '#lib/mail/outbound/outcome.ts'
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import { settle } from '#lib/mail/outbound/settle.ts'
import type { Settled } from '#lib/mail/outbound/settle.ts'
import { eventsOf } from '#lib/mail/events/eventsOf.ts'
import type { EventOf, MailEvent } from '#lib/formats/events/event.ts'
import { entryLimitBytes } from '#lib/mail/mailbox/entry.ts'
import type { OutcomeChange, SubmitChange } from '#lib/mail/mailbox/entry.ts'
import { partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { makeRecordChanges } from '#lib/mail/mailbox/record.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { decodeNote, encodeNote } from '#lib/mail/transit/note.ts'
import { SlowClock } from '#test/mail/accounts/stage.ts'
import { openStage as openInbound } from '#test/mail/inbound/stage.ts'
import { deliveryNote, destinationAt, following, handedOut, openStage, outboundNote, queueId } from '#test/mail/outbound/stage.ts'
import { zone } from '#test/mail/outbound/zone.ts'
import { fileText, inboxOf, makeSetting } from '../mailbox/setting.ts'
import type { Setting } from '../mailbox/setting.ts'

const submit = (n: number): SubmitChange => ({ kind: 'submit', queueId: `Q${n}`, messageId: null, from: 'anna@ours.example', recipients: ['bob@remote.example'], sizeBytes: 1 })
const outcome = (n: number, more: Partial<OutcomeChange> = {}): OutcomeChange => ({ kind: 'outcome', outcome: 'delivered', key: `Q${n}.1`, queueId: `Q${n}`, messageId: null, from: 'anna@ours.example', recipients: ['bob@remote.example'], host: null, reply: 'ok', code: null, enhancedCode: '2.0.0', attempt: 1, nextAt: null, ...more })

async function entriesOf({ deps: { table } }: { readonly deps: Pick<Setting['deps'], 'table'> }, account = 'anna') {
  const entries = []
  for await (const { entry } of readEntries(table, account, 1)) entries.push(entry)
  return entries
}

const openRecord = ({ engine, clock }: Pick<Setting, 'engine' | 'clock'>) => makeRecordChanges({ table: engine.table, clock })

test('what is recorded costs one small read and one put, however large the account is', async () => {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < 300; n++) await fileText(account)
  setting.engine.forgetCalls()
  await openRecord(setting)('anna', [submit(1), outcome(1)])
  assert.deepEqual(setting.engine.calls, { get: 0, range: 1, commit: 1, put: 0, read: 0, delete: 0, list: 0, info: 0 })
})

test('it changes no mailbox, and whoever has the account open goes on', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  await fileText(account)
  const before = inboxOf(account.state).highestModSeq
  await openRecord(setting)('anna', [outcome(1)])
  const { uid } = await fileText(account)
  assert.equal(uid, 2)
  assert.equal(account.state.sequence, before + 2)
  assert.equal(inboxOf(account.state).count, 2)
})

test('many at once, beside filings, are each written once and in whole', async () => {
  const setting = makeSetting()
  const store = setting.store()
  const account = await store.open('anna')
  const [one, other] = [openRecord(setting), openRecord(setting)]
  await Promise.all([...Array.from({ length: 6 }, (_, n) => one('anna', [outcome(n)])), ...Array.from({ length: 6 }, (_, n) => other('anna', [outcome(n + 6)])), fileText(account), fileText(account)])
  const keys = (await entriesOf(setting)).flatMap(({ changes }) => changes.flatMap((change) => (change.kind === 'outcome' ? [change.key] : [])))
  assert.deepEqual(keys.sort(), Array.from({ length: 12 }, (_, n) => `Q${n}.1`).sort())
  assert.equal(inboxOf((await setting.store().open('anna')).state).count, 2)
})

test('a step that is repeated at once is not written again', async () => {
  const setting = makeSetting()
  await (await setting.store().open('anna')).refresh()
  const record = openRecord(setting)
  await record('anna', [submit(1), outcome(1)])
  await record('anna', [submit(1), outcome(1), outcome(2)])
  await record('anna', [outcome(2)])
  assert.deepEqual((await entriesOf(setting)).slice(1).map(({ changes }) => changes.map(({ kind }) => kind)), [['submit', 'outcome'], ['outcome']])
})

test('an account that sent something before it was ever opened gets its mailboxes all the same', async () => {
  const setting = makeSetting()
  await openRecord(setting)('anna', [submit(1)])
  const account = await setting.store().open('anna')
  assert.equal(account.state.sequence, 2)
  assert.deepEqual(account.state.mailboxes().map(({ name }) => name), ['INBOX', 'Drafts', 'Sent', 'Junk', 'Trash', 'Archive'])
  await fileText(account)
})

test('a deleted account gets none', async () => {
  const setting = makeSetting()
  const store = setting.store()
  await store.open('anna')
  await store.deleteAccount('anna')
  await openRecord(setting)('anna', [outcome(1)])
  assert.deepEqual((await entriesOf(setting)).map(({ changes }) => changes.map(({ kind }) => kind)), [['end']])
})

test('very many recipients with long replies are several entries, each within its limit', async () => {
  const setting = makeSetting()
  const recipients = Array.from({ length: 100 }, (_, n) => `${String(n).padStart(250, 'r')}@remote.example`)
  await openRecord(setting)('anna', Array.from({ length: 9 }, (_, n) => outcome(n, { recipients, reply: 'ü'.repeat(1000) })))
  const sizes = [...(setting.engine.rows.get(partitionOf('anna'))?.values() ?? [])].map(({ length }) => length)
  assert.ok(sizes.length > 1 && Math.max(...sizes) <= entryLimitBytes, sizes.join())
  assert.equal((await entriesOf(setting)).flatMap(({ changes }) => changes).length, 9)
})

// ---------------------------------------------------------------- the way of a message

const finding = (status: 'delivered' | 'deferred' | 'failed', reply: string) => (status === 'delivered' ? { status, enhancedCode: '2.0.0', reply, code: 250, host: 'mx.remote.example' } : ownFinding(status, status === 'failed' ? '5.1.1' : '4.0.0', reply))

async function eventsIn(setting: { readonly deps: Pick<Setting['deps'], 'table'> }, account = 'anna'): Promise<MailEvent[]> {
  return (await entriesOf(setting, account)).flatMap((entry, at) => eventsOf(account, at + 1, entry))
}

const ofMail = (events: readonly MailEvent[]): string[] => events.flatMap((event) => ('queueId' in event.detail && 'recipients' in event.detail ? [`${event.type} ${event.detail.recipients.join(' ')}`] : []))

test('an attempt writes down what became of each recipient, in the log of the account that sent it', async () => {
  const clock = new SlowClock()
  const stage = openStage({ clock })
  const deps = { ...stage.deps, record: makeRecordChanges({ table: stage.engine.table, clock }) }
  const note = deliveryNote(destinationAt(1), outboundNote(['a@x.example', 'b@x.example', 'c@x.example', 'd@x.example'], { receivedAt: clock.now(), client: { accountId: 'anna' }, submission: { messageId: 'm@ours.example', told: true } }))
  const settled = note.recipients.map((recipient, n): Settled => ({ recipient, finding: n < 2 ? finding('delivered', 'ok') : n === 2 ? finding('deferred', 'later') : finding('failed', 'never') }))
  const then = await settle(deps, `${queueId}.D`, note, settled, `${queueId}.D`)
  const events = await eventsIn({ deps: stage.engine })
  assert.deepEqual(ofMail(events), ['delivered a@x.example b@x.example', 'bounced d@x.example', 'deferred c@x.example'])
  const [delivered, , deferred] = events as [EventOf<'delivered'>, EventOf<'bounced'>, EventOf<'deferred'>]
  assert.deepEqual(delivered.detail, { queueId, messageId: 'm@ours.example', from: 'alice@ours.example', recipients: ['a@x.example', 'b@x.example'], host: 'mx.remote.example', reply: 'ok', code: 250, enhancedCode: '2.0.0', attempt: 1 })
  assert.equal(Date.parse(deferred.detail.nextAt), then.find(({ queue }) => queue === 'outbound')?.note.notBefore)
  // What goes back into the queue still knows its Message-ID.
  assert.deepEqual(decodeNote(then.find(({ queue }) => queue === 'outbound')?.note.body ?? Buffer.alloc(0), 'outbound').submission, { messageId: 'm@ours.example', told: true })
  // The same attempt again gives the same ids.
  await settle(deps, `${queueId}.D`, note, settled, `${queueId}.D`)
  assert.equal(new Set((await eventsIn({ deps: stage.engine })).map(({ id }) => id)).size, 3)
})

test('mail that no account handed in is in no log', async () => {
  const clock = new SlowClock()
  const stage = openStage({ clock })
  const recorded: string[] = []
  const deps = { ...stage.deps, record: async (account: string) => void recorded.push(account) }
  const note = outboundNote(['a@x.example'], { receivedAt: clock.now() })
  await settle(deps, queueId, note, note.recipients.map((recipient): Settled => ({ recipient, finding: finding('delivered', 'ok') })), `${queueId}.R`)
  assert.deepEqual(recorded, [])
})

test('an outcome that cannot be written now follows in a note, and the mail is not sent again for it', async () => {
  const clock = new SlowClock()
  const stage = openStage({ clock })
  const deps = { ...stage.deps, record: async () => Promise.reject(new Error('throttled')) }
  const note = deliveryNote(destinationAt(1), outboundNote(['a@x.example'], { receivedAt: clock.now(), client: { accountId: 'anna' } }))
  const then = await settle(deps, `${queueId}.D`, note, note.recipients.map((recipient): Settled => ({ recipient, finding: finding('delivered', 'ok') })), `${queueId}.D`)
  assert.deepEqual(then.map(({ queue }) => queue), ['inbound'])
  assert.ok(stage.events.some(({ event }) => event === 'outcome-not-recorded'))
  const inbound = await openInbound()
  const body = then[0]?.note.body ?? Buffer.alloc(0)
  assert.deepEqual(await inbound.check([{ id: then[0]?.note.id ?? '', body, receives: 1, sentAt: 0 }]), [{ kind: 'done' }])
  assert.deepEqual(ofMail(await eventsIn(inbound)), ['delivered a@x.example'])
})

test('looking up tells once that a message was handed in, with what is known already', async () => {
  const clock = new SlowClock()
  const stage = openStage({ clock, domains: { 'ours.example': null } })
  const lookUp = makeLookUpMx({ ...stage.deps, resolver: zone('remote.example MX 10 mx.remote.example', 'mx.remote.example A 192.0.2.1'), record: makeRecordChanges({ table: stage.engine.table, clock }) })
  const note = outboundNote(['bob@remote.example', 'nodomain', 'carl@ours.example'], { receivedAt: clock.now(), client: { accountId: 'anna' }, submission: { messageId: 'm@ours.example', told: false } })
  const then = following((await lookUp([handedOut(queueId, note)]))[0])
  assert.deepEqual(ofMail(await eventsIn({ deps: stage.engine })), ['submitted bob@remote.example nodomain carl@ours.example', 'bounced nodomain'])
  assert.equal((await entriesOf({ deps: stage.engine })).length, 1)
  const onward = [decodeNote(then.find(({ queue }) => queue === 'delivery')?.note.body ?? Buffer.alloc(0), 'delivery'), decodeNote(then.find(({ queue, note: { id } }) => queue === 'inbound' && id === queueId)?.note.body ?? Buffer.alloc(0), 'inbound')]
  assert.deepEqual(onward.map(({ submission }) => submission), [{ messageId: 'm@ours.example', told: true }, { messageId: 'm@ours.example', told: true }])
  assert.deepEqual(following((await lookUp([{ ...handedOut(`${queueId}.X`, note), body: encodeNote({ ...note, attempts: 1, submission: { messageId: 'm@ours.example', told: true } }) }]))[0]).length > 0, true)
  assert.equal(ofMail(await eventsIn({ deps: stage.engine })).filter((event) => event.startsWith('submitted')).length, 1)
})

test('mail among our users: handed in, delivered and refused, in one entry', async () => {
  const stage = await openInbound()
  const annasId = (await stage.directory.user('anna@ours.example'))?.id ?? ''
  assert.equal((await stage.run({ ...sentBy(annasId), ...to('bert@ours.example', 'gone@ours.example') }, 'Q1')).kind, 'done')
  assert.equal((await entriesOf(stage, annasId)).length, 1)
  assert.deepEqual(ofMail(await eventsIn(stage, annasId)), ['submitted bert@ours.example gone@ours.example', 'delivered bert@ours.example', 'bounced gone@ours.example'])
})

test('mail to a full mailbox of ours is handed in once, and put off as often as it is tried', async () => {
  const stage = await openInbound({ accounts: { quotaBytes: 10 }, inbound: { deferOverQuota: true } })
  const annasId = (await stage.directory.user('anna@ours.example'))?.id ?? ''
  const first = await stage.run({ ...sentBy(annasId), ...to('bert@ours.example') }, 'Q1')
  const [later] = following(first)
  assert.equal(later?.note.id, 'Q1-w')
  const second = await stage.check([{ id: 'Q1-w', body: later?.note.body ?? Buffer.alloc(0), receives: 1, sentAt: 0 }])
  assert.equal(second[0]?.kind, 'again')
  stage.clock.time += stage.settings.deferEveryMs
  await stage.check([{ id: 'Q1-w', body: later?.note.body ?? Buffer.alloc(0), receives: 2, sentAt: 0 }])
  const events = await eventsIn(stage, annasId)
  assert.deepEqual(ofMail(events), ['submitted bert@ours.example', ...Array.from({ length: 3 }, () => 'deferred bert@ours.example')])
  assert.equal(new Set(events.map(({ id }) => id)).size, 4)
})

const sentBy = (accountId: string) => ({ client: { accountId }, submission: { messageId: 'm@ours.example', told: false } })
const to = (...addresses: string[]) => ({ envelope: { mailFrom: 'anna@ours.example', recipients: addresses.map((address) => ({ address })) } })

test('what came through an alias tells the address that the sender wrote to', async () => {
  const stage = await openInbound()
  await stage.directory.addAlias({ address: 'support@ours.example', targets: ['anna@ours.example', 'bert@ours.example'] })
  await stage.run({ envelope: { mailFrom: 'joe@remote.example', recipients: [{ address: 'Support@ours.example' }] } }, 'Q1')
  for (const user of ['anna@ours.example', 'bert@ours.example']) {
    const received = (await eventsIn(stage, (await stage.directory.user(user))?.id)).find(({ type }) => type === 'received') as EventOf<'received'>
    assert.deepEqual([received.detail.from, received.detail.to], ['joe@remote.example', 'Support@ours.example'])
  }
})
