import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DataReader } from '#lib/formats/smtp/data.ts'
import { DotStuffer } from '#lib/formats/smtp/transparency.ts'

function stuff(text: string, cuts: readonly number[] = []): string {
  const octets = Buffer.from(text, 'latin1')
  const stuffer = new DotStuffer()
  const bounds = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
  const out: Buffer[] = []
  for (let i = 1; i < bounds.length; i++) out.push(...stuffer.write(octets.subarray(bounds[i - 1], bounds[i])))
  return Buffer.concat([...out, stuffer.end()]).toString('latin1')
}

for (const [sentence, given, wanted] of [
  ['a dot at the start of a line is doubled', '.a\r\n..b\r\nc.\r\n', '..a\r\n...b\r\nc.\r\n.\r\n'],
  ['a last line without its end gets one', 'a\r\nb', 'a\r\nb\r\n.\r\n'],
  ['an empty message is the dot alone', '', '.\r\n'],
  ['a lone dot does not end the message', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a dot behind a bare LF cannot end it for a lax receiver', 'a\n.\nMAIL FROM:<x>\n', 'a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n'],
  ['nor behind a bare CR', 'a\r.\rb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a CR CR LF is two line ends', 'a\r\r\nb\r\n', 'a\r\n\r\nb\r\n.\r\n'],
] as const) {
  test(sentence, () => assert.equal(stuff(given), wanted))
}

test('the cuts between chunks change nothing', () => {
  const text = fc.array(fc.constantFrom('\r', '\n', '.', 'a', '\r\n', '\r\n.\r\n', 'text of a line'), { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(fc.property(text, fc.array(fc.nat(), { maxLength: 10 }), (given, cuts) => assert.equal(stuff(given, cuts), stuff(given))), { numRuns: 500 })
})

test('a receiver reads back what was sent, with its line ends repaired, and only one end of data', () => {
  const text = fc.array(fc.constantFrom('\r', '\n', '.', 'a', '\r\n', '.\r\n'), { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(fc.property(text, (given) => {
    const sent = Buffer.from(stuff(given), 'latin1')
    const reader = new DataReader({ framing: 'dots', bareLineEnds: 'keep' })
    const out: Buffer[] = []
    assert.equal(reader.read(sent, 0, out), sent.length)
    assert.ok(!reader.bareCr && !reader.bareLf)
    const repaired = given.replace(/\r\n|\r|\n/g, '\r\n')
    assert.equal(Buffer.concat(out).toString('latin1'), repaired === '' || repaired.endsWith('\r\n') ? repaired : `${repaired}\r\n`)
  }), { numRuns: 500 })
})
