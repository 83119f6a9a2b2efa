/** Rows of a snapshot stay packed until somebody looks at them: counted by how many of its parts were unpacked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '#lib/mail/mailbox/entry.ts'
import { messageLimit } from '#lib/mail/mailbox/messageList.ts'
import { lendSealed, sealBytes, unseal } from '#lib/mail/mailbox/seal.ts'
import type { Lend } from '#lib/mail/mailbox/seal.ts'
import { freezeState, thawState, unpackHead } from '#lib/mail/mailbox/snapshot.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import { describeState, start } from './setting.ts'

const full = 5
const count = full * messageLimit + 7

function append(state: AccountState, ...changes: Change[]): void {
  applyEntry(state, state.sequence + 1, { at: start, writer: 'test', changes })
}

const blob = { key: 'b', offset: 0, length: 1, codec: 'identity' as const, sizeBytes: 1 }

/** Of `count` messages, an entry each; only the last is unseen. */
function makeState(): AccountState {
  const state = new AccountState()
  append(state, { kind: 'create', name: 'INBOX', specialUse: null })
  const mailbox = inboxOf(state).id
  for (let number = 1; number <= count; number++) {
    append(state, { kind: 'file', mailbox, flags: number === count ? [] : ['\\Seen', `Tag${number % 3}`], internalDate: start + number, sizeBytes: number % 1000, deliveryId: null, blob, hash: new Uint8Array(32), metadata: null })
  }
  return state
}

function inboxOf(state: AccountState): MailboxState {
  return state.mailbox('INBOX') ?? assert.fail()
}

interface Thawed {
  readonly state: AccountState
  /** Parts unpacked until now, each as often as it was. */
  readonly unpacked: string[]
  readonly parts: ReadonlyMap<string, Lend>
}

/** `kept` are the parts of the snapshot before, which this one may still lead to. */
function thaw(state: AccountState, kept: ReadonlyMap<string, Lend> = new Map()): Thawed {
  const frozen = freezeState(state)
  for (const [number, part] of frozen.parts.entries()) part.key = `part ${kept.size + number}`
  const unpacked: string[] = []
  const lend = (key: string, bytes: Uint8Array): Lend => (use) => {
    unpacked.push(key)
    // Whoever kept them would see this.
    const lent = Uint8Array.from(bytes)
    const result = use(lent)
    lent.fill(0)
    return result
  }
  const parts = new Map([...kept, ...frozen.parts.map(({ key = '', bytes }) => [key, lend(key, bytes)] as const)])
  return { state: thawState(unpackHead(frozen.head().bytes), parts), unpacked, parts }
}

const whole = makeState()

test('what SELECT, STATUS and a resynchronisation without news ask unpacks nothing', () => {
  const { state, unpacked } = thaw(whole)
  const mailbox = inboxOf(state)
  assert.deepEqual([mailbox.count, mailbox.unseen, mailbox.deletedCount, mailbox.sizeBytes], [count, 1, 0, inboxOf(whole).sizeBytes])
  assert.deepEqual(mailbox.uids(), inboxOf(whole).uids())
  assert.equal(mailbox.firstUnseen(), count - 1)
  assert.deepEqual([mailbox.uidAt(0), mailbox.uidAt(messageLimit), mailbox.indexOf(messageLimit + 1), mailbox.indexOf(count + 1)], [1, messageLimit + 1, messageLimit, -1])
  assert.deepEqual(mailbox.changedSince(state.sequence - 3), [count - 2, count - 1, count])
  assert.deepEqual(unpacked, [])
})

test('ten changes unpack the parts they lie in, each once, and nothing else', () => {
  const { state, unpacked } = thaw(whole)
  const mailbox = inboxOf(state).id
  const uids = [1, 2, 3, messageLimit, 2 * messageLimit + 1, 2 * messageLimit + 2]
  for (const uid of uids) append(state, { kind: 'flags', mailbox, uids: [uid, uid], action: 'add', flags: ['\\Flagged'] })
  for (let more = 0; more < 4; more++) append(state, { kind: 'file', mailbox, flags: [], internalDate: start, sizeBytes: 1, deliveryId: null, blob, hash: new Uint8Array(32), metadata: null })
  assert.deepEqual(unpacked, ['part 0', 'part 2'])
  assert.deepEqual(inboxOf(state).changedSince(whole.sequence), [...uids, count + 1, count + 2, count + 3, count + 4])
  assert.deepEqual(unpacked, ['part 0', 'part 2'])
})

test('a state that was packed is what it was, also where UIDs have gaps, and can be packed again', () => {
  const state = makeState()
  const mailbox = inboxOf(state).id
  append(state, { kind: 'expunge', mailbox, uids: [10, 20, messageLimit + 5, messageLimit + 5, 4 * messageLimit, count - 1] })
  append(state, { kind: 'flags', mailbox, uids: [1, 5], action: 'add', flags: ['\\Deleted', 'tag1', 'Other'] })
  const wanted = describeState(state)
  const { state: once, unpacked, parts } = thaw(state)
  assert.deepEqual(inboxOf(once).indexOf(21), 9)
  assert.deepEqual(unpacked, ['part 0'])
  assert.deepEqual(describeState(thaw(once, parts).state), wanted)
  assert.deepEqual(describeState(once), wanted)
  assert.deepEqual(inboxOf(thaw(state).state).uids(), inboxOf(state).uids())
})

test('sealed octets come back; whatever octet of them is changed or missing is found before they are unpacked', async () => {
  for (const bytes of [Buffer.from('short'), Buffer.from('long and long '.repeat(500)), Buffer.alloc(300_000, 'x')]) {
    const sealed = await sealBytes(bytes)
    assert.deepEqual(Buffer.from(unseal(sealed)), bytes)
    assert.deepEqual([1, 2].map(() => lendSealed(sealed)((lent) => Buffer.from(lent).equals(bytes))), [true, true])
    for (const at of [0, 1, 4, 5, sealed.length - 1]) {
      const damaged = Buffer.from(sealed)
      damaged[at] = (damaged[at] ?? 0) ^ 0x40
      assert.throws(() => lendSealed(damaged), /damaged|does not know/)
    }
    assert.throws(() => lendSealed(sealed.subarray(0, sealed.length - 1)), /damaged/)
    assert.throws(() => lendSealed(sealed.subarray(0, 3)), /damaged/)
  }
})

test('a list of UIDs that was given stays as it was, whatever comes and goes after it; who asks again shares the next one', () => {
  const { state } = thaw(whole)
  const mailbox = inboxOf(state)
  const before = mailbox.uids()
  const copy = before.slice()
  append(state, { kind: 'file', mailbox: mailbox.id, flags: [], internalDate: start, sizeBytes: 1, deliveryId: null, blob, hash: new Uint8Array(32), metadata: null })
  const grown = mailbox.uids()
  assert.equal(grown.buffer, before.buffer)
  append(state, { kind: 'expunge', mailbox: mailbox.id, uids: [3, 4] })
  const shrunk = mailbox.uids()
  assert.deepEqual([before, grown, shrunk], [copy, Uint32Array.of(...copy, count + 1), Uint32Array.of(1, 2, ...copy.slice(4), count + 1)])
  assert.equal(mailbox.uids().buffer, shrunk.buffer)
  for (let more = 2; more < 1000; more++) append(state, { kind: 'file', mailbox: mailbox.id, flags: [], internalDate: start, sizeBytes: 1, deliveryId: null, blob, hash: new Uint8Array(32), metadata: null })
  assert.deepEqual([mailbox.uids().length, mailbox.uids().at(-1), shrunk.at(-1)], [count + 999 - 2, count + 999, count + 1])
})
