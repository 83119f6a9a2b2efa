import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeAddressSet } from '#lib/base/addressSet.ts'

const cases: [ranges: string[], address: string, within: boolean][] = [
  [[], '127.0.0.1', false],
  [['127.0.0.0/8'], '127.255.0.1', true],
  [['127.0.0.0/8'], '128.0.0.1', false],
  [['192.0.2.7'], '192.0.2.7', true],
  [['192.0.2.7'], '192.0.2.6', false],
  [['10.0.0.0/12'], '10.15.255.255', true],
  [['10.0.0.0/12'], '10.16.0.0', false],
  [['0.0.0.0/0'], '203.0.113.9', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['2001:db8::/32', '192.0.2.1'], '2001:DB8:0::5', true],
  [['::/0'], '::1', true],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['::ffff:10.0.0.0/8'], '10.1.2.3', true],
  [['10.0.0.0/8'], 'no address', false],
]
for (const [ranges, address, within] of cases) test(`${address} is ${within ? '' : 'not '}of ${ranges.join(', ') || 'nothing'}`, () => assert.equal(makeAddressSet(ranges)(address), within))

for (const range of ['', '1.2.3', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/x', 'example.com']) test(`${JSON.stringify(range)} is no range`, () => assert.throws(() => makeAddressSet([range]), /neither an IP address nor a CIDR range/))

test('a range holds what the system\'s own list of the same range holds', () => {
  const near = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(32), fc.nat(31))
  fc.assert(
    fc.property(near, ([octets, bits, flipped]) => {
      const range = octets.join('.')
      const other = octets.map((octet, index) => (index === flipped >> 3 ? octet ^ (128 >> (flipped & 7)) : octet)).join('.')
      const list = new BlockList()
      list.addSubnet(range, bits, 'ipv4')
      assert.equal(makeAddressSet([`${range}/${bits}`])(other), list.check(other, 'ipv4'))
    }),
  )
})
