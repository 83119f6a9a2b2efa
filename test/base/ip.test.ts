import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, limitKey, normalizeIp, parseIp } from '#lib/base/ip.ts'

const spellings: [string, string][] = [
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
]
for (const [given, wanted] of spellings) test(`${given} is spelled ${wanted}`, () => assert.equal(normalizeIp(given), wanted))

for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::1.2.3', '1.2.3.4::', '::g', '1:2:3:4:5:6:7::8']) {
  test(`${JSON.stringify(text)} is no address`, () => assert.equal(parseIp(text), undefined))
}

test('every address survives its own spelling', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => assert.equal(formatIp(parseIp(formatIp(octets)) ?? new Uint8Array()), formatIp(octets))))
  fc.assert(fc.property(fc.ipV6(), (text) => assert.notEqual(parseIp(text), undefined, text)))
})

test('limits count an IPv6 customer once', () => {
  assert.equal(limitKey('2001:db8:1:2:3:4:5:6'), limitKey('2001:db8:1:2::1'))
  assert.notEqual(limitKey('2001:db8:1:3::1'), limitKey('2001:db8:1:2::1'))
  assert.equal(limitKey('192.0.2.1'), '192.0.2.1')
})
