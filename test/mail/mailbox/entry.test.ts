import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pack, unpack } from 'msgpackr'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { decodeEntry, encodeEntry, standingFor, entryLimitBytes, withoutMetadata } from '#lib/mail/mailbox/entry.ts'
import type { Change, Entry } from '#lib/mail/mailbox/entry.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { entryKey, partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { decodeRuns, encodeRuns } from '#lib/mail/mailbox/uidRuns.ts'
import { describeState, fileText, inboxOf, makeSetting, start } from './setting.ts'
import type { Setting } from './setting.ts'

const filing: Extract<Change, { kind: 'file' }> = {
  kind: 'file', mailbox: 'F1', flags: ['\\Seen'], internalDate: start, sizeBytes: 7, deliveryId: 'd1',
  blob: { key: 'mail/anna/x', offset: 0, length: 7, codec: 'identity', sizeBytes: 7 }, hash: Buffer.alloc(32, 7), metadata: { inline: Buffer.from('made up'), codec: 'zstd' },
}
const changes: readonly Change[] = [
  filing,
  { ...filing, deliveryId: null, metadata: { blob: filing.blob } },
  { ...filing, metadata: { inline: Buffer.from('plain'), codec: 'identity' } },
  { ...filing, metadata: null },
  { ...filing, uid: 4_294_967_295, envelope: { from: '', to: 'anna@ours.example' } },
  { ...filing, deliveryId: null, uid: 7, restores: { sequence: 4, index: 1 } },
  { kind: 'settle', since: 3, spellings: ['Work', 'ünï'], mailboxes: [{ mailbox: 'F1', highestModSeq: 9, keywords: ['Work'], messages: [{ flags: ['\\Seen', 'Work'], modSeq: 8, uids: [1, 3, 9, 9] }, { flags: [], modSeq: 9, uids: [4, 4] }] }, { mailbox: 'F2', highestModSeq: 2, keywords: [], messages: [] }] },
  { kind: 'begin', lastUidValidity: 1_795_521_605 },
  { kind: 'submit', queueId: 'Q1', messageId: 'm@ours.example', from: 'anna@ours.example', recipients: ['ü@x.example', 'b@x.example'], sizeBytes: 9 },
  { kind: 'outcome', outcome: 'deferred', key: 'Q1.D.1', queueId: 'Q1', messageId: null, from: '', recipients: [], host: 'mx.x.example', reply: '450 later', code: 450, enhancedCode: '4.0.0', attempt: 1, nextAt: start },
  { kind: 'outcome', outcome: 'bounced', key: 'Q1.D.2', queueId: 'Q1', messageId: null, from: '', recipients: ['a@x.example'], host: null, reply: '', code: null, enhancedCode: '5.0.0', attempt: 2, nextAt: null },
  { kind: 'flags', mailbox: 'F1', uids: [1, 3, 9, 9], action: 'replace', flags: ['\\Seen', 'ünï'] },
  { kind: 'copy', from: 'F1', to: 'F2', uids: [1, 1] },
  { kind: 'move', from: 'F1', to: 'F2', uids: [1, 4_294_967_295] },
  { kind: 'expunge', mailbox: 'F1', uids: [2, 2] },
  { kind: 'create', name: 'A/ü', specialUse: null },
  { kind: 'create', name: 'Sent', specialUse: '\\Sent' },
  { kind: 'rename', from: 'A', to: 'B' },
  { kind: 'delete', mailbox: 'F1' },
  { kind: 'subscribe', name: 'A', on: false },
  { kind: 'acl', mailbox: 'F1', identifier: '-a1', rights: 'lr' },
  { kind: 'acl', mailbox: 'F1', identifier: 'anyone', rights: '' },
  { kind: 'annotate', mailbox: 'F1', user: 'a1', name: '/comment', value: Buffer.from([0, 255]) },
  { kind: 'annotate', mailbox: null, user: null, name: '/comment', value: null },
  { kind: 'sweep', before: start },
  { kind: 'end' },
]
const withBuffers = (value: unknown): unknown => (value instanceof Uint8Array ? `octets ${Buffer.from(value).toString('hex')}` : Array.isArray(value) ? value.map(withBuffers) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([word, each]) => [word, withBuffers(each)])) : value)

