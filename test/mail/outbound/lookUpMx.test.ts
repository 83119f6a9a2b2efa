import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '#lib/config.ts'
import { portLimits } from '#lib/engine/ports.ts'
import type { NoteAnswer } from '#lib/engine/ports.ts'
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import { releaseContent } from '#lib/mail/transit/lifetime.ts'
import { decodeAnyNote, encodeNote } from '#lib/mail/transit/note.ts'
import type { OutboundNote, ReleaseNote, TransitNote } from '#lib/mail/transit/note.ts'
import { SlowClock } from '#test/mail/accounts/stage.ts'
import { deliverOnce, deliveryNote, destinationAt, following, handedOut, openStage, outboundNote, queueId } from './stage.ts'
import { zone } from './zone.ts'

const minute = 60_000
const dns = ['remote.example MX 1 mx.remote.example', 'twin.example MX 1 mx.remote.example', 'mx.remote.example A 192.0.2.1', 'other.example A 192.0.2.2', 'null.example MX 0 .', 'broken.example MX FAILED']

function open(settings: Partial<Config['outbound']> = {}, smarthost: Parameters<typeof openStage>[0] = {}) {
  const clock = new SlowClock()
  const stage = openStage({ settings, clock, domains: { 'ours.example': null }, ...smarthost })
  const handler = makeLookUpMx({ ...stage.deps, resolver: zone(...dns), random: () => 0.5 })
  const lookUp = async (note: OutboundNote, id = queueId): Promise<NoteAnswer> => (await handler([handedOut(id, note)]))[0] ?? { kind: 'failed', reason: 'no answer' }
  return { stage, clock, lookUp, note: (to: Parameters<typeof outboundNote>[0], more: Parameters<typeof outboundNote>[1] = {}) => outboundNote(to, { receivedAt: clock.now(), ...more }) }
}

/** `queue id: kind to recipients [by key]` of what follows. */
function shown(answer: NoteAnswer): string[] {
  return following(answer).map(({ queue, note }) => {
    if (/-r(?!elease)/.test(note.id)) return `${queue}: report`
    const mail = decodeAnyNote(note.body)
    return `${queue}: ${mail.kind === 'release' ? `release of ${mail.holder}` : mail.kind === 'record' ? 'record' : mail.envelope.recipients.map(({ address }) => address).join(' ')}${mail.kind === 'delivery' ? ` by ${mail.destination.key}` : ''}`
  })
}

const mailIn = (answer: NoteAnswer, queue: string): TransitNote[] => following(answer).flatMap(({ queue: each, note }) => (each === queue && !/-r(?!elease)/.test(note.id) ? [decodeAnyNote(note.body)] : []))

test('recipients are split by destination and domain, and local ones stay', async () => {
  const { lookUp, note, stage } = open()
  const answer = await lookUp(note(['a@remote.example', 'b@Remote.Example', 'c@twin.example', 'd@other.example', 'bob@ours.example']))
  assert.deepEqual(shown(answer), ['inbound: bob@ours.example', 'delivery: a@remote.example b@Remote.Example by mx.remote.example', 'delivery: c@twin.example by mx.remote.example', 'delivery: d@other.example by other.example'])
  assert.equal(stage.events.filter(({ event }) => event === 'routed').length, 3)
})

test('a note bears only its own recipients, with their DSN wishes, and keeps the rest', async () => {
  const { lookUp, note } = open()
  const [delivery] = mailIn(await lookUp(note([{ address: 'a@remote.example', notify: ['FAILURE'], orcpt: 'rfc822;x@y.example' }, 'd@other.example'], { envelope: { ret: 'HDRS', envid: 'e' }, attempts: 3, warnedAt: 7, silent: true })), 'delivery')
  assert.ok(delivery?.kind === 'delivery')
  assert.deepEqual(delivery.envelope, { mailFrom: 'alice@ours.example', recipients: [{ address: 'a@remote.example', notify: ['FAILURE'], orcpt: 'rfc822;x@y.example' }], ret: 'HDRS', envid: 'e' })
  assert.deepEqual([delivery.attempts, delivery.warnedAt, delivery.silent, delivery.queueId], [3, 7, true, queueId])
})

test('looking up twice gives the same ids', async () => {
  const { lookUp, note } = open()
  const ids = async () => following(await lookUp(note(['a@remote.example', 'd@other.example', 'x@broken.example', 'bob@ours.example']))).map(({ note: { id } }) => id)
  const first = await ids()
  assert.deepEqual(first, await ids())
  assert.equal(new Set(first).size, 4)
})

test('more recipients than a transaction may have become several notes', async () => {
  const { lookUp, note } = open({ maxRecipientsPerDelivery: 2 })
  assert.deepEqual(shown(await lookUp(note(['a@remote.example', 'b@remote.example', 'c@remote.example']))), ['delivery: a@remote.example b@remote.example by mx.remote.example', 'delivery: c@remote.example by mx.remote.example'])
})

