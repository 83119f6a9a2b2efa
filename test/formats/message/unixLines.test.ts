import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { toCrlf } from '#lib/formats/message/crlf.ts'
import { toUnixLines } from '#lib/formats/message/unixLines.ts'

async function* inPieces(octets: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
  for (const [at, place] of places.slice(1).entries()) yield octets.subarray(places[at] ?? 0, place)
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

describe('line ends of a disk', () => {
  for (const [from, to] of [
    ['', ''],
    ['a\r\nb\r\n', 'a\nb\n'],
    ['a\r\r\nb', 'a\r\nb'],
    ['\r', '\r'],
    ['a\rb\nc', 'a\rb\nc'],
  ] as const)
    it(`${JSON.stringify(from)} becomes ${JSON.stringify(to)}`, async () => {
      for (const cut of [0, 1, 2, 3]) assert.equal(await gather(toUnixLines(inPieces(Buffer.from(from), [cut]))), to)
    })

  it('what was stored comes back octet for octet when its line ends are made CRLF again, whatever the chunks', async () => {
    const text = fc.array(fc.constantFrom('\r\n', 'a', 'From ', '.', ' '), { maxLength: 40 }).map((parts) => parts.join(''))
    await fc.assert(fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 5 }), async (stored, cuts) => assert.equal(await gather(toCrlf(toUnixLines(inPieces(Buffer.from(stored), cuts)))), stored)))
  })
})
