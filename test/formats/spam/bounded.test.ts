import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { gatherFacts } from '#lib/formats/spam/facts.ts'
import { scoreMessage } from '#lib/formats/spam/score.ts'

function score(text: string): ReturnType<typeof scoreMessage> {
  const bytes = Buffer.from(text, 'latin1')
  return scoreMessage(gatherFacts({ parsed: parseMessage(bytes), bytes, receivedAt: 0, client: { address: '192.0.2.1', hello: 'x'.repeat(500) } }))
}

const encoded = (text: string) => Array.from({ length: 2000 }, () => `=?utf-8?q?${text}?=`).join('\r\n ')
const html = (text: string) => `Content-Type: text/html\r\n\r\n${text}`

test('no message takes long to score, however it was made to', () => {
  const cases: Record<string, string> = {
    'a subject of spaces': `Subject: ${encoded('_'.repeat(50))}\r\n\r\n`,
    'a subject that shouts for ever': `Subject: ${'A'.repeat(500_000)}\r\n\r\n`,
    'a sender without end': `From: ${'a'.repeat(500_000)}\r\n\r\n`,
    'a name without end': `From: "${'b c '.repeat(100_000)}" <a@b.example>\r\n\r\n`,
    'many mailers': `X-Mailer: ${'the bat! '.repeat(50_000)}\r\n\r\n`,
    'many recipients': `To: ${'recipients: '.repeat(50_000)}\r\n\r\n`,
    'sums of money': `\r\n\r\n${'1,000'.repeat(100_000)}`,
    'almost phrases': `\r\n\r\n${'verify your a b c '.repeat(30_000)}`,
    'almost German phrases': `\r\n\r\n${'ihre daten a b '.repeat(30_000)}konto wurde `,
    'open tags': html('<'.repeat(500_000)),
    'open links': html('<a href="http://x.example">'.repeat(20_000)),
    'scripts without end': html('<script>'.repeat(60_000)),
    'empty styles': html('<style></style>'.repeat(40_000)),
    'comments without end': html('<!--'.repeat(120_000)),
    'a tag without end': html(`<a ${'href '.repeat(100_000)}>`),
    'entities': html('&amp;&#x'.repeat(60_000)),
    'links in text': `\r\n\r\n${'http://'.repeat(70_000)}`,
    'hosts in text': html('<a href="http://x.example">aaaa.aaaa.aaaa.'.repeat(10_000)),
    'many fields': `${'X-A: b\r\n'.repeat(60_000)}\r\n`,
    'attachments': `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\n'.repeat(8000)}`,
  }
  for (const [name, message] of Object.entries(cases)) {
    const begun = process.cpuUsage().user
    score(message)
    const ms = (process.cpuUsage().user - begun) / 1000
    assert.ok(ms < 700, `${name}: ${ms} ms`)
  }
})