test('what cannot be delivered is reported, with the others on their way', async () => {
  const { lookUp, note, stage } = open()
  const answer = await lookUp(note(['a@remote.example', 'x@null.example', 'y@missing.example', 'nobody']))
  assert.deepEqual(shown(answer), ['delivery: a@remote.example by mx.remote.example', 'inbound: report'])
  assert.deepEqual(stage.reported, [{ kind: 'failed', to: ['x@null.example', 'y@missing.example', 'nobody'] }])
  assert.deepEqual(stage.fates(), ['nobody bounced 5.1.3', 'x@null.example bounced 5.1.10', 'y@missing.example bounced 5.1.2'])
})

test('DNS that fails puts off its recipients alone, under another id', async () => {
  const { lookUp, note, clock } = open()
  const answer = await lookUp(note(['x@broken.example', 'a@remote.example']))
  assert.deepEqual(shown(answer), ['delivery: a@remote.example by mx.remote.example', 'outbound: x@broken.example'])
  const retry = following(answer).find(({ queue }) => queue === 'outbound')
  assert.notEqual(retry?.note.id, queueId)
  assert.equal(retry?.note.notBefore, clock.now() + 5 * minute)
  const [again] = mailIn(answer, 'outbound')
  assert.ok(again?.kind === 'outbound')
  assert.equal(again.attempts, 1)
  assert.deepEqual([again.recipients[0]?.last?.enhancedCode, again.recipients[0]?.last?.status], ['4.4.3', 'deferred'])
  const later = following(await lookUp(again, retry?.note.id)).find(({ queue }) => queue === 'outbound')
  assert.notEqual(later?.note.id, retry?.note.id)
})

test('when the time is up the message bounces with its last reason', async () => {
  const { lookUp, note, clock, stage } = open()
  assert.deepEqual(shown(await lookUp(note(['x@broken.example'], { receivedAt: clock.now() - 5 * 24 * 60 * minute, attempts: 40 }))), ['inbound: report'])
  assert.deepEqual(stage.fates(), ['x@broken.example bounced 5.4.7'])
})

test('a smarthost of the sender takes all that is not ours, in one note', async () => {
  const smarthost = { host: '192.0.2.99', port: 587, tls: 'starttls', login: 'l', password: 'secret word' } as const
  const { lookUp, note } = open({}, { domains: { 'ours.example': smarthost } })
  const answer = await lookUp(note(['a@remote.example', 'x@null.example', 'bob@ours.example']))
  assert.deepEqual(shown(answer), ['inbound: bob@ours.example', 'delivery: a@remote.example x@null.example by 192.0.2.99:587 for ours.example'])
  assert.ok(following(answer).every(({ note: { body } }) => !Buffer.from(body).includes('secret word')))
  assert.deepEqual(shown(await lookUp(note(['a@remote.example'], { envelope: { mailFrom: '' } }))), ['delivery: a@remote.example by mx.remote.example'])
})

test('a large content is shared before it is sent on, and released by the note that is over', async () => {
  const { lookUp, note, stage } = open()
  const blob = { key: 'transit/big', offset: 0, length: 9, codec: 'identity', sizeBytes: 9 } as const
  const large = { ...note(['a@remote.example', 'd@other.example', 'x@broken.example']), content: { blob } }
  const answer = await lookUp(large)
  const holders = [...(stage.engine.rows.get('transit/transit/big')?.keys() ?? [])].sort()
  assert.deepEqual(holders, following(answer).flatMap(({ queue, note: { id } }) => (queue === 'inbound' ? [] : [id])).sort())
  assert.equal(shown(answer).at(-1), `inbound: release of ${queueId}`)
  const local = await lookUp({ ...note(['bob@ours.example', 'a@remote.example']), content: { blob } })
  assert.ok(shown(local).every((line) => !line.includes('release')), 'the note that goes on under the same id still needs it')
})

test('a thousand recipients with long addresses fit into notes', async () => {
  const { lookUp, note } = open()
  const to = Array.from({ length: 1000 }, (_, n) => `${`${n}`.padStart(60, 'x')}@remote.example`)
  for (const { note: { body } } of following(await lookUp(note(to, { text: 'x'.repeat(1000) })))) assert.ok(body.length < portLimits.noteBytes)
})

test('a note that cannot be read fails alone', async () => {
  const { stage, note } = open()
  const handler = makeLookUpMx({ ...stage.deps, resolver: zone(...dns) })
  const answers = await handler([{ id: 'bad', body: Buffer.from([1, 2, 3]), receives: 1, sentAt: 0 }, handedOut(queueId, note(['a@remote.example']))])
  assert.deepEqual(answers.map(({ kind }) => kind), ['failed', 'done'])
})

