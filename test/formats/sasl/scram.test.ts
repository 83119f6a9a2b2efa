import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import { authMessage, bindingInput, isProof, parseClientFinal, parseClientFirst, writeServerFinal, writeServerFirst } from '#lib/formats/sasl/scram.ts'

const hmac = (key: Uint8Array, words: string) => createHmac('sha256', key).update(words).digest()

test('the example of RFC 7677 is understood, believed and answered as printed there', () => {
  const first = parseClientFirst(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  assert.ok(first)
  assert.deepEqual([first.login, first.authzid, first.nonce], ['user', '', 'rOprNGfwEbeRWgbNEkqO'])
  const serverFirst = writeServerFirst({ nonce: `${first.nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`, salt: 'W22ZaJ0SNY7soEsUEjb6gQ==', iterations: 4096 })
  assert.equal(serverFirst, 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  const final = parseClientFinal(Buffer.from('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='))
  assert.ok(final)
  assert.deepEqual(final.bindingInput, bindingInput('n,,', new Uint8Array(0)))
  const salted = pbkdf2Sync('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096, 32, 'sha256')
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
  const message = authMessage(first.bare, serverFirst, final.withoutProof)
  assert.equal(isProof(final.proof, storedKey, message), true)
  assert.equal(isProof(final.proof, storedKey, `${message} `), false)
  assert.equal(isProof(final.proof.subarray(1), storedKey, message), false)
  assert.equal(isProof(new Uint8Array(0), new Uint8Array(0), message), false)
  assert.equal(writeServerFinal(hmac(salted, 'Server Key'), message), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

test('names with commas and equals signs are read back, in UTF-8', () => {
  const first = parseClientFirst(Buffer.from('y,a=j=C3rg,n=a=2Cb=3D=2C\u00fc,r=x'))
  assert.equal(first, undefined)
  assert.equal(parseClientFirst(Buffer.from('y,,n=a=2Cb=3D=2C\u00fc,r=x'))?.login, 'a,b=,\u00fc')
  assert.equal(parseClientFirst(Buffer.from('n,a=o=2Cther,n=me,r=x,e=later'))?.authzid, 'o,ther')
})

test('what is no client message is nothing', () => {
  for (const text of ['n,,n=u,r=\u00fc', 'n,,n=u,r=a,b', 'n,,n=u\0,r=a', 'n,,r=a', ' n,,n=u,r=a', 'n,,n=u,r=a\0']) assert.equal(parseClientFirst(Buffer.from(text)), undefined, text)
  assert.equal(parseClientFirst(Buffer.from([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff, 0x2c, 0x72, 0x3d, 0x61])), undefined)
  for (const text of ['c=biws,r=a', 'c=biws,r=a,p=', 'c=biws,p=AAAA', 'c=!,r=a,p=AAAA', '', ',']) assert.equal(parseClientFinal(Buffer.from(text)), undefined, text)
})
