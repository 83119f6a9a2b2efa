import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { transferDecoder } from '#lib/serve/imap/fetch/transferDecode.ts'

function decode(encoding: string, chunks: readonly string[]): string {
  const decoder = transferDecoder(encoding)
  assert.ok(decoder !== undefined)
  const parts = chunks.map((chunk) => Buffer.from(decoder.write(Buffer.from(chunk, 'latin1'))))
  return Buffer.concat([...parts, decoder.end()]).toString('latin1')
}

/** The text in pieces of lengths drawn at random. */
const pieces = (text: string, cuts: readonly number[]) => {
  const ends = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [...ends, text.length].map((end, at) => text.slice(at === 0 ? 0 : ends[at - 1], end))
}

test('transfer encodings come off', () => {
  for (const [encoding, text, octets] of [
    ['BASE64', 'aGVs\r\nbG8=\r\n', 'hello'],
    ['base64', 'aGVsbG8', 'hello'],
    ['base64', 'aG!!Vs bG8=', 'hello'],
    ['quoted-printable', 'a=3Db=\r\nc  \r\n=C3=a4', 'a=bc\r\n\xc3\xa4'],
    ['quoted-printable', '=ZZ = =', '=ZZ = ='],
    ['8bit', '\xff\0', '\xff\0'],
    ['', 'x', 'x'],
  ] as const) assert.equal(decode(encoding, [text]), octets, text)
  assert.equal(transferDecoder('x-uuencode'), undefined)
})

test('how the octets are cut into chunks makes no difference', () => {
  const qp = fc.array(fc.constantFrom('=3D', '=', '=\r\n', '\r\n', '\n', ' ', 'a', '=C3', 'x'.repeat(70), '\t'), { maxLength: 60 }).map((parts) => parts.join(''))
  const base64 = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64').replaceAll(/.{20}/g, '$&\r\n'))
  fc.assert(
    fc.property(fc.oneof(qp.map((text) => ['quoted-printable', text] as const), base64.map((text) => ['base64', text] as const)), fc.array(fc.nat(1000), { maxLength: 10 }), ([encoding, text], cuts) => {
      assert.equal(decode(encoding, pieces(text, cuts)), decode(encoding, [text]))
    }),
    { seed: 11, numRuns: 2000 },
  )
})

test('a quoted-printable part without line ends is not held in memory whole', () => {
  const decoder = transferDecoder('quoted-printable')
  assert.ok(decoder !== undefined)
  let decoded = 0
  for (let round = 0; round < 100; round++) {
    decoded += decoder.write(Buffer.alloc(65_536, 'x')).length
    assert.ok((round + 1) * 65_536 - decoded <= 2 * 65_536)
  }
  assert.equal(decoded + decoder.end().length, 100 * 65_536)
})