test('what is deferred goes back to be looked up anew, under its own id, and is warned of once', async () => {
  const { stage, clock, note } = open()
  const first = note(['a@remote.example', 'b@remote.example'])
  clock.at += 5 * 60 * minute
  const answer = await deliverOnce(stage, deliveryNote(destinationAt(1), first), `${queueId}.D`)
  assert.deepEqual(shown(answer), ['inbound: report', 'outbound: a@remote.example b@remote.example'])
  assert.deepEqual(stage.reported, [{ kind: 'deferred', to: ['a@remote.example', 'b@remote.example'] }])
  const [, retry] = following(answer)
  assert.equal(retry?.note.id, `${queueId}.D`)
  const [again] = mailIn(answer, 'outbound')
  assert.ok(again?.kind === 'outbound')
  assert.deepEqual([again.attempts, again.warnedAt], [1, clock.now()])
  clock.at += 30 * minute
  await deliverOnce(stage, deliveryNote(destinationAt(1), again), `${queueId}.D`)
  assert.equal(stage.reported.length, 1)
})

test('a large message whose domain changes its hosts between tries keeps its content, whatever is released meanwhile', async () => {
  const { stage, clock } = open()
  await stage.engine.blobs.put('transit/big', Buffer.from('Subject: x\r\n\r\nx\r\n'))
  const content = { blob: { key: 'transit/big', offset: 0, length: 17, codec: 'identity', sizeBytes: 17 } } as const
  let host = 1
  const resolver = { ...zone(), mx: async () => ({ status: 'found', records: [{ priority: 1, exchange: `mx${host}.remote.example` }] }) as const, a: async () => ({ status: 'found', records: ['127.0.0.1'] }) as const }
  const lookUp = makeLookUpMx({ ...stage.deps, resolver, config: { outbound: { ...stage.deps.config.outbound, allowLoopback: true, port: 1 } } })
  const releases: { readonly at: number; readonly note: ReleaseNote }[] = []
  /** What goes on with the message; its releases are kept until they are due. */
  const onward = (answer: NoteAnswer | undefined) => {
    for (const { note } of following(answer)) {
      const release = /release$/.test(note.id) ? decodeAnyNote(note.body) : undefined
      if (release?.kind === 'release') releases.push({ at: note.notBefore ?? 0, note: release })
    }
    const [next, ...others] = following(answer).filter(({ note }) => !/release$/.test(note.id))
    assert.ok(next !== undefined && others.length === 0)
    return next.note
  }
  let waiting = { id: queueId, body: encodeNote(outboundNote(['a@remote.example'], { receivedAt: clock.now(), content })) }
  for (const [next, waitMinutes] of [[2, 5], [1, 10], [1, 15], [1, 30], [1, 30]] as const) {
    const routed = onward((await lookUp([{ ...waiting, receives: 1, sentAt: 0 }]))[0])
    const delivery = decodeAnyNote(routed.body)
    assert.ok(delivery.kind === 'delivery')
    waiting = onward(await deliverOnce(stage, delivery, routed.id))
    host = next
    clock.at += waitMinutes * minute
    for (const { note } of releases.filter(({ at }) => at <= clock.now())) await releaseContent(stage.engine, note)
    assert.ok(stage.engine.kept.has('transit/big'), 'the message still waits')
  }
})

test('a message for many destinations is one blob for all of them, not a copy for each', async () => {
  const { stage } = open()
  const resolver = { ...zone(), mx: async (name: string) => ({ status: 'found', records: [{ priority: 1, exchange: `mx.${name}` }] }) as const, a: async () => ({ status: 'found', records: ['192.0.2.1'] }) as const }
  const lookUp = makeLookUpMx({ ...stage.deps, resolver })
  const text = `Subject: x\r\n\r\n${'y'.repeat(100_000)}\r\n`
  const addresses = Array.from({ length: 200 }, (_, n) => `a@d${n}.example`)
  const then = following((await lookUp([handedOut(queueId, outboundNote([...addresses, 'bob@ours.example'], { text }))]))[0])
  assert.ok(then.reduce((sum, { note }) => sum + note.body.length, 0) < 1_000_000)
  const holders = then.filter(({ note }) => !/release$/.test(note.id)).map(({ note }) => note.id)
  assert.equal(holders.length, 201)
  const notes = then.map(({ note }) => decodeAnyNote(note.body))
  const [first] = notes.flatMap((note) => (note.kind === 'delivery' && 'blob' in note.content ? [note.content.blob] : []))
  assert.ok(first !== undefined)
  assert.equal(Buffer.from((await stage.engine.blobs.readBytes(first.key)) ?? []).toString('latin1'), text)
  assert.deepEqual([...(stage.engine.rows.get(`transit/${first.key}`)?.keys() ?? [])].sort(), holders.sort())
  const few = following((await lookUp([handedOut(queueId, outboundNote(addresses.slice(0, 3), { text }))]))[0])
  assert.ok(few.every(({ note }) => { const decoded = decodeAnyNote(note.body); return decoded.kind === 'delivery' && 'inline' in decoded.content }))
})
