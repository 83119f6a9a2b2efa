import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeBinaryParts } from '#lib/formats/smtp/binaryMime.ts'

async function encode(...pieces: Buffer[]): Promise<string> {
  const out: Uint8Array[] = []
  for await (const chunk of encodeBinaryParts((async function* () { yield* pieces })())) out.push(chunk)
  return Buffer.concat(out).toString('latin1')
}

const latin = (text: string) => Buffer.from(text, 'latin1')
const head = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b 1"\r\nContent-Transfer-Encoding: binary\r\n\r\npreamble\r\n'
const binary = (octets: string) => `--b 1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n${octets}\r\n`
const text = '--b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n\r\n'

test('a binary part becomes base64, its neighbours and the boundaries stay', async () => {
  const wanted = `${head.replace(': binary', ': 8bit')}--b 1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${latin('\0\n--b 1\rx').toString('base64')}\r\n${text}--b 1--\r\nepilogue\r\n`
  assert.equal(await encode(latin(`${head}${binary('\0\n--b 1\rx')}${text}--b 1--\r\nepilogue\r\n`)), wanted)
})

test('a message without binary parts comes out as it went in', async () => {
  const plain = `Subject: x\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\na\r\n--q--\r\n`
  assert.equal(await encode(latin(plain)), plain)
})

test('nested multiparts and messages inside are followed', async () => {
  const inner = 'Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\0'
  const given = `Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n${inner}\r\n--i--\r\n--o\r\n\r\nlast\r\n--o--\r\n`
  assert.equal(await encode(latin(given)), given.replace(': binary', ': base64').replace('\xff\0', '/wA='))
})

test('any octets of a part survive, however the message is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.array(fc.nat(3000), { maxLength: 8 }), async (octets, at) => {
      const body = Buffer.from(octets).toString('latin1')
      fc.pre(!/(^|\n)--b 1/.test(body))
      const whole = latin(`${head}${binary(body)}--b 1--\r\n`)
      const places = [...new Set(at)].filter((place) => place < whole.length).sort((a, b) => a - b)
      const out = await encode(...[0, ...places].map((from, i) => whole.subarray(from, places[i] ?? whole.length)))
      const part = /base64\r\n\r\n([\s\S]*?)--b 1--\r\n$/.exec(out)?.[1] ?? ''
      assert.deepEqual(Buffer.from(part, 'base64'), Buffer.from(octets))
      assert.doesNotMatch(out, /(?<!\r)\n|\r(?!\n)|\0/)
      assert.ok(out.split('\r\n').every((line) => line.length <= 76))
    }),
    { numRuns: 200 },
  )
})

test('a part larger than any buffer keeps full lines', async () => {
  const octets = Buffer.alloc(1_000_000, 'ab\ncd\0')
  const out = await encode(latin(head), latin(binary('').slice(0, -2)), octets, latin('\r\n--b 1--\r\n'))
  const part = /base64\r\n\r\n([\s\S]*?)--b 1--\r\n$/.exec(out)?.[1] ?? ''
  assert.ok(Buffer.from(part, 'base64').equals(octets))
  assert.ok(part.trimEnd().split('\r\n').slice(0, -1).every((line) => line.length === 76))
})