test('every kind of change is read back as it was written', () => {
  const entry: Entry = { at: start, writer: 'w', changes }
  assert.deepEqual(withBuffers(decodeEntry(1, encodeEntry(entry))), withBuffers(entry))
})

test('the names of mailboxes come back with the entry, and a damaged one stops the reader', () => {
  const mailboxes = [{ id: 'F1', name: 'INBOX', use: null }, { id: 'F1_4', name: 'Müll', use: '\\Trash' }]
  assert.deepEqual(decodeEntry(1, encodeEntry({ at: start, writer: 'w', changes: [], mailboxes })).mailboxes, mailboxes)
  assert.equal('mailboxes' in decodeEntry(1, encodeEntry({ at: start, writer: 'w', changes: [], mailboxes: [] })), false)
  assert.throws(() => decodeEntry(7, pack([1, start, 'w', [], [['F1', 5]]])), { name: 'EntryFormatError', message: /entry 7 .*name of a mailbox is damaged.*not text/ })
})

test('an entry stands for those before it, which an older program must not pass over', () => {
  const entry: Entry = { at: start, writer: 'w', changes: [filing], mailboxes: [{ id: 'F1', name: 'INBOX', use: null }] }
  const standing = standingFor(encodeEntry(entry), 4)
  assert.deepEqual(withBuffers(decodeEntry(9, standing)), withBuffers({ ...entry, first: 4 }))
  assert.deepEqual(Buffer.from(encodeEntry({ ...entry, first: 4 })), Buffer.from(standing))
  assert.equal(decodeEntry(9, standingFor(standing, 2)).first, 2)
  const versionOf = (bytes: Uint8Array) => (unpack(bytes) as number[])[0]
  assert.deepEqual([encodeEntry(entry), standing, encodeEntry({ ...entry, changes: [{ ...filing, restores: { sequence: 1, index: 0 } }] })].map(versionOf), [1, 2, 2])
})

test('entries of older programs, without UIDs, envelopes and names, are read', () => {
  const [version, at, writer, packed] = unpack(encodeEntry({ at: start, writer: 'w', changes: [{ ...filing, uid: 5 }] })) as [number, number, string, unknown[][]]
  assert.deepEqual(withBuffers(decodeEntry(1, pack([version, at, writer, packed.map((fields) => fields.slice(0, 9))]))), withBuffers({ at: start, writer: 'w', changes: [filing] }))
})

test('an entry of a newer version, an unknown kind or damaged octets stops the reader with a sentence', () => {
  const refused = (bytes: Uint8Array, words: RegExp) => assert.throws(() => decodeEntry(7, bytes), (error: Error) => error.name === 'EntryFormatError' && words.test(error.message))
  refused(pack([3, start, 'w', []]), /^entry 7 of the account log: it has version 3, this program reads versions up to 2; a newer program wrote it$/)
  refused(pack([1, start, 'w', [['pin', 'F1']]]), /entry 7 .*unknown kind pin.*a newer program wrote it/)
  refused(pack([1, start, 'w', [['toString']]]), /unknown kind toString/)
  refused(pack([1, start, 'w', [['flags', 'F1', Buffer.from([0, 1, 1]), 'toggle', []]]]), /flags is damaged.*not add or remove or replace/)
  refused(pack([1, start, 'w', [['delete']]]), /delete is damaged.*field 0 is missing/)
  refused(pack([1, start, 'w', [['expunge', 'F1', Buffer.from([0, 1])]]]), /expunge is damaged.*end in the middle of a run/)
  refused(pack([1, start, 'w', [['expunge', 'F1', Buffer.from([9, 1, 1])]]]), /unknown codec 9/)
  refused(pack([1, 'now', 'w', []]), /damaged/)
  refused(pack({ version: 1 }), /no list/)
  refused(Buffer.from([0xc1]), /no list|cannot be read/)
  refused(Buffer.alloc(0), /cannot be read/)
})

