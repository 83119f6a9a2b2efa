import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simpleParser } from 'mailparser'
import { defaultConfig } from '#lib/config.ts'
import { makeReport } from '#lib/mail/outbound/report.ts'
import type { ReportDeps, ReportedNote, SettledRecipient } from '#lib/mail/outbound/report.ts'
import { contentOf, readContent } from '#lib/mail/transit/content.ts'
import { decodeAnyNote } from '#lib/mail/transit/note.ts'
import type { Envelope, InboundNote, NotifyOption, Outcome, OutboundNote } from '#lib/mail/transit/note.ts'
import { readReport } from '../../formats/dsn/read.ts'
import type { ReadReport } from '../../formats/dsn/read.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'
import { bothPass, ours, verify } from './signing.ts'

const at = Date.UTC(2026, 10, 24, 8, 5, 9)
const engine = memoryEngine()
const deps: ReportDeps = {
  directory: { domain: async (name) => (name === 'ours.test' ? ours : undefined) },
  blobs: engine.blobs,
  clock: { now: () => at },
  hostname: 'mx.ours.test',
  config: defaultConfig(),
}
const letter = 'From: alice@ours.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@ours.test>\r\n\r\nThe text itself.\r\n'

async function noteOf(envelope: Partial<Envelope> = {}, text: string | Buffer = letter, silent?: boolean): Promise<ReportedNote> {
  const content = await contentOf(engine.blobs, 'transit/Q1', Buffer.from(text as string), {})
  return { queueId: 'Q1', receivedAt: at - 60_000, envelope: { mailFrom: 'alice@ours.test', recipients: [{ address: 'nobody@remote.test' }], ...envelope }, content, ...(silent === undefined ? {} : { silent }) }
}

const outcome: Outcome = { status: 'failed', enhancedCode: '5.1.1', reply: '550 5.1.1 User unknown', code: 550, host: 'mx.remote.test', at: at - 1000 }
const recipient = (more: Partial<SettledRecipient> = {}, last: Partial<Outcome> = {}): SettledRecipient => ({ address: 'nobody@remote.test', ...more, last: { ...outcome, ...last } })

interface Made {
  readonly queue: string
  readonly id: string
  readonly note: InboundNote | OutboundNote
  readonly bytes: Buffer
  readonly report: ReadReport
}

