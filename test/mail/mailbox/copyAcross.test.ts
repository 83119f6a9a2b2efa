import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { copyAcross, moveAcross } from '#lib/mail/mailbox/copyAcross.ts'
import type { CrossCopy } from '#lib/mail/mailbox/copyAcross.ts'
import { readWhole } from '#lib/mail/mailbox/read.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { inboxOf, makeSetting, start } from './setting.ts'

const all = (flag: string) => flag !== ''
const messagesOf = ({ state }: AccountMail) => Array.from({ length: inboxOf(state).count }, (_, place) => [inboxOf(state).uidAt(place), inboxOf(state).flagsAt(place).join(' '), inboxOf(state).sizeAt(place), inboxOf(state).internalDateAt(place)])

async function twoAccounts(count: number) {
  const setting = makeSetting()
  const store = setting.store()
  const [source, target] = await Promise.all([store.open('anna'), store.open('bert')])
  for (let n = 1; n <= count; n++) await appendMessage(source, { mailboxId: inboxOf(source.state).id, content: Buffer.from(`Subject: ${n}\r\n\r\n${'x'.repeat(n)}\r\n`), crlf: true, flags: n % 2 === 0 ? ['\\Seen', '$Work'] : ['\\Flagged'], internalDate: start + n })
  const request: CrossCopy = { source, from: inboxOf(source.state).id, uids: inboxOf(source.state).uids() as unknown as number[], target, to: inboxOf(target.state).id, mayKeep: all, limits: {} }
  return { setting, source, target, request: { ...request, uids: [...inboxOf(source.state).uids()] } }
}

test('messages are copied with content, flags and dates, in their order, by one entry', async () => {
  const { source, target, request } = await twoAccounts(3)
  const { sequence } = target.state
  assert.deepEqual(await copyAcross({ ...request, uids: [3, 1, 7, 2] }), { uidValidity: inboxOf(target.state).uidValidity, source: [1, 2, 3], destination: [1, 2, 3] })
  assert.equal(target.state.sequence, sequence + 1)
  assert.deepEqual(messagesOf(target), messagesOf(source))
  assert.deepEqual(Buffer.from(await readWhole(target, inboxOf(target.state).id, 2)).toString(), 'Subject: 2\r\n\r\nxx\r\n')
})

test('flags that may not go along stay behind', async () => {
  const { target, request } = await twoAccounts(2)
  await copyAcross({ ...request, mayKeep: (flag) => flag === '\\Seen' })
  assert.deepEqual(messagesOf(target).map(([, flags]) => flags), ['', '\\Seen'])
})

test('a move takes the messages away once they are in the other account', async () => {
  const { source, target, request } = await twoAccounts(3)
  await moveAcross({ ...request, uids: [1, 3] })
  assert.deepEqual([messagesOf(source).map(([uid]) => uid), messagesOf(target).length], [[2], 2])
})

test('all or none: with too little room in octets or messages, or a failing engine, nothing is copied and nothing goes', async () => {
  for (const limits of [{ quotaBytes: 50 }, { quotaMessages: 2 }]) {
    const { source, target, request } = await twoAccounts(3)
    await assert.rejects(moveAcross({ ...request, limits }), { code: 'OVERQUOTA' })
    assert.deepEqual([messagesOf(source).length, messagesOf(target).length], [3, 0])
  }
  const { setting, source, target, request } = await twoAccounts(3)
  let puts = 0
  setting.engine.before = async (call) => {
    if (call === 'put' && ++puts === 3) throw new EngineUnavailableError('no')
  }
  await assert.rejects(moveAcross(request), EngineUnavailableError)
  setting.engine.before = async () => undefined
  assert.deepEqual([messagesOf(source).length, messagesOf(target).length], [3, 0])
})

test('of more messages than one entry takes, those before a failure are taken back', async () => {
  const { setting, source, target, request } = await twoAccounts(401)
  let puts = 0
  setting.engine.before = async (call) => {
    if (call === 'put' && ++puts === 401) throw new EngineUnavailableError('no')
  }
  await assert.rejects(moveAcross(request), EngineUnavailableError)
  setting.engine.before = async () => undefined
  assert.deepEqual([messagesOf(source).length, messagesOf(target).length], [401, 0])
  assert.equal((await copyAcross(request)).destination.length, 401)
})