test('fields that a newer program added to a change are passed over, and kept when metadata is taken out', () => {
  const packed = unpack(encodeEntry({ at: start, writer: 'w', changes: [filing, filing] })) as [number, number, string, unknown[][]]
  packed[3][1]?.push(null, 'more')
  const stripped = withoutMetadata(1, pack(packed), [1])
  assert.deepEqual(decodeEntry(1, stripped).changes.map((change) => change.kind === 'file' && change.metadata === null), [false, true])
  assert.equal((unpack(stripped) as [number, number, string, unknown[][]])[3][1]?.at(-1), 'more')
  assert.throws(() => withoutMetadata(1, pack(packed), [2]), { name: 'EntryFormatError' })
})

test('random octets never do more than be refused', () => {
  const mutated = fc.tuple(fc.nat(400), fc.nat(255), fc.nat(400)).map(([at, octet, length]) => {
    const bytes = Buffer.from(encodeEntry({ at: start, writer: 'w', changes }))
    bytes[at % bytes.length] = octet
    return bytes.subarray(0, bytes.length - (length % 3 === 0 ? length % bytes.length : 0))
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (bytes) => {
      try {
        decodeEntry(1, bytes)
      } catch (error) {
        assert.equal((error as Error).name, 'EntryFormatError')
      }
    }),
    { numRuns: 3000, seed: 20_261_124 },
  )
})

test('runs of UIDs are read back as they were written', () => {
  const runs = fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { maxLength: 800 }).map((steps) => {
    let uid = 0
    return steps.flatMap(([gap, length]) => [(uid += gap + 1), (uid += length)])
  })
  fc.assert(fc.property(runs, (wanted) => assert.deepEqual(decodeRuns(encodeRuns(wanted)), wanted)), { numRuns: 300, seed: 20_261_124 })
})

// ---------------------------------------------------------------- the fold

test('the fold stops at an entry out of turn, and at one that names what is not there', () => {
  const state = new AccountState()
  const entry = (...all: Change[]): Entry => ({ at: start, writer: 'w', changes: all })
  assert.throws(() => applyEntry(state, 2, entry()), /entry 2 .*does not follow entry 0/)
  applyEntry(state, 1, entry({ kind: 'create', name: 'INBOX', specialUse: null }))
  assert.throws(() => applyEntry(state, 1, entry()), /entry 1 .*does not follow entry 1/)
  for (const change of [filing, { kind: 'delete', mailbox: 'F1' }, { kind: 'expunge', mailbox: 'F1', uids: [1, 1] }] as const) {
    const [other] = [{ ...change, mailbox: 'F9' }]
    assert.throws(() => applyEntry(state, 2, entry(other)), { name: 'EntryFormatError', message: /entry 2 .*names the mailbox F9, which is not there/ })
  }
  assert.throws(() => applyEntry(state, 2, entry({ kind: 'create', name: 'inbox', specialUse: null })), /is there already/)
})

test('the fold passes over a second filing of one delivery, in one entry and in another', () => {
  const state = new AccountState()
  applyEntry(state, 1, { at: start, writer: 'w', changes: [{ kind: 'create', name: 'INBOX', specialUse: null }] })
  applyEntry(state, 2, { at: start, writer: 'w', changes: [filing, filing, { ...filing, deliveryId: null }] })
  applyEntry(state, 3, { at: start, writer: 'x', changes: [filing] })
  assert.deepEqual(Array.from(inboxOf(state).uids()), [1, 2])
  assert.equal(inboxOf(state).highestModSeq, 2)
})

test('a program that meets what it does not know does not open the account, and does not write to it', async () => {
  const setting = makeSetting()
  const account = await setting.store().open('anna')
  setting.engine.rows.get(partitionOf('anna'))?.set(entryKey('anna', 2).sort, pack([1, start, 'newer', [['pin', 'F1']]]))
  const newer = { name: 'EntryFormatError', message: /entry 2 .*unknown kind pin/ }
  await assert.rejects(fileText(account), newer)
  await assert.rejects(account.refresh(), newer)
  await assert.rejects(setting.store().open('anna'), newer)
  assert.equal(setting.engine.rows.get(partitionOf('anna'))?.size, 2)
})

