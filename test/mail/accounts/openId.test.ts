/** Tokens of a provider on this machine: its discovery document and keys come over HTTP as they would from anywhere. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import type { CryptoKey } from 'jose'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { makeTokenCheck } from '#lib/mail/accounts/openId.ts'

interface SigningKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: object
}

const now = Date.UTC(2026, 10, 25)
const provider = { keys: [] as SigningKey[], issuer: '', names: '', asked: [] as string[], down: false }
let server: ReturnType<typeof createServer>
let events: LogEvent[] = []

async function makeKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }
}

before(async () => {
  server = createServer((request, response) => {
    provider.asked.push(request.url ?? '')
    if (provider.down) return void response.writeHead(503).end()
    const answers: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer: provider.names, jwks_uri: `${provider.issuer}/keys` },
      '/keys': { keys: provider.keys.map(({ jwk }) => jwk) },
    }
    const answer = answers[request.url ?? '']
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
after(() => void server.close())

beforeEach(async () => {
  provider.issuer = provider.names = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  provider.keys = [await makeKey('one')]
  provider.asked = []
  provider.down = false
  events = []
})

function open(settings: Partial<Config['oauth']> = {}) {
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => 0 })
  return makeTokenCheck({ settings: { ...defaultConfig().oauth, issuer: provider.issuer, audience: 'mail', ...settings }, clock: { now: () => now, sleep: async () => undefined }, log, fetch })
}

async function sign(claims: Readonly<Record<string, unknown>> = {}, key = provider.keys[0] ?? assert.fail()): Promise<string> {
  return await new SignJWT({ iss: provider.issuer, aud: 'mail', exp: now / 1000 + 300, email: 'anna@example.org', ...claims }).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(key.privateKey)
}

test('a token of the provider, for us and in time, names its user', async () => {
  const tokens = open()
  assert.equal(await tokens?.check(await sign()), 'anna@example.org')
  assert.equal(await tokens?.check(await sign({ aud: ['other', 'mail'], email_verified: true })), 'anna@example.org')
  // Discovery and keys were asked for once.
  assert.deepEqual(provider.asked, ['/.well-known/openid-configuration', '/keys'])
})

test('tokens of others, for others, too early, too late, without a user or an address that was verified are worth nothing', async () => {
  const tokens = open()
  const table: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'calendar' }],
    ['no audience', { aud: undefined }],
    ['over', { exp: now / 1000 - 61 }],
    ['no end', { exp: undefined }],
    ['not yet', { nbf: now / 1000 + 61 }],
    ['nobody', { email: undefined }],
    ['no text', { email: ['anna@example.org'] }],
    ['unverified', { email_verified: false }],
  ]
  for (const [what, claims] of table) assert.equal(await tokens?.check(await sign(claims)), undefined, what)
  assert.equal(await tokens?.check(await sign({ exp: now / 1000 - 59 })), 'anna@example.org')
})

test('signatures by other keys, by none, or by what everybody knows are worth nothing', async () => {
  const tokens = open()
  const claims = { iss: provider.issuer, aud: 'mail', exp: now / 1000 + 300, email: 'anna@example.org' }
  const other = await makeKey('one')
  assert.equal(await tokens?.check(await sign({}, other)), undefined)
  assert.equal(await tokens?.check(new UnsecuredJWT(claims).encode()), undefined)
  // The public key as a shared secret: RFC 8725 §2.1.
  const secret = Buffer.from(JSON.stringify(provider.keys[0]?.jwk))
  assert.equal(await tokens?.check(await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret)), undefined)
  const whole = await sign()
  assert.equal(await tokens?.check(whole.slice(0, -4) + 'AAAA'), undefined)
  for (const token of ['', 'x', 'a.b.c', whole.split('.').slice(0, 2).join('.')]) assert.equal(await tokens?.check(token), undefined, token)
  assert.ok(events.every(({ event }) => event === 'token-refused'))
  assert.ok(!JSON.stringify(events).includes(whole.slice(0, 30)))
})

test('a scope that is demanded is looked for, wherever the provider writes it', async () => {
  const tokens = open({ scope: 'mail.read' })
  assert.equal(await tokens?.check(await sign({ scope: 'openid mail.read' })), 'anna@example.org')
  assert.equal(await tokens?.check(await sign({ scp: ['mail.read'] })), 'anna@example.org')
  for (const claims of [{}, { scope: 'mail.readwrite' }, { scp: 7 }]) assert.equal(await tokens?.check(await sign(claims)), undefined, JSON.stringify(claims))
})

test('the user may stand in another claim, and the keys at a place of their own', async () => {
  const tokens = open({ userClaim: 'preferred_username', jwksUrl: `${provider.issuer}/keys` })
  assert.equal(await tokens?.check(await sign({ preferred_username: 'anna' })), 'anna')
  assert.deepEqual(provider.asked, ['/keys'])
})

test('a provider that is down, or calls itself something else, is no reason to refuse for good', async () => {
  const tokens = open()
  const token = await sign()
  provider.down = true
  await assert.rejects(async () => tokens?.check(token), EngineUnavailableError)
  provider.down = false
  provider.names = 'https://evil.example'
  await assert.rejects(async () => tokens?.check(token), EngineUnavailableError)
  provider.names = provider.issuer
  assert.equal(await tokens?.check(token), 'anna@example.org')
  assert.equal(events.filter(({ event, level }) => event === 'openid-unreachable' && level === 'error').length, 2)
})

test('without an issuer tokens are not taken, without an audience neither, and that is said', () => {
  assert.equal(open({ issuer: '' }), undefined)
  assert.deepEqual(events, [])
  assert.equal(open({ audience: '' }), undefined)
  assert.deepEqual(events.map(({ event, level }) => [event, level]), [['oauth-off', 'error']])
})
