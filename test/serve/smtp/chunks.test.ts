import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { converse } from '../converse.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ smtp: { maxLineBytes: 2000, maxCommandBytes: 200 } })
after(() => stage.stop(0))

const ids = /[0-9B-DF-HJ-NP-TV-Z]{18}/g

async function outcome(pieces: readonly string[]) {
  const before = stage.taken.length
  const heard = (await converse(stage, pieces)).replace(ids, 'ID')
  return { heard, bodies: stage.taken.slice(before).map(({ body, message }) => ({ body, recipients: message.envelope.recipients })) }
}

function cut(text: string, places: readonly number[]): string[] {
  const sorted = [...new Set(places.map((place) => place % text.length))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, i) => text.slice(from, sorted[i] ?? text.length))
}

const sessions = {
  'dots of all kinds': 'EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n.\r\n.x\r\n..\r\n...\r\ny\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<team@example.org>\r\nDATA\r\n..\r\nx\r\n.\r\nQUIT\r\n',
  'bare line ends': 'EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nx\n.\r\n\r.\r\n\r\n.\r\r\n\r\n.\r\nNOOP\r\nQUIT\r\n',
  'chunks and errors': `EHLO c\r\nBDAT 3\r\nx\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nBDAT 5\r\na: b\r\nBDAT 9 LAST\r\n\n\r\n.\r\nxy\r\nNOOP ${'x'.repeat(300)}\r\nNOOP \u00ff\r\nWHAT\r\nQUIT\r\n`,
  'a session that ends at a bare LF': 'EHLO c\r\nNOOP\r\nNOOP\nMAIL FROM:<a@b.example>\r\n',
}

for (const [name, text] of Object.entries(sessions)) {
  test(`however the octets are cut, the outcome is one: ${name}`, async () => {
    const whole = await outcome([text])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 12 }), async (places) => {
        assert.deepEqual(await outcome(cut(text, places)), whole)
      }),
      { numRuns: 40 },
    )
    assert.deepEqual(await outcome([...text]), whole)
  })
}
