import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseProxyHeader } from '#lib/formats/proxy/header.ts'

const signature = '0d0a0d0a000d0a515549540a'
const v2 = (command: string, family: string, body: string) => Buffer.from(`${signature}${command}${family}${(body.length / 2).toString(16).padStart(4, '0')}${body}`, 'hex')
const tcp4 = v2('21', '11', `c0000201c6336401${(40000).toString(16)}0019`)

const cases: [string, Buffer, unknown][] = [
  ['version 1, TCP4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\nEHLO'), { kind: 'proxied', length: 44, client: { address: '192.0.2.1', port: 40000 }, server: { address: '198.51.100.1', port: 25 } }],
  ['version 1, TCP6', Buffer.from('PROXY TCP6 2001:DB8::1 ::1 1 2\r\n'), { kind: 'proxied', length: 32, client: { address: '2001:db8::1', port: 1 }, server: { address: '::1', port: 2 } }],
  ['version 1, UNKNOWN with anything behind it', Buffer.from('PROXY UNKNOWN ff:: x\r\n'), { kind: 'local', length: 22 }],
  ['version 2, TCP over IPv4', Buffer.concat([tcp4, Buffer.from('EHLO')]), { kind: 'proxied', length: 28, client: { address: '192.0.2.1', port: 40000 }, server: { address: '198.51.100.1', port: 25 } }],
  ['version 2, TCP over IPv6 with a mapped address', v2('21', '21', '00000000000000000000ffffc0000201' + '20010db8000000000000000000000001' + '00010002'), { kind: 'proxied', length: 52, client: { address: '192.0.2.1', port: 1 }, server: { address: '2001:db8::1', port: 2 } }],
  ['version 2, more fields behind the addresses', v2('21', '11', 'c0000201c63364019c400019' + '04000100'), { kind: 'proxied', length: 32, client: { address: '192.0.2.1', port: 40000 }, server: { address: '198.51.100.1', port: 25 } }],
  ['version 2, LOCAL', v2('20', '00', ''), { kind: 'local', length: 16 }],
  ['version 2, unspecified family', v2('21', '00', '0000'), { kind: 'local', length: 18 }],
  ['half of the signature', Buffer.from(signature.slice(0, 10), 'hex'), { kind: 'more' }],
  ['half of a line', Buffer.from('PROXY TCP4 192.0'), { kind: 'more' }],
  ['nothing', Buffer.alloc(0), { kind: 'more' }],
]
for (const [name, octets, wanted] of cases) test(`PROXY header: ${name}`, () => assert.deepEqual(parseProxyHeader(octets), wanted))

const bad: [string, Buffer][] = [
  ['another word', Buffer.from('EHLO x\r\n')],
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`)],
  ['an IPv6 address as TCP4', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
  ['a port too large', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n')],
  ['a port missing', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n')],
  ['a word too many', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n')],
  ['a zone', Buffer.from('PROXY TCP6 fe80::1%lo ::1 1 2\r\n')],
  ['version 3', v2('31', '11', '')],
  ['an unknown command', v2('22', '11', '')],
  ['UDP', v2('21', '12', 'c0000201c63364019c400019')],
  ['addresses cut short', v2('21', '11', 'c0000201')],
  ['a body too long', Buffer.from(`${signature}2111ffff`, 'hex')],
]
for (const [name, octets] of bad) test(`PROXY header refused: ${name}`, () => assert.equal(parseProxyHeader(octets).kind, 'bad'))

test('no octets make the reader throw or read beyond them', () => {
  const heads = [Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '), Buffer.from(signature, 'hex'), Buffer.from(`${signature}2111`, 'hex'), Buffer.alloc(0)]
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), (head, rest) => {
      const octets = Buffer.concat([head, rest])
      const header = parseProxyHeader(octets)
      assert.ok(!('length' in header) || header.length <= octets.length)
    }),
    { numRuns: 2000 },
  )
})
