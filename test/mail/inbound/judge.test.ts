import assert from 'node:assert/strict'
import { generateKeyPairSync, hash } from 'node:crypto'
import { test } from 'node:test'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import { makeJudge } from '#lib/mail/inbound/judge.ts'
import type { JudgeDeps } from '#lib/mail/inbound/judge.ts'
import type { DomainChoice } from '#lib/mail/inbound/disposition.ts'
import type { ClientInfo, Content, Envelope } from '#lib/mail/transit/note.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'
import { envelope, inlineContent } from './stage.ts'
import { reverseName, zoneResolver } from './zone.ts'
import type { Zone } from './zone.ts'

const zone: Zone = {
  'sender.example': [{ TXT: 'v=spf1 ip4:192.0.2.1 -all' }],
  '_dmarc.sender.example': [{ TXT: 'v=DMARC1; p=reject' }],
  'slow.example': ['TIMEOUT'],
  '_dmarc.slow.example': ['TIMEOUT'],
  [reverseName('192.0.2.1')]: [{ PTR: 'mail.sender.example' }],
  'mail.sender.example': [{ A: '192.0.2.1' }],
  [reverseName('192.0.2.66')]: [{ PTR: 'mail.sender.example' }],
}

interface Asked {
  readonly inbound?: Partial<Config['inbound']>
  readonly domains?: Readonly<Record<string, DomainChoice>>
  readonly client?: ClientInfo
  readonly envelope?: Envelope
  readonly content?: Content
  readonly deps?: Partial<JudgeDeps>
  readonly zone?: Zone
}

const message = 'Received: from x\r\nFrom: Ann <ann@sender.example>\r\nTo: anna@ours.example\r\nSubject: minutes of the meeting\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n\r\nHere they are.\r\n'

async function judge(asked: Asked) {
  const questions: string[] = []
  const events: LogEvent[] = []
  const now = () => Date.UTC(2026, 10, 24, 12)
  const { blobs } = memoryEngine()
  const deps: JudgeDeps = {
    directory: { domain: async (name) => asked.domains?.[name] },
    resolver: zoneResolver({ ...zone, ...asked.zone }, questions),
    blobs,
    clock: { now, sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())) },
    log: makeLog((event) => events.push(event), { now }),
    hostname: 'mx.ours.example',
    settings: { ...defaultConfig().inbound, ...asked.inbound },
    isTrusted: (address) => address.startsWith('127.'),
    ...asked.deps,
  }
  const request = { queueId: 'Q1', envelope: asked.envelope ?? envelope('ann@sender.example', 'anna@ours.example'), client: asked.client ?? { address: '192.0.2.1', hello: 'mail.sender.example' }, content: asked.content ?? inlineContent(message) }
  const judgement = await makeJudge(deps)(request)
  return { refuse: judgement.refuse, verdict: judgement.forNote?.verdict, questions, events, put: (key: string, bytes: Buffer) => blobs.put(key, bytes) }
}

const stranger = { address: '192.0.2.66', hello: 'mail.sender.example' }

test('the verdict of an honest message travels with the note', async () => {
  const { verdict, refuse } = await judge({})
  assert.equal(refuse, undefined)
  assert.equal(verdict?.auth?.spf.result, 'pass')
  assert.equal(verdict.auth.dmarc.result, 'pass')
  assert.ok((verdict.spam?.score ?? 99) < 1, JSON.stringify(verdict.spam))
  assert.ok(verdict.draw >= 0 && verdict.draw < 100)
})

test('trusted, submitted and own mail is not judged, and nothing is asked', async () => {
  for (const client of [{ address: '127.0.0.1' }, { address: '192.0.2.66', accountId: 'a1' }, {}]) {
    const { verdict, refuse, questions } = await judge({ client })
    assert.deepEqual([verdict, refuse, questions], [undefined, undefined, []])
  }
})

