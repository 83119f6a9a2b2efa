import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import { makeResolver } from '#lib/base/resolver.ts'
import { encodeName, mxData, startFakeDns, txtData, types } from './fakeDns.ts'
import type { FakeAnswer } from './fakeDns.ts'

const endings: (() => void)[] = []
afterEach(() => {
  for (const ending of endings.splice(0)) ending()
})

const a = (ttl: number, ...addresses: string[]): FakeAnswer => ({ records: addresses.map((address) => ({ type: types.a, ttl, data: Buffer.from(address.split('.').map(Number)) })) })
const nothing: FakeAnswer = { records: [] }

async function open(answers: Record<string, FakeAnswer>, options: { timeoutMs?: number; cacheMs?: number; cacheAnswers?: number } = {}) {
  const dns = await startFakeDns(answers)
  endings.push(() => dns.close())
  let now = 0
  const clock: Clock = { now: () => now, sleep: (ms, signal) => systemClock.sleep(ms, signal) }
  const resolver = makeResolver({ servers: [`127.0.0.1:${dns.port}`], timeoutMs: 3000, cacheMs: 300_000, clock, ...options })
  return { resolver, dns, pass: (ms: number) => void (now += ms) }
}

test('each type of record comes in its shape', async () => {
  const { resolver } = await open({
    'x.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'MX.x.test') }, { type: types.mx, ttl: 60, data: mxData(300, 'other.test') }] },
    'x.test 1': a(60, '192.0.2.1', '192.0.2.2'),
    'x.test 28': { records: [{ type: types.aaaa, ttl: 60, data: Buffer.from('20010db8000000000000000000000001', 'hex') }] },
    'x.test 16': { records: [{ type: types.txt, ttl: 60, data: txtData('v=spf1 ', '-all') }, { type: types.txt, ttl: 60, data: txtData('other') }] },
    '1.2.0.192.in-addr.arpa 12': { records: [{ type: types.ptr, ttl: 60, data: encodeName('Mail.x.test') }] },
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa 12': { records: [{ type: types.ptr, ttl: 60, data: encodeName('mail6.x.test') }] },
  })
  assert.deepEqual(await resolver.mx('x.test'), { status: 'found', records: [{ exchange: 'mx.x.test', priority: 10 }, { exchange: 'other.test', priority: 300 }] })
  assert.deepEqual(await resolver.a('x.test'), { status: 'found', records: ['192.0.2.1', '192.0.2.2'] })
  assert.deepEqual(await resolver.aaaa('x.test'), { status: 'found', records: ['2001:db8::1'] })
  assert.deepEqual(await resolver.txt('x.test'), { status: 'found', records: ['v=spf1 -all', 'other'] })
  assert.deepEqual(await resolver.ptr('192.0.2.1'), { status: 'found', records: ['mail.x.test'] })
  assert.deepEqual(await resolver.ptr('2001:db8::1'), { status: 'found', records: ['mail6.x.test'] })
  assert.deepEqual(await resolver.ptr('no address'), { status: 'no-name' })
})

test('a null MX comes as an exchange without a name', async () => {
  const { resolver } = await open({ 'x.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(0, '') }] } })
  assert.deepEqual(await resolver.mx('x.test'), { status: 'found', records: [{ exchange: '', priority: 0 }] })
})

test('none of this type, no such name, and a fault are told apart', async () => {
  const { resolver } = await open({ 'empty.test 15': nothing, 'fault.test 15': { rcode: 2 }, 'refused.test 15': { rcode: 5 } })
  assert.deepEqual(await resolver.mx('empty.test'), { status: 'no-data' })
  assert.deepEqual(await resolver.mx('missing.test'), { status: 'no-name' })
  assert.equal((await resolver.mx('fault.test')).status, 'failed')
  assert.equal((await resolver.mx('refused.test')).status, 'failed')
})

test('what cannot be a name does not exist, and nobody is asked', async () => {
  const { resolver, dns } = await open({})
  for (const name of ['x..test', `${'y'.repeat(64)}.test`]) assert.deepEqual(await resolver.mx(name), { status: 'no-name' })
  assert.deepEqual(dns.questions, [])
})

test('a server that does not answer is a fault, in time', async () => {
  const { resolver } = await open({ 'x.test 1': { silent: true } }, { timeoutMs: 300 })
  const started = Date.now()
  assert.deepEqual(await resolver.a('x.test'), { status: 'failed', reason: 'ETIMEOUT' })
  assert.ok(Date.now() - started < 1500)
})

test('nobody there is a fault', async () => {
  const { resolver, dns } = await open({})
  dns.close()
  endings.length = 0
  assert.equal((await resolver.a('x.test')).status, 'failed')
})

test('answers are believed for their time to live, others for the time set', async () => {
  const { resolver, dns, pass } = await open({ 'x.test 1': a(10, '192.0.2.1'), 'x.test 15': { records: [{ type: types.mx, ttl: 1, data: mxData(1, 'm.test') }] } }, { cacheMs: 50_000 })
  const ask = async () => {
    await resolver.a('X.test.')
    await resolver.mx('x.test')
    return dns.questions.splice(0)
  }
  assert.deepEqual(await ask(), ['x.test 1', 'x.test 15'])
  pass(9_999)
  assert.deepEqual(await ask(), [])
  pass(1)
  assert.deepEqual(await ask(), ['x.test 1'])
  pass(40_000)
  assert.deepEqual(await ask(), ['x.test 1', 'x.test 15'])
})

test('that there is none is believed for a minute at most, a fault never', async () => {
  const { resolver, dns, pass } = await open({ 'fault.test 1': { rcode: 2 }, 'empty.test 1': nothing })
  for (const name of ['empty.test', 'missing.test', 'empty.test', 'missing.test']) await resolver.a(name)
  assert.deepEqual(dns.questions.splice(0), ['empty.test 1', 'missing.test 1'])
  pass(60_000)
  await resolver.a('missing.test')
  assert.deepEqual(dns.questions.splice(0), ['missing.test 1'])
  await resolver.a('fault.test')
  const once = dns.questions.splice(0).length
  await resolver.a('fault.test')
  assert.equal(dns.questions.length, once)
})

test('equal questions asked at once go out once', async () => {
  const { resolver, dns } = await open({ 'x.test 1': a(0, '192.0.2.1') })
  const answers = await Promise.all(Array.from({ length: 20 }, () => resolver.a('x.test')))
  assert.ok(answers.every((answer) => answer.status === 'found'))
  assert.deepEqual(dns.questions, ['x.test 1'])
})

test('so many answers are remembered and no more, the oldest forgotten first', async () => {
  const { resolver, dns } = await open(Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.test 1`, a(60, '192.0.2.1')])), { cacheAnswers: 2 })
  for (const name of ['a', 'b', 'c', 'c', 'b', 'a']) await resolver.a(`${name}.test`)
  assert.deepEqual(dns.questions, ['a.test 1', 'b.test 1', 'c.test 1', 'a.test 1'])
})

for (const [given, fine] of [['127.0.0.1', true], ['127.0.0.1:5353', true], ['localhost:5353', true], ['::1', true], ['[::1]:5353', true], ['dns.example', false], ['127.0.0.1:', false], ['', false]] as const) {
  test(`"${given}" is ${fine ? 'a' : 'no'} server`, () => {
    const make = () => makeResolver({ servers: [given], timeoutMs: 1000, cacheMs: 0, clock: systemClock })
    if (fine) assert.doesNotThrow(make)
    else assert.throws(make, /dns\.servers/)
  })
}
