import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { Resolver } from '#lib/base/dns.ts'
import { isPublicAddress } from '#lib/mail/outbound/reachable.ts'
import { routeBySmarthost, routeDomain } from '#lib/mail/outbound/route.ts'
import type { Route } from '#lib/mail/outbound/route.ts'
import { zone } from './zone.ts'

const deps = (resolver: Resolver, settings: Partial<Config['outbound']> = {}, random = () => 0.5) => ({ resolver, hostname: 'mx.ours.example', settings: { ...defaultConfig().outbound, ...settings }, random })

/** `host=address,address` in order, or the code of what went wrong. */
const shown = (route: Route): string => ('finding' in route ? `${route.finding.status} ${route.finding.enhancedCode}` : route.destination.hosts.map(({ name, addresses }) => `${name}=${addresses.join(',')}`).join(' '))

const cases: [sentence: string, zone: string[], domain: string, wanted: string, settings?: Partial<Config['outbound']>][] = [
  ['MX hosts come by preference', ['x.test MX 20 b.test', 'x.test MX 10 a.test', 'a.test A 192.0.2.1', 'b.test A 192.0.2.2'], 'x.test', 'a.test=192.0.2.1 b.test=192.0.2.2'],
  ['a domain may be written in any case, and in Unicode', ['xn--bcher-kva.test MX 1 a.test', 'a.test A 192.0.2.1'], 'BÜCHER.test', 'a.test=192.0.2.1'],
  ['without MX the domain is its own host', ['x.test A 192.0.2.1'], 'x.test', 'x.test=192.0.2.1'],
  ['IPv4 comes before IPv6', ['x.test MX 1 a.test', 'a.test A 192.0.2.1', 'a.test AAAA 2001:db8::1'], 'x.test', 'a.test=192.0.2.1,2001:db8::1'],
  ['IPv6 comes first when set so', ['x.test MX 1 a.test', 'a.test A 192.0.2.1', 'a.test AAAA 2001:db8::1'], 'x.test', 'a.test=2001:db8::1,192.0.2.1', { ipv6: 'first' }],
  ['IPv6 can be left out', ['x.test MX 1 a.test', 'a.test A 192.0.2.1', 'a.test AAAA 2001:db8::1'], 'x.test', 'a.test=192.0.2.1', { ipv6: 'off' }],
  ['a host of IPv6 only is reached by it', ['x.test AAAA 2001:db8::1'], 'x.test', 'x.test=2001:db8::1'],
  ['a null MX takes no mail', ['x.test MX 0 .', 'x.test A 192.0.2.1'], 'x.test', 'failed 5.1.10'],
  ['a null MX as the library spells it takes no mail', ['x.test MX 0 '], 'x.test', 'failed 5.1.10'],
  ['a null MX beside others counts for nothing', ['x.test MX 0 .', 'x.test MX 5 a.test', 'a.test A 192.0.2.1'], 'x.test', 'a.test=192.0.2.1'],
  ['a domain that does not exist', [], 'x.test', 'failed 5.1.2'],
  ['a domain that exists without MX and address', ['x.test TXT hello'], 'x.test', 'failed 5.4.4'],
  ['MX hosts without any address', ['x.test MX 1 a.test'], 'x.test', 'failed 5.4.4'],
  ['a host without address is passed over', ['x.test MX 1 a.test', 'x.test MX 2 b.test', 'b.test A 192.0.2.2'], 'x.test', 'b.test=192.0.2.2'],
  ['DNS that fails for the MX is no answer, whatever the A record says', ['x.test MX FAILED', 'x.test A 192.0.2.1'], 'x.test', 'deferred 4.4.3'],
  ['DNS that fails for all hosts is a deferral', ['x.test MX 1 a.test', 'a.test A FAILED'], 'x.test', 'deferred 4.4.3'],
  ['DNS that fails for AAAA does not matter where there is an A', ['x.test MX 1 a.test', 'a.test A 192.0.2.1', 'a.test AAAA FAILED'], 'x.test', 'a.test=192.0.2.1'],
  ['DNS that fails for the first host leaves the second', ['x.test MX 1 a.test', 'x.test MX 2 b.test', 'a.test A FAILED', 'b.test A 192.0.2.2'], 'x.test', 'b.test=192.0.2.2'],
  ['where we are an MX, only hosts preferred to us get it', ['x.test MX 1 a.test', 'x.test MX 5 MX.ours.example', 'x.test MX 5 b.test', 'x.test MX 9 c.test', 'a.test A 192.0.2.1', 'b.test A 192.0.2.2', 'c.test A 192.0.2.3'], 'x.test', 'a.test=192.0.2.1'],
  ['where we are the best MX, mail would loop', ['x.test MX 5 mx.ours.example', 'x.test MX 9 c.test', 'c.test A 192.0.2.3'], 'x.test', 'failed 5.4.6'],
  ['a domain without MX that is our own name would loop', ['mx.ours.example A 192.0.2.9'], 'mx.ours.example', 'failed 5.4.6'],
  ['loopback addresses are refused', ['x.test MX 1 a.test', 'a.test A 127.0.0.1'], 'x.test', 'failed 5.4.4'],
  ['private addresses are passed over', ['x.test MX 1 a.test', 'a.test A 10.0.0.1', 'a.test A 192.0.2.1'], 'x.test', 'a.test=192.0.2.1'],
  ['loopback is allowed when set so', ['x.test MX 1 a.test', 'a.test A 127.0.0.1'], 'x.test', 'a.test=127.0.0.1', { allowLoopback: true }],
  ['an address literal is its own host', [], '[192.0.2.7]', '[192.0.2.7]=192.0.2.7'],
  ['an IPv6 literal is its own host', [], '[IPv6:2001:DB8::7]', '[2001:db8::7]=2001:db8::7'],
  ['a literal of loopback is refused', [], '[127.0.0.1]', 'failed 5.4.4'],
  ['a malformed literal is no domain', [], '[300.1.1.1]', 'failed 5.1.2'],
  ['what is no domain name is asked of nobody', [], 'x..test', 'failed 5.1.2'],
  ['so many hosts are looked at and no more', ['x.test MX 1 a.test', 'x.test MX 2 b.test', 'a.test A 192.0.2.1', 'b.test A 192.0.2.2'], 'x.test', 'a.test=192.0.2.1', { maxHosts: 1 }],
]
for (const [sentence, lines, domain, wanted, settings] of cases) {
  test(sentence, async () => assert.equal(shown(await routeDomain(deps(zone(...lines), settings), domain)), wanted))
}