test('the settings switch checks and score off, each for itself', async () => {
  const neither = await judge({ inbound: { checks: false, spam: false }, client: stranger })
  assert.deepEqual([neither.verdict, neither.questions], [undefined, []])
  const scored = await judge({ inbound: { checks: false }, client: stranger })
  assert.deepEqual([scored.verdict?.auth, scored.questions], [undefined, []])
  assert.equal(typeof scored.verdict?.spam?.score, 'number')
  const checked = await judge({ inbound: { spam: false } })
  assert.equal(checked.verdict?.spam, undefined)
  assert.equal(checked.verdict?.auth?.spf.result, 'pass')
  assert.ok(!checked.questions.some((question) => question.startsWith('PTR')))
})

test('what the DMARC policy rejects is refused while the client waits, and the log says why', async () => {
  const { refuse, verdict, events } = await judge({ client: stranger })
  assert.equal(verdict, undefined)
  assert.deepEqual([refuse?.code, refuse?.enhancedCode], [550, '5.7.1'])
  assert.match(refuse?.text ?? '', /DMARC policy of sender\.example \(p=reject\)/)
  assert.deepEqual(events.map(({ event, fields }) => [event, fields['queueId'], fields['spf'], fields['dmarc']]), [['checked', 'Q1', 'fail', 'fail']])
})

test('it is refused only when every recipient’s domain refuses', async () => {
  const to = envelope('ann@sender.example', 'anna@ours.example', 'dora@other.example')
  assert.notEqual((await judge({ client: stranger, envelope: to })).refuse, undefined)
  const split = await judge({ client: stranger, envelope: to, domains: { 'other.example': { dmarc: 'mark' } } })
  assert.equal(split.refuse, undefined)
  assert.equal(split.verdict?.auth?.dmarc.result, 'fail')
})

test('a domain refuses above its own score', async () => {
  const content = inlineContent(message.replace('Here they are.', 'Dear customer, verify your account within 24 hours: click here http://192.0.2.7/x').replace(/Date.*\r\n/, ''))
  const { verdict } = await judge({ content })
  assert.ok((verdict?.spam?.score ?? 0) > 4, JSON.stringify(verdict?.spam))
  const { refuse } = await judge({ content, domains: { 'ours.example': { dmarc: 'obey', refuseScore: 4 } } })
  assert.equal(refuse?.enhancedCode, '5.7.1')
})

test('a name that does not lead back to the client costs points', async () => {
  const name = async (client: ClientInfo) => (await judge({ client, domains: { 'ours.example': { dmarc: 'mark' } } })).verdict?.spam?.reasons.map(({ name: word }) => word).filter((word) => word.startsWith('PTR'))
  assert.deepEqual(await name({ address: '192.0.2.1', hello: 'mail.sender.example' }), [])
  assert.deepEqual(await name(stranger), ['PTR_UNCONFIRMED'])
  assert.deepEqual(await name({ address: '192.0.2.67', hello: 'mail.sender.example' }), ['PTR_MISSING'])
})

test('DNS that fails is a temporary error of the check, not of the message', async () => {
  const { verdict, refuse } = await judge({ envelope: envelope('x@slow.example', 'anna@ours.example'), content: inlineContent(message.replaceAll('sender.example', 'slow.example')) })
  assert.equal(refuse, undefined)
  assert.equal(verdict?.auth?.spf.result, 'temperror')
  assert.equal(verdict.auth.dmarc.result, 'temperror')
})

test('DNS that never answers is waited for no longer than the setting says', async () => {
  const never = <T>() => new Promise<T>(() => undefined)
  const waits: number[] = []
  const { verdict } = await judge({
    inbound: { spam: false },
    deps: {
      resolver: { txt: never, a: never, aaaa: never, mx: never, ptr: never },
      clock: { now: () => 0, sleep: async (ms) => void waits.push(ms) },
    },
  })
  assert.deepEqual(waits, [defaultConfig().inbound.checkTimeoutMs])
  assert.equal(verdict?.auth?.spf.result, 'temperror')
})

