/** Thousands of real messages, spam and bounces, and shapes made to be slow. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { packMetadata, unpackMetadata } from '#lib/formats/message/compact.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { hasText, partsOf, partText } from '#lib/formats/message/text.ts'

const corpus = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url))
const skip = existsSync(corpus) ? false : 'the corpus is not beside this checkout'

/** The files of a tar archive. */
function* untar(archive: Buffer): Generator<Buffer> {
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const sizeBytes = parseInt(archive.toString('latin1', at + 124, at + 136), 8)
    if (archive.toString('latin1', at + 156, at + 157) === '0') yield archive.subarray(at + 512, at + 512 + sizeBytes)
    at += 512 + Math.ceil(sizeBytes / 512) * 512
  }
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function readAll(bytes: Buffer): void {
  const parsed = parseMessage(bytes)
  assert.equal(parsed.sizeBytes, bytes.length)
  assert.equal(parsed.root.bodyEnd, bytes.length)
  assert.ok(parsed.preview.length <= 200 && !/[\r\n\t]/.test(parsed.preview))
  unpackMetadata(packMetadata(parsed))
  for (const part of partsOf(parsed.root)) if (hasText(part)) partText(part, bytes.subarray(part.bodyStart, part.bodyEnd))
}

test('spam and ham of all kinds can be read', { skip }, () => {
  let count = 0
  const ms = cpuMs(() => {
    for (const archive of globSync('spam/*.tar.gz', { cwd: corpus })) {
      for (const file of untar(gunzipSync(readFileSync(corpus + archive)))) {
        readAll(file)
        count++
      }
    }
  })
  assert.ok(count > 5000, `${count} messages`)
  assert.ok(ms / count < 10, `${ms / count} ms for each message`)
})

test('bounces of all kinds can be read', { skip }, () => {
  const files = globSync('dsn/**/*.eml', { cwd: corpus })
  assert.ok(files.length > 100)
  for (const file of files) readAll(readFileSync(corpus + file))
})

const megabyte = 1024 * 1024
const nested = (count: number, head: (n: number) => string) => Array.from({ length: count }, (_, n) => head(n)).join('')
const inBody = (text: string, type = 'text/html') => `Content-Type: ${type}\r\n\r\n${text}`

/** Each about a megabyte. */
const slowShapes: Readonly<Record<string, string>> = {
  'one line': 'x'.repeat(megabyte),
  'one header line': `Subject: ${'x'.repeat(megabyte)}`,
  'empty header lines of white space': `Subject: x\r\n${' \r\n'.repeat(megabyte / 3)}`,
  'short header fields': 'a:b\r\n'.repeat(megabyte / 5),
  'commas': `To: ${','.repeat(megabyte)}`,
  'opening brackets': `To: ${'<'.repeat(200_000)}`,
  'opening parentheses': `To: ${'('.repeat(200_000)}`,
  'quotes and backslashes': `To: ${'"\\'.repeat(100_000)}`,
  'at signs': `To: ${'a@'.repeat(100_000)}`,
  'routes': `To: ${'<@a'.repeat(80_000)}`,
  'words': `To: ${'a '.repeat(100_000)}`,
  'encoded words without end': `Subject: ${'=?utf-8?q?'.repeat(20_000)}`,
  'message ids': `References: ${'<'.repeat(200_000)}`,
  'parameters': `Content-Type: text/plain${';a=b'.repeat(60_000)}`,
  'parameter pieces': `Content-Type: text/plain${nested(20_000, (n) => `;a*${n}=b`)}`,
  'parameter comments': `Content-Type: text/plain;${'('.repeat(200_000)}`,
  'a date of spaces': `Date: ${' '.repeat(200_000)}x`,
  'a date of comments': `Date: ${'('.repeat(200_000)}`,
  'boundary lines': `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(megabyte / 5)}`,
  'almost boundary lines': `${nested(90, (n) => `Content-Type: multipart/mixed; boundary=${'a'.repeat(70)}${n}\r\n\r\n--${'a'.repeat(70)}${n}\r\n`)}\r\n${`--${'a'.repeat(69)}\r\n`.repeat(megabyte / 73)}`,
  'multiparts in multiparts': nested(20_000, (n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`),
  'messages in messages': 'Content-Type: message/rfc822\r\n\r\n'.repeat(30_000),
  'large headers of parts': `Content-Type: multipart/mixed; boundary=b\r\n\r\n${`--b\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`.repeat(100)}`,
  'tags without end': inBody('<a '.repeat(megabyte / 3)),
  'comments without end': inBody('<!--'.repeat(megabyte / 4)),
  'heads without end': inBody('<head>'.repeat(megabyte / 6)),
  'styles': inBody('<style></style>'.repeat(megabyte / 15)),
  'brackets': inBody('<'.repeat(megabyte)),
  'entities': inBody('&'.repeat(megabyte)),
  'escapes': inBody('='.repeat(megabyte), 'text/plain\r\nContent-Transfer-Encoding: quoted-printable'),
  'escapes before spaces': inBody(`=${' '.repeat(50)}`.repeat(megabyte / 51), 'text/plain\r\nContent-Transfer-Encoding: quoted-printable'),
}

for (const [name, text] of Object.entries(slowShapes)) {
  test(`a message of ${name} is read in time that grows with its size only`, () => {
    const ms = cpuMs(() => readAll(Buffer.from(text, 'latin1')))
    assert.ok(ms < 2000, `${ms} ms`)
  })
}
