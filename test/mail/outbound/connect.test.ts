import assert from 'node:assert/strict'
import { test } from 'node:test'
import tls from 'node:tls'
import type { Config } from '#lib/config.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import type { Destination } from '#lib/mail/transit/note.ts'
import { certificate, startFakeServer } from './fakeServer.ts'
import { deliverOnce, deliveryNote, openStage, outboundNote } from './stage.ts'

// The name on the fake server's certificate is mx.remote.example; the authority is the certificate itself.
tls.setDefaultCACertificates([...tls.getCACertificates('default'), certificate.certPem])

const password = 'p4ss word'
const plain = Buffer.from(`\0alice\0${password}`).toString('base64')
const rest = ['C: MAIL FROM:<alice@ours.example>', 'S: 250 ok', 'C: RCPT TO:<bob@remote.example>', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'MESSAGE', 'S: 250 2.0.0 ok']
const offerTls = ['S: 220 smart ESMTP', 'C: EHLO mail.ours.example', 'S: 250-smart', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 go', 'TLS', 'C: EHLO mail.ours.example']

async function send(script: readonly string[], smarthost: Partial<Smarthost> = {}, settings: Partial<Config['outbound']> = {}, change: Partial<Smarthost> = {}) {
  const server = await startFakeServer([script])
  const own: Smarthost = { host: 'mx.remote.example', port: server.port, tls: 'starttls', login: 'alice', password, ...smarthost }
  const stage = openStage({ domains: { 'ours.example': { ...own, ...change } }, settings: { expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9, ...settings } })
  const destination: Destination = { key: 'smart', hosts: [{ name: own.host, addresses: ['127.0.0.1'], port: own.port }], via: 'smarthost', domain: 'ours.example' }
  const answer = await deliverOnce(stage, deliveryNote(destination, outboundNote(['bob@remote.example'])))
  await server.close()
  assert.deepEqual(server.faults, [])
  const told = JSON.stringify([stage.events, answer])
  for (const secret of [password, plain, Buffer.from(password).toString('base64')]) assert.ok(!told.includes(secret), 'the password comes out nowhere')
  return { fate: stage.fates().join(), connections: server.connections.count, told }
}

test('AUTH PLAIN behind verified STARTTLS', async () => {
  const { fate } = await send([...offerTls, 'S: 250-smart', 'S: 250 AUTH LOGIN PLAIN', `C: AUTH PLAIN ${plain}`, 'S: 235 2.7.0 ok', ...rest])
  assert.equal(fate, 'bob@remote.example delivered 2.0.0')
})

test('AUTH LOGIN where there is no PLAIN', async () => {
  const { fate } = await send([...offerTls, 'S: 250-smart', 'S: 250 AUTH LOGIN', 'C: AUTH LOGIN', 'S: 334 VXNlcm5hbWU6', `C: ${Buffer.from('alice').toString('base64')}`, 'S: 334 UGFzc3dvcmQ6', `C: ${Buffer.from(password).toString('base64')}`, 'S: 235 ok', ...rest])
  assert.equal(fate, 'bob@remote.example delivered 2.0.0')
})

test('implicit TLS', async () => {
  const { fate } = await send(['TLS', 'S: 220 smart', 'C: EHLO mail.ours.example', 'S: 250-smart', 'S: 250 AUTH PLAIN', `C: AUTH PLAIN ${plain}`, 'S: 235 ok', ...rest], { tls: 'implicit' })
  assert.equal(fate, 'bob@remote.example delivered 2.0.0')
})

test('a smarthost without TLS and login', async () => {
  const { fate } = await send(['S: 220 smart', 'C: EHLO mail.ours.example', 'S: 250-smart', 'S: 250 STARTTLS', ...rest], { tls: 'none', login: undefined, password: undefined } as unknown as Partial<Smarthost>)
  assert.equal(fate, 'bob@remote.example delivered 2.0.0')
})

test('a smarthost that offers no TLS gets neither password nor mail', async () => {
  const { fate } = await send(['S: 220 smart', 'C: EHLO mail.ours.example', 'S: 250-smart', 'S: 250 AUTH PLAIN', 'C: QUIT', 'S: 221 bye', 'GONE'])
  assert.equal(fate, 'bob@remote.example deferred 4.7.10')
})

test('a certificate of another name is refused, and nothing goes in clear', async () => {
  const { fate, connections } = await send([...offerTls.slice(0, -1), 'GONE'], { host: 'other.example' })
  assert.equal(fate, 'bob@remote.example deferred 4.7.5')
  assert.equal(connections, 1)
})

test('the certificate is not looked at when set so', async () => {
  const { fate } = await send([...offerTls, 'S: 250-smart', 'S: 250 AUTH PLAIN', `C: AUTH PLAIN ${plain}`, 'S: 235 ok', ...rest], { host: 'other.example' }, { smarthostVerify: false })
  assert.equal(fate, 'bob@remote.example delivered 2.0.0')
})

test('a refused login is a deferral, and a server that repeats the password does not bring it into the log', async () => {
  const { fate, told } = await send([...offerTls, 'S: 250-smart', 'S: 250 AUTH PLAIN', `C: AUTH PLAIN ${plain}`, `S: 535 5.7.8 not with ${plain} or ${password}`, 'C: QUIT', 'S: 221 bye', 'GONE'])
  assert.equal(fate, 'bob@remote.example deferred 4.7.8')
  assert.match(told, /login refused: 535 5\.7\.8 not with \*\*\* or \*\*\*/)
})

test('a smarthost that was changed meanwhile is not called; the way is looked up anew', async () => {
  const { fate, connections } = await send([], {}, {}, { host: 'new.example' })
  assert.equal(fate, 'bob@remote.example deferred 4.3.5')
  assert.equal(connections, 0)
})

test('REQUIRETLS goes to a host of a verified name that promises to go on with it', async () => {
  const server = await startFakeServer([['S: 220 mx', 'C: EHLO mail.ours.example', 'S: 250-mx', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 go', 'TLS', 'C: EHLO mail.ours.example', 'S: 250-mx', 'S: 250 REQUIRETLS', 'C: MAIL FROM:<alice@ours.example> REQUIRETLS', ...rest.slice(1)]])
  const stage = openStage({ settings: { expireMs: Date.now() + 1e9 } })
  const destination: Destination = { key: 'mx', hosts: [{ name: 'mx.remote.example', addresses: ['127.0.0.1'], port: server.port }], via: 'mx', domain: 'remote.example' }
  await deliverOnce(stage, deliveryNote(destination, outboundNote(['bob@remote.example'], { envelope: { requireTls: true } })))
  await server.close()
  assert.deepEqual(server.faults, [])
  assert.deepEqual(stage.fates(), ['bob@remote.example delivered 2.0.0'])
})

test('a server without a full name greets with its address', async () => {
  const server = await startFakeServer([['S: 220 mx', 'C: EHLO [127.0.0.1]', 'S: 250 mx', ...rest]])
  const stage = openStage()
  const destination: Destination = { key: 'mx', hosts: [{ name: 'mx.remote.example', addresses: ['127.0.0.1'], port: server.port }], via: 'mx', domain: 'remote.example' }
  await deliverOnce({ ...stage, deps: { ...stage.deps, hostname: 'localhost' } }, deliveryNote(destination, outboundNote(['bob@remote.example'])))
  await server.close()
  assert.deepEqual(server.faults, [])
})
