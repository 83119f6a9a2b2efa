import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseOauthBearer, parseXoauth2, writeBearerFailure } from '#lib/formats/sasl/bearer.ts'
import { endPointHash } from '#lib/formats/sasl/channel.ts'

const bytes = (text: string) => Buffer.from(text)

test('the messages of RFC 7628 are read', () => {
  const first = 'n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01'
  assert.deepEqual(parseOauthBearer(bytes(first)), { login: 'user@example.com', token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==' })
  assert.deepEqual(parseOauthBearer(bytes('n,,\x01auth=BEARER a.b-c_d~e+/\x01\x01')), { login: '', token: 'a.b-c_d~e+/' })
  assert.deepEqual(parseOauthBearer(bytes('y,a=a=2Cb=3D,\x01later=x\x01auth=bearer  t\x01\x01')), { login: 'a,b=', token: 't' })
})

test('what is no message of OAUTHBEARER is nothing', () => {
  const messages = [
    '', '\x01', 'n,,\x01\x01', 'n,,\x01auth=Bearer \x01\x01', 'n,,\x01auth=Basic dTpw\x01\x01', 'n,,\x01auth=Bearer t\x01', 'n,,auth=Bearer t\x01\x01', 'n,a=x=,\x01auth=Bearer t\x01\x01',
    'p=tls-exporter,,\x01auth=Bearer t\x01\x01', 'n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01', 'n,,\x01auth=Bearer t t\x01\x01', 'n,,\x01auth=Bearer t\x01\x01more', `n,,\x01auth=Bearer ${'t'.repeat(17_000)}\x01\x01`, 'n,,\x01auth=Bearer \u00fc\x01\x01',
  ]
  for (const message of messages) assert.equal(parseOauthBearer(bytes(message)), undefined, JSON.stringify(message.slice(0, 60)))
})

test('XOAUTH2 says the same in older words', () => {
  assert.deepEqual(parseXoauth2(bytes('user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01')), { login: 'someuser@example.com', token: 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg' })
  assert.deepEqual(parseXoauth2(bytes('user=\x01auth=Bearer t\x01\x01')), { login: '', token: 't' })
  for (const message of ['', 'user=a\x01\x01', 'auth=Bearer t\x01user=a\x01\x01', 'user=a\x01auth=Bearer t\x01']) assert.equal(parseXoauth2(bytes(message)), undefined, JSON.stringify(message))
})

test('random octets are read in a moment or not at all', () => {
  const pieces = fc.array(fc.constantFrom('n,', 'y,', 'a=', ',', '\x01', 'user=', 'auth=', 'Bearer ', 'tok', '=', '==', ' ', '\0', '\u00fc', 'aaaaaaaaaaaaaaaa'), { maxLength: 200 })
  fc.assert(
    fc.property(pieces, (parts) => {
      for (const parse of [parseOauthBearer, parseXoauth2]) {
        const found = parse(bytes(parts.join('')))
        if (found !== undefined) assert.match(found.token, /^[A-Za-z0-9._~+/=-]+$/)
      }
    }),
    { seed: 20_261_125, numRuns: 2000 },
  )
})

test('a refusal names what the client can do about it', () => {
  assert.equal(writeBearerFailure({ scope: 'mail', discovery: 'https://id.example/.well-known/openid-configuration' }), '{"status":"invalid_token","scope":"mail","openid-configuration":"https://id.example/.well-known/openid-configuration"}')
  assert.equal(writeBearerFailure({ scope: '', discovery: '' }), '{"status":"invalid_token"}')
})

test('a certificate is named by the hash it was signed with, SHA-256 at least', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['ecdsa-with-SHA256', 'sha256'], ['sha384WithRSAEncryption', 'sha384'], ['ecdsa-with-SHA512', 'sha512'], ['sha1WithRSAEncryption', 'sha256'], ['md5WithRSAEncryption', 'sha256'],
    ['ED25519', undefined], ['rsassaPss', undefined], ['', undefined],
  ]
  for (const [signature, wanted] of table) assert.equal(endPointHash(signature), wanted, signature)
})