async function make(message: ReportedNote, recipients = [recipient()], options?: { until?: number }, more: Partial<ReportDeps> = {}): Promise<Made | undefined> {
  const made = await makeReport({ ...deps, ...more }, message, recipients, options)
  if (made === undefined) return undefined
  const note = decodeAnyNote(made.note.body)
  if (note.kind !== 'inbound' && note.kind !== 'outbound') throw new Error(note.kind)
  const chunks: Uint8Array[] = []
  for await (const chunk of readContent(engine.blobs, note.content)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return { queue: made.queue, id: made.note.id, note, bytes, report: readReport(bytes) }
}

async function demand(...given: Parameters<typeof make>): Promise<Made> {
  const made = await make(...given)
  if (made === undefined) throw new Error('no report')
  return made
}

test('our own user is told at home: signed, from nobody, and nobody is told of its fate', async () => {
  const { queue, note, id, bytes, report } = await demand(await noteOf({ envid: 'QQ1' }))
  assert.equal(queue, 'inbound')
  assert.match(id, /^Q1-r[0-9A-F]{12}$/)
  const { content, ...rest } = note
  assert.ok('inline' in content)
  assert.deepEqual(rest, { kind: 'inbound', queueId: id, receivedAt: at, envelope: { mailFrom: '', recipients: [{ address: 'alice@ours.test', notify: ['NEVER'] }], body: '7BIT' }, client: {} })
  assert.deepEqual(await verify(bytes), bothPass)
  assert.equal(report.header.get('from'), 'Mail Delivery System <postmaster@ours.test>')
  assert.equal(report.header.get('to'), '<alice@ours.test>')
  assert.equal(report.header.get('references'), '<1@ours.test>')
  assert.equal(new Map(report.status[0]).get('original-envelope-id'), 'QQ1')
  assert.equal((await simpleParser(bytes)).subject, 'Undeliverable: Grüße')
})

test('a stranger is told through the outbound queue, in the name of the domain he wrote to', async () => {
  const { queue, note, report, bytes } = await demand(await noteOf({ mailFrom: 'carol@remote.test', recipients: [{ address: 'x@elsewhere.test' }, { address: 'nobody@ours.test' }] }))
  assert.equal(queue, 'outbound')
  assert.ok(note.kind === 'outbound' && note.attempts === 0)
  assert.deepEqual(note.recipients, [{ address: 'carol@remote.test', notify: ['NEVER'] }])
  assert.equal(report.header.get('from'), 'Mail Delivery System <postmaster@ours.test>')
  assert.deepEqual(await verify(bytes), bothPass)
})

test('without a domain of ours among the recipients the one this host is in speaks', async () => {
  const { report } = await demand(await noteOf({ mailFrom: 'carol@remote.test' }))
  assert.equal(report.header.get('from'), 'Mail Delivery System <postmaster@ours.test>')
})

test('without any domain of ours in sight the host itself speaks, unsigned', async () => {
  const { report, bytes } = await demand(await noteOf({ mailFrom: 'carol@remote.test' }), undefined, undefined, { hostname: 'relay.example.net' })
  assert.equal(report.header.get('from'), 'Mail Delivery System <postmaster@relay.example.net>')
  assert.deepEqual(await verify(bytes), ['? none'])
})

const wishes: readonly (readonly [status: Outcome['status'], notify: readonly NotifyOption[] | undefined, told: boolean])[] = [
  ['failed', undefined, true],
  ['failed', [], true],
  ['failed', ['NEVER'], false],
  ['failed', ['SUCCESS', 'DELAY'], false],
  ['failed', ['FAILURE'], true],
  ['deferred', undefined, true],
  ['deferred', ['NEVER'], false],
  ['deferred', ['FAILURE'], false],
  ['deferred', ['DELAY'], true],
  ...(['delivered', 'relayed', 'expanded'] as const).flatMap((status): [Outcome['status'], readonly NotifyOption[] | undefined, boolean][] => [
    [status, undefined, false],
    [status, ['NEVER'], false],
    [status, ['FAILURE', 'DELAY'], false],
    [status, ['SUCCESS', 'FAILURE'], true],
  ]),
]
for (const [status, notify, told] of wishes) {
  test(`NOTIFY=${notify === undefined ? 'absent' : notify.join(',')}: ${status} is ${told ? '' : 'not '}told`, async () => {
    const made = await make(await noteOf(), [recipient(notify === undefined ? {} : { notify }, { status })])
    assert.equal(made !== undefined, told)
  })
}

test('only the recipients whose fate is wanted stand in the report', async () => {
  const { report } = await demand(await noteOf(), [recipient(), recipient({ address: 'quiet@remote.test', notify: ['NEVER'] }), recipient({ address: 'ok@remote.test' }, { status: 'delivered', enhancedCode: '2.0.0' })])
  assert.deepEqual(report.status.slice(1).map((group) => new Map(group).get('final-recipient')), ['rfc822; nobody@remote.test'])
})

test('nobody is told of the fate of a report, or of what nothing proves to be his', async () => {
  assert.equal(await make(await noteOf({ mailFrom: '' })), undefined)
  assert.equal(await make(await noteOf({}, letter, true)), undefined)
  assert.equal(await make(await noteOf(), []), undefined)
  assert.notEqual(await make(await noteOf({}, letter, false)), undefined)
})

test('the same fate has the same id in any order, another fate another', async () => {
  const message = await noteOf()
  const two = [recipient(), recipient({ address: 'other@remote.test' })]
  const { id } = await demand(message, two)
  assert.equal((await demand(message, [...two].reverse())).id, id)
  assert.notEqual((await demand(message, [recipient()])).id, id)
  assert.notEqual((await demand(message, two.map((one) => ({ ...one, last: { ...one.last, status: 'deferred' as const } })))).id, id)
})

test('a delay is told with the time until which we try', async () => {
  const { report } = await demand(await noteOf(), [recipient({}, { status: 'deferred', enhancedCode: '4.4.1' })], { until: at + 86_400_000 })
  assert.equal(report.header.get('subject')?.startsWith('=?UTF-8?B?'), true)
  const group = new Map(report.status[1])
  assert.deepEqual([group.get('action'), group.get('will-retry-until')], ['delayed', 'Wed, 25 Nov 2026 08:05:09 +0000'])
  assert.match(report.parts[0]?.text ?? '', /2026-11-25\s+08:05 UTC/)
  assert.equal(report.parts[2]?.type, 'text/rfc822-headers')
})

const returns: readonly (readonly [what: string, envelope: Partial<Envelope>, whole: boolean])[] = [
  ['our user, who did not say', {}, true],
  ['our user, who wants it', { ret: 'FULL' }, true],
  ['our user, who wants the header', { ret: 'HDRS' }, false],
  ['a stranger, who did not say', { mailFrom: 'carol@remote.test' }, false],
  ['a stranger, who wants it', { mailFrom: 'carol@remote.test', ret: 'FULL' }, true],
  ['one whose message needs TLS all the way', { ret: 'FULL', requireTls: true }, false],
]
for (const [what, envelope, whole] of returns) {
  test(`${what} gets ${whole ? 'the message' : 'the header'} back`, async () => {
    const { report, note } = await demand(await noteOf(envelope))
    const part = report.parts[2]
    if (whole) assert.deepEqual([part?.type, part?.text], ['message/rfc822', letter])
    else assert.deepEqual([part?.type, part?.text], ['text/rfc822-headers', letter.slice(0, letter.indexOf('\r\n\r\n') + 2)])
    assert.equal(note.envelope.requireTls, envelope.requireTls)
  })
}

test('of a success only the header comes back', async () => {
  const { report } = await demand(await noteOf({ ret: 'FULL' }), [recipient({ notify: ['SUCCESS'] }, { status: 'relayed', enhancedCode: '2.0.0' })])
  assert.equal(report.parts[2]?.type, 'text/rfc822-headers')
})

test('of a large message only the header is read', async () => {
  const header = `From: alice@ours.test\r\nSubject: big\r\nX-Long: ${'x'.repeat(500)}\r\n`
  let read = 0
  const blobs = {
    ...engine.blobs,
    async *readStream(_key: string, offset = 0, length = Infinity) {
      assert.ok(offset === 0 && length <= deps.config.outbound.bounceHeaderBytes)
      read += length
      yield Buffer.concat([Buffer.from(`${header}\r\n`), Buffer.alloc(length, 'y')]).subarray(0, length)
    },
  }
  const sizeBytes = 30 * 1024 * 1024
  const message: ReportedNote = { ...(await noteOf({ ret: 'FULL' })), content: { blob: { key: 'transit/Q1', offset: 0, length: sizeBytes, codec: 'identity', sizeBytes } } }
  const { report } = await demand(message, undefined, undefined, { blobs })
  assert.deepEqual([report.parts[2]?.type, report.parts[2]?.text], ['text/rfc822-headers', header])
  assert.equal(read, deps.config.outbound.bounceHeaderBytes)
})

test('a header that does not end is cut between lines', async () => {
  const config = { outbound: { ...deps.config.outbound, bounceHeaderBytes: 100, bounceFullBytes: 10 } }
  const { report } = await demand(await noteOf({}, `Subject: x\r\n${'X-More: 0123456789\r\n'.repeat(20)}\r\n`), undefined, undefined, { config })
  assert.equal(report.parts[2]?.text, `Subject: x\r\n${'X-More: 0123456789\r\n'.repeat(4)}`)
})

for (const [what, text] of Object.entries({ 'a message without a header': '\r\njust text\r\n', 'a header without lines': 'no header at all', 'an empty message': '' })) {
  test(`${what} can be reported too`, async () => {
    const { report } = await demand(await noteOf({ ret: 'HDRS' }, text))
    assert.deepEqual([report.header.get('subject'), report.parts.length], ['Undeliverable message', 3])
  })
}

test('a Message-ID or subject made to break out does not', async () => {
  const { report } = await demand(await noteOf({}, 'Subject: =?utf-8?q?a=0D=0ABcc:_x=40y.example?=\r\nMessage-ID: <a>\r\n <b@c>\r\n\r\n'))
  assert.equal(report.header.get('subject'), 'Undeliverable: a Bcc: x@y.example')
  assert.equal(report.header.get('references'), undefined)
})

test('an original in eight bits goes back by 8BITMIME, addresses in UTF-8 by SMTPUTF8', async () => {
  const eight = await demand(await noteOf({}, Buffer.from('Subject: x\r\n\r\nGr\xfc\xdfe\r\n', 'latin1')))
  assert.deepEqual([eight.note.envelope.body, eight.note.envelope.smtpUtf8], ['8BITMIME', undefined])
  const unicode = await demand(await noteOf({ smtpUtf8: true, mailFrom: 'älice@ours.test' }), [recipient({ address: 'jürgen@bücher.example' })])
  assert.deepEqual([unicode.note.envelope.body, unicode.note.envelope.smtpUtf8], ['8BITMIME', true])
  assert.deepEqual(await verify(unicode.bytes), bothPass)
  assert.equal(unicode.report.parts[1]?.type, 'message/global-delivery-status')
})
