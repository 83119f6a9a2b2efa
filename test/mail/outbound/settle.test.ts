import assert from 'node:assert/strict'
import { test } from 'node:test'
import { portLimits } from '#lib/engine/ports.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { ownFinding } from '#lib/mail/outbound/outcome.ts'
import { settle } from '#lib/mail/outbound/settle.ts'
import type { Settled } from '#lib/mail/outbound/settle.ts'
import { decodeNote } from '#lib/mail/transit/note.ts'
import { SlowClock } from '#test/mail/accounts/stage.ts'
import { startFakeServer } from './fakeServer.ts'
import { startObedientServer } from './obedientServer.ts'
import { deliverOnce, deliveryNote, destinationAt, following, handedOut, openStage, outboundNote, queueId } from './stage.ts'

const to = (...addresses: string[]) => addresses.map((address) => ({ address }))
const finding = (status: 'deferred' | 'failed', words = 'x') => ownFinding(status, status === 'failed' ? '5.0.0' : '4.0.0', words)

test('when a report cannot be made, only those it is about are tried again', async () => {
  const server = await startObedientServer()
  const clock = new SlowClock()
  const stage = openStage({ clock })
  const deps = { ...stage.deps, report: async () => Promise.reject(new Error('no room for a report')) }
  const delivery = makeDeliverOutbound(deps)
  const note = deliveryNote(destinationAt(server.port), outboundNote(['bob@remote.example', 'nobody@remote.example'], { receivedAt: clock.now() }))
  const then = following((await delivery.handle([handedOut(`${queueId}.D`, note)]))[0])
  await delivery.close()
  await server.close()
  assert.deepEqual(then.map(({ queue, note: { id } }) => `${queue} ${id}`), [`outbound ${queueId}.D`])
  const again = decodeNote(then[0]?.note.body ?? Buffer.alloc(0), 'outbound')
  assert.deepEqual(again.recipients.map(({ address }) => address), ['nobody@remote.example'])
  assert.deepEqual(again.envelope.recipients, to('nobody@remote.example'))
  assert.equal(server.messages.length, 1)
})

test('what is put off for very many recipients goes back in several notes, each within the limit of its queue', async () => {
  const stage = openStage({ clock: new SlowClock() })
  const recipients = Array.from({ length: 250 }, (_, n) => ({ address: `${String(n).padStart(60, 'r')}@remote.example`, orcpt: `rfc822;${'o'.repeat(400)}` }))
  const note = outboundNote(recipients, { receivedAt: stage.deps.clock.now() })
  const large = { ...note, content: { inline: Buffer.alloc(320 * 1024), codec: 'zstd', sizeBytes: 1 } } as const
  const then = await settle(stage.deps, queueId, large, recipients.map((recipient): Settled => ({ recipient, finding: finding('deferred', 'ü'.repeat(1000)) })), `${queueId}.R`)
  assert.equal(then.length, 3)
  assert.equal(new Set(then.map(({ note: { id } }) => id)).size, 3)
  for (const each of then) assert.ok(each.note.body.length <= portLimits.noteBytes, `${each.note.body.length} octets`)
  assert.deepEqual(then.flatMap((each) => decodeNote(each.note.body, 'outbound').recipients.map(({ address }) => address)), recipients.map(({ address }) => address))
})

test('recipients of whom the same was said share a line in the log', async () => {
  const stage = openStage({ clock: new SlowClock() })
  const note = outboundNote(['a@x.example', 'b@x.example', 'c@x.example'], { receivedAt: stage.deps.clock.now() })
  await settle(stage.deps, queueId, note, note.recipients.map((recipient, i): Settled => ({ recipient, finding: finding('failed', i < 2 ? 'same' : 'other') })), `${queueId}.R`)
  assert.deepEqual(stage.events.map(({ event, fields }) => [event, fields['queueId'], fields['to'], fields['reply']]), [['bounced', queueId, ['a@x.example', 'b@x.example'], 'same'], ['bounced', queueId, ['c@x.example'], 'other']])
})

test('a large message goes through whole', async () => {
  const server = await startObedientServer()
  const stage = openStage()
  const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, n) => `${n % 7 === 0 ? '.' : ''}line ${n} ${'x'.repeat(n % 60)}\r\n`).join(''))
  await stage.engine.blobs.put('transit/big', bytes)
  const note = outboundNote(['bob@remote.example'])
  const answer = await deliverOnce(stage, deliveryNote(destinationAt(server.port), { ...note, content: { blob: { key: 'transit/big', offset: 0, length: bytes.length, codec: 'identity', sizeBytes: bytes.length } } }))
  await server.close()
  assert.equal(server.messages[0]?.replace(/^\./gm, ''), bytes.toString())
  const [release] = following(answer)
  assert.equal(decodeNote(release?.note.body ?? Buffer.alloc(0), 'release').blobKey, 'transit/big')
})

test('the log of a delivery tells host, reply and cipher', async () => {
  const server = await startFakeServer([['S: 220 mx', 'C: EHLO mail.ours.example', 'S: 250-mx', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 go', 'TLS', 'C: EHLO mail.ours.example', 'S: 250 mx', 'C: MAIL FROM:<alice@ours.example>', 'S: 250 ok', 'C: RCPT TO:<bob@remote.example>', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'MESSAGE', 'S: 250 2.0.0 taken as 42']])
  const stage = openStage()
  await deliverOnce(stage, deliveryNote(destinationAt(server.port), outboundNote(['bob@remote.example'])))
  await server.close()
  const fields = stage.events.find(({ event }) => event === 'delivered')?.fields
  assert.match(String(fields?.['tls']), /^TLSv1\.3 TLS_/)
  assert.deepEqual([fields?.['host'], fields?.['reply']], ['mx.remote.example', '250 2.0.0 taken as 42'])
})