test('hosts of one preference are shuffled, and their order does not change the key', async () => {
  const resolver = zone('x.test MX 5 a.test', 'x.test MX 5 b.test', 'x.test MX 1 first.test', 'a.test A 192.0.2.1', 'b.test A 192.0.2.2', 'first.test A 192.0.2.3')
  const draws = [[0.1, 0.9], [0.9, 0.1]].map((pair) => {
    let n = 0
    return () => pair[n++ % 2] ?? 0
  })
  const routes = await Promise.all(draws.map((random) => routeDomain(deps(resolver, {}, random), 'x.test')))
  assert.deepEqual(routes.map((route) => shown(route).replace(/=\S+/g, '')), ['first.test a.test b.test', 'first.test b.test a.test'])
  assert.deepEqual(routes.map((route) => 'destination' in route && route.destination.key), ['a.test,b.test,first.test', 'a.test,b.test,first.test'])
})

test('domains with the same MX hosts share a key', async () => {
  const resolver = zone('x.test MX 1 a.test', 'y.test MX 7 a.test', 'a.test A 192.0.2.1')
  const keys = await Promise.all(['x.test', 'y.test'].map(async (domain) => {
    const route = await routeDomain(deps(resolver), domain)
    return 'destination' in route ? route.destination.key : undefined
  }))
  assert.deepEqual(keys, ['a.test', 'a.test'])
})

test('a smarthost is reached at its port, also at a private address, and each sender domain has a key', async () => {
  const smarthost = { host: 'smart.test', port: 587, tls: 'starttls' } as const
  const route = await routeBySmarthost(deps(zone('smart.test A 10.0.0.5')), 'ours.example', smarthost)
  assert.deepEqual(route, { destination: { key: 'smart.test:587 for ours.example', hosts: [{ name: 'smart.test', addresses: ['10.0.0.5'], port: 587 }], via: 'smarthost', domain: 'ours.example' } })
  assert.equal(shown(await routeBySmarthost(deps(zone()), 'ours.example', { ...smarthost, host: '192.0.2.4' })), '192.0.2.4=192.0.2.4')
  assert.equal(shown(await routeBySmarthost(deps(zone()), 'ours.example', smarthost)), 'deferred 4.4.4')
})

for (const [address, wanted] of [['8.8.8.8', true], ['2a00:1450::1', true], ['172.15.0.1', true], ['172.32.0.1', true], ['100.63.0.1', true], ['0.0.0.0', false], ['10.1.2.3', false], ['100.64.0.1', false], ['127.9.9.9', false], ['169.254.169.254', false], ['172.31.0.1', false], ['192.168.1.1', false], ['224.0.0.1', false], ['255.255.255.255', false], ['::', false], ['::1', false], ['fd00::1', false], ['fe80::1', false], ['ff02::1', false], ['::ffff:127.0.0.1', false], ['::ffff:8.8.8.8', true], ['64:ff9b::7f00:1', false], ['64:ff9b:1::7f00:1', false], ['::127.0.0.1', false], ['fec0::1', false], ['2001:0:7f00:1::1', false], ['2001:db8:1::1', true], ['nonsense', false]] as const) {
  test(`${address} is ${wanted ? '' : 'not '}of the public Internet`, () => assert.equal(isPublicAddress(address), wanted))
}