test('a message may ask a bounded number of questions', async () => {
  const deep = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`s${i}._domainkey.deep.example`, []]))
  const bodyHash = hash('sha256', 'Here they are.\r\n', 'base64')
  const signatures = Array.from({ length: 30 }, (_, i) => `DKIM-Signature: v=1; a=rsa-sha256; d=deep.example; s=s${i}; h=from; bh=${bodyHash}; b=AAAA\r\n`).join('')
  const { questions } = await judge({ zone: deep, content: inlineContent(signatures + message), inbound: { spam: false, checkMaxSignatures: 7 } })
  assert.equal(questions.filter((question) => question.includes('_domainkey')).length, 7)
  const few = await judge({ zone: deep, content: inlineContent(signatures + message), inbound: { spam: false, checkMaxDnsQuestions: 3 } })
  assert.equal(few.questions.length, 3)
})

test('a large message is verified as it streams and scored by its beginning', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
  const large = `${message.replace('Received: from x\r\n', '')}${'A line of a large message.\r\n'.repeat(60_000)}`
  // What mailauth reads, whatever its types declare.
  const options = { signatureData: [{ signingDomain: 'sender.example', selector: 'k', privateKey, algorithm: 'rsa-sha256', canonicalization: 'relaxed/relaxed' }] } as unknown as Parameters<typeof dkimSign>[1]
  const signed = await dkimSign(Buffer.from(large), options)
  const whole = Buffer.from(`Received: from x\r\n${signed.signatures}${large}`)
  const { blobs } = memoryEngine()
  await blobs.put('transit/Q1', whole)
  const { verdict, refuse } = await judge({
    client: stranger,
    deps: { blobs },
    zone: { 'k._domainkey.sender.example': [{ TXT: `v=DKIM1; k=rsa; p=${publicKey.toString('base64')}` }] },
    content: { blob: { key: 'transit/Q1', offset: 0, length: whole.length, codec: 'identity', sizeBytes: whole.length } },
  })
  assert.equal(refuse, undefined)
  assert.deepEqual(verdict?.auth?.dkim.map(({ result, aligned, domain }) => [result, aligned, domain]), [['pass', true, 'sender.example']])
  assert.equal(verdict.auth.dmarc.result, 'pass')
  assert.equal(typeof verdict.spam?.score, 'number')
})

test('a header too large to be checked is refused, whoever the recipients are', async () => {
  const folded = (lines: number) => message.replace('Subject: ', `Subject: ${'x\r\n '.repeat(lines)}`)
  assert.equal((await judge({ content: inlineContent(folded(4000)) })).refuse, undefined)
  assert.deepEqual((await judge({ content: inlineContent(folded(100_000)), domains: { 'ours.example': { dmarc: 'mark' } } })).refuse, { code: 554, enhancedCode: '5.6.0', text: 'Header section of more than 5000 lines' })
  const long = message.replace('Subject: ', `Subject: ${'x'.repeat(2000)}`)
  assert.deepEqual((await judge({ content: inlineContent(long), inbound: { maxHeaderBytes: 2000 } })).refuse?.text, 'Header section longer than 2000 octets')
  assert.equal((await judge({ content: inlineContent(message + 'x\r\n'.repeat(20_000)), inbound: { maxHeaderBytes: 2000 } })).refuse, undefined)
})

test('one more author does not undo the policy of another', async () => {
  const refused = async (from: string) => (await judge({ client: { address: '192.0.2.66', hello: 'x' }, content: inlineContent(message.replace('From: Ann <ann@sender.example>', from)), zone: { 'other.example': [{ TXT: 'v=spf1 -all' }] } })).refuse?.text ?? 'taken'
  for (const from of ['From: x@other.example, ann@sender.example', 'From: ann@sender.example, x@other.example', 'From: ann@sender.example\r\nFrom: x@other.example', 'From: x@other.example\r\nFrom: ann@sender.example', 'From: Both: x@other.example, ann@sender.example;']) assert.match(await refused(from), /DMARC policy of sender\.example/, from)
  assert.equal(await refused('From: x@other.example, y@third.example'), 'taken')
})