// ---------------------------------------------------------------- sizes

async function largeAccount(messages: number): Promise<{ setting: Setting; account: AccountMail; trash: string }> {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < messages; n += 200) await Promise.all(Array.from({ length: 200 }, () => fileText(account)))
  return { setting, account, trash: account.state.mailbox('Trash')?.id ?? '' }
}

const largest = ({ engine }: Setting) => Math.max(...[...(engine.rows.get(partitionOf('anna'))?.values() ?? [])].map((value) => value.length))

test('a move of a thousand messages is one entry, and nobody sees a part of it', async () => {
  const { setting, account, trash } = await largeAccount(2000)
  const inbox = inboxOf(account.state)
  const other = await setting.store().open('anna')
  const seen = new Set<string>()
  const look = () => seen.add(`${inboxOf(other.state).count} ${other.state.mailboxById(trash)?.count}`)
  other.listen(look)
  look()
  const before = account.state.sequence
  const uids = Array.from({ length: 1000 }, (_, at) => 2 * at + 1)
  const outcome = await moveMessages(account, { from: inbox.id, to: trash, uids })
  await other.refresh()
  other.release()
  assert.equal(account.state.sequence, before + 1)
  assert.deepEqual([outcome.source, outcome.destination], [uids, uids.map((_, at) => at + 1)])
  assert.deepEqual([...seen], ['2000 0', '1000 1000'])
})

test('sets of UIDs too large for an entry are split, and their messages changed all the same', async () => {
  const { setting, account, trash } = await largeAccount(60_000)
  const inbox = inboxOf(account.state)
  let turn = 1
  const random = () => (turn = (turn * 48_271) % 2_147_483_647) / 2_147_483_647
  const scattered = Array.from(inbox.uids()).filter(() => random() < 0.5)
  const many = await changeFlags(account, { mailboxId: inbox.id, uids: scattered, action: 'add', flags: ['\\Flagged'] })
  assert.deepEqual(many.changed, scattered)
  assert.equal(many.modSeq, account.state.sequence)
  assert.deepEqual((await copyMessages(account, { from: inbox.id, to: trash, uids: scattered })).source, scattered)
  assert.deepEqual(await expungeMessages(account, { mailboxId: inbox.id, uids: scattered, regardless: true }), scattered)
  assert.ok(largest(setting) <= entryLimitBytes, `${largest(setting)} octets`)
  const anew = await setting.store().open('anna')
  assert.deepEqual(describeState(anew.state), describeState(account.state))
})

test('messages that are filed together fill entries, never beyond their limit', async () => {
  const setting = makeSetting({ snapshotEntries: 0, maxKeywords: 0 })
  const account = await setting.store().open('anna')
  const flags = Array.from({ length: 30 }, (_, at) => `keyword-${at}-ü`)
  await Promise.all(Array.from({ length: 500 }, (_, at) => fileText(account, { flags, deliveryId: `${'é'.repeat(150)}${at}` })))
  const lengths = [...(setting.engine.rows.get(partitionOf('anna'))?.values() ?? [])].map((value) => value.length)
  assert.ok(Math.max(...lengths) <= entryLimitBytes)
  assert.equal(inboxOf(account.state).count, 500)
})

test('flags too long for an entry are refused, not half stored', async () => {
  const setting = makeSetting({ maxKeywords: 0 })
  const account = await setting.store().open('anna')
  await fileText(account)
  const before = describeState(account.state)
  const flags = Array.from({ length: 700 }, (_, at) => `${'k'.repeat(90)}${at}`)
  for (const action of ['add', 'remove', 'replace'] as const) await assert.rejects(changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action, flags }), { name: 'MailboxRefusal', code: 'LIMIT' })
  await assert.rejects(fileText(account, { flags }), { name: 'MailboxRefusal', code: 'LIMIT' })
  assert.deepEqual(describeState(account.state), before)
})
