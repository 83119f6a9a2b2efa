import assert from 'node:assert/strict'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { after, before, describe, it, mock } from 'node:test'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { joinPem, splitPem } from '#lib/formats/certificate/pem.ts'
import { TlsKeeper, makeSelfSigned } from '#lib/serve/tls.ts'
import { challengeRecords } from '../../functions/renew-certificate/challengeRecords.ts'
import { makeHandler } from '../../functions/renew-certificate/handler.ts'
import { renewCertificate } from '../../functions/renew-certificate/renew.ts'
import type { ChallengeRecords, Kept, RenewDeps } from '../../functions/renew-certificate/renew.ts'
import { context, silentVoice } from './fakes.ts'
import { missingPebble, startPebble } from './pebble.ts'
import type { Pebble } from './pebble.ts'

const dayMs = 24 * 3600 * 1000

class KeptInMemory implements Kept {
  readonly texts = new Map<string, string>()
  writes: string[] = []

  async read(name: string): Promise<{ text: string } | undefined> {
    const text = this.texts.get(name)
    return text === undefined ? undefined : { text }
  }

  async write(name: string, text: string): Promise<void> {
    this.writes.push(name)
    this.texts.set(name, text)
  }
}

function setUp(directoryUrl: string, dns: ChallengeRecords, more: Partial<RenewDeps> = {}): RenewDeps & { kept: KeptInMemory; events: LogEvent[] } {
  const kept = new KeptInMemory()
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { now: () => 0 })
  return { dns, directoryUrl, contact: 'postmaster@example.com', names: ['mail.example.com'], renewBeforeMs: 30 * dayMs, clock: { now: () => Date.now() }, log, lookEveryMs: 50, ...more, kept, events }
}

describe('a certificate from an authority', { skip: missingPebble }, () => {
  let pebble: Pebble
  before(async () => {
    pebble = await startPebble()
  })
  after(() => pebble.stop())

  it('is got by DNS-01, lies there with its key, and the records of the challenge are gone', async () => {
    const present = new Set<string>()
    const dns: ChallengeRecords = {
      publish: async (name, values) => {
        present.add(name)
        await pebble.dns.publish(name, values)
      },
      remove: async (name, values) => {
        present.delete(name)
        await pebble.dns.remove(name, values)
      },
    }
    const deps = setUp(pebble.directoryUrl, dns, { names: ['mail.example.com', 'mta-sts.example.com'] })
    assert.equal(await renewCertificate(deps), 'renewed')
    const pair = splitPem(deps.kept.texts.get('certificate.pem') ?? '')
    const certificate = new X509Certificate(pair.certPem)
    assert.ok(certificate.checkPrivateKey(createPrivateKey(pair.keyPem)))
    assert.equal(certificate.checkHost('mail.example.com'), 'mail.example.com')
    assert.equal(certificate.checkHost('mta-sts.example.com'), 'mta-sts.example.com')
    assert.ok((pair.certPem.match(/BEGIN CERTIFICATE/g) ?? []).length >= 2, 'with its chain')
    TlsKeeper.fromPem(pair.certPem, pair.keyPem)
    assert.deepEqual([...present], [])
  })

  it('stays while more than 30 days are left, and is renewed by the same account when fewer are', async () => {
    let now = Date.now()
    const deps = setUp(pebble.directoryUrl, pebble.dns, { clock: { now: () => now } })
    await renewCertificate(deps)
    const [first, account] = [deps.kept.texts.get('certificate.pem') ?? '', deps.kept.texts.get('account-key.pem')]
    const end = Date.parse(new X509Certificate(splitPem(first).certPem).validTo)
    now = end - 31 * dayMs
    assert.equal(await renewCertificate(deps), 'kept')
    assert.equal(deps.kept.texts.get('certificate.pem'), first)
    now = end - 29 * dayMs
    assert.equal(await renewCertificate(deps), 'renewed')
    assert.notEqual(deps.kept.texts.get('certificate.pem'), first)
    assert.equal(deps.kept.texts.get('account-key.pem'), account)
    assert.deepEqual(deps.kept.writes, ['account-key.pem', 'certificate.pem', 'certificate.pem'])
  })

  it('is got anew when a name is added, or what is there cannot be read', async () => {
    const deps = setUp(pebble.directoryUrl, pebble.dns)
    await renewCertificate(deps)
    assert.equal(await renewCertificate({ ...deps, names: ['mail.example.com', 'imap.example.com'] }), 'renewed')
    deps.kept.texts.set('certificate.pem', 'nonsense')
    assert.equal(await renewCertificate(deps), 'renewed')
    assert.ok(deps.events.some(({ event }) => event === 'certificate-unreadable'))
  })

  it('that the authority refuses leaves the old one, and no record in the DNS', async () => {
    const removed: string[] = []
    // The zone says that it answers so, but the world sees something else.
    const dns: ChallengeRecords = { publish: (name) => pebble.dns.publish(name, ['not the proof']), remove: async (name) => void removed.push(name) }
    const deps = setUp(pebble.directoryUrl, dns)
    const { certPem, keyPem } = await makeSelfSigned('mail.example.com', Date.now() - 3640 * dayMs)
    const old = joinPem({ certPem, keyPem })
    deps.kept.texts.set('certificate.pem', old)
    await assert.rejects(renewCertificate(deps), /Correct value not found for DNS challenge/)
    assert.equal(deps.kept.texts.get('certificate.pem'), old)
    assert.deepEqual(removed, ['_acme-challenge.mail.example.com'])
    await pebble.dns.remove('_acme-challenge.mail.example.com', [])
  })
})

describe('renew-certificate', () => {
  it('asks nobody while the certificate is good', async () => {
    const { certPem, keyPem } = await makeSelfSigned('mail.example.com')
    const never = mock.fn(async () => assert.fail('nothing is to be published'))
    const deps = setUp('https://127.0.0.1:1/none', { publish: never, remove: never })
    deps.kept.texts.set('certificate.pem', joinPem({ certPem, keyPem }))
    const opening = mock.fn(async () => ({ ...deps, voice: silentVoice() }))
    const handler = makeHandler(opening)
    await handler({}, context())
    await handler({}, context())
    assert.equal(opening.mock.callCount(), 1)
    assert.deepEqual(deps.kept.writes, [])
  })

  it('writes challenges into the zone as quoted TXT records, all of one name together', async () => {
    const publish = mock.fn(async () => undefined)
    const records = challengeRecords({ publish, remove: async () => undefined })
    await records.publish('_acme-challenge.example.com', ['one', 'two'])
    assert.deepEqual(publish.mock.calls[0]?.arguments, [{ name: '_acme-challenge.example.com', type: 'TXT', ttlSeconds: 10, values: ['"one"', '"two"'] }])
  })
})

describe('a key with its chain in one text', () => {
  it('comes apart again', async () => {
    const pair = await makeSelfSigned('mail.example.com')
    const apart = splitPem(joinPem({ ...pair, certPem: pair.certPem + pair.certPem }))
    assert.equal(apart.keyPem.trim(), pair.keyPem.trim())
    assert.equal((apart.certPem.match(/BEGIN CERTIFICATE/g) ?? []).length, 2)
    TlsKeeper.fromPem(apart.certPem, apart.keyPem)
  })

  for (const [what, text] of [['', /no private key/], ['-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----', /no certificate/]] as const) it(`is refused when it is ${JSON.stringify(what.slice(0, 20))}`, () => assert.throws(() => splitPem(what), text))
})
