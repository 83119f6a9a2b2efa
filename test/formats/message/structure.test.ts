import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toCrlf } from '#lib/formats/message/crlf.ts'
import { packMetadata, unpackMetadata } from '#lib/formats/message/compact.ts'
import { sectionRange } from '#lib/formats/message/section.ts'
import type { Part } from '#lib/formats/message/structure.ts'
import { MessageParser, parseMessage } from '#lib/formats/message/structure.ts'
import { hasText, partsOf, partText } from '#lib/formats/message/text.ts'
import { bodyStructureValue, envelopeValue } from '#lib/formats/message/value.ts'

const octets = (lines: readonly string[]) => Buffer.from(lines.join('\r\n'), 'latin1')

const letter = octets([
  'From: "Anna" <anna@example.org>',
  'To: friends: bob@example.net;',
  'Subject: =?utf-8?q?Caf=C3=A9?=',
  'Date: Wed, 1 Jul 2020 12:00:00 +0200',
  'Message-ID: <3@example.org>',
  'References: <1@example.org>',
  ' <2@example.net>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=outer',
  '',
  'Read this with a modern program.',
  '--outer',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  '',
  'Hello Bob,',
  'how are you?',
  '--inner',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  '<p>Hello <b>B=C3=B6b</b>,</p>',
  '--inner--',
  '--outer',
  'Content-Type: message/rfc822',
  'Content-Disposition: attachment; filename=x.eml',
  '',
  'Subject: inside',
  'From: carl@example.net',
  '',
  'The text inside',
  '--outer--',
  'epilogue',
])

const at = (root: Part, path: number[], what: 'ALL' | 'HEADER' | 'TEXT' | 'MIME') => {
  const range = sectionRange(root, path, what)
  return range === undefined ? undefined : letter.toString('latin1', range.start, range.end)
}

test('the envelope takes Sender and Reply-To from From, and tells groups as IMAP wants them', () => {
  const { envelope } = parseMessage(letter)
  const anna = [['Anna', null, 'anna', 'example.org']]
  assert.deepEqual(envelopeValue(envelope), [
    'Wed, 1 Jul 2020 12:00:00 +0200', '=?utf-8?q?Caf=C3=A9?=', anna, anna, anna,
    [[null, null, 'friends', null], [null, null, 'bob', 'example.net'], [null, null, null, null]], null, null, null, '<3@example.org>',
  ])
})

test('BODYSTRUCTURE tells parts, sizes, lines and the message inside', () => {
  const { root } = parseMessage(letter)
  const carl = [[null, null, 'carl', 'example.net']]
  assert.deepEqual(bodyStructureValue(root, true), [
    [
      ['text', 'plain', ['charset', 'us-ascii'], null, null, '7bit', 24, 1, null, null, null, null],
      ['text', 'html', ['charset', 'utf-8'], null, null, 'quoted-printable', 29, 0, null, null, null, null],
      'alternative', ['boundary', 'inner'], null, null, null,
    ],
    [
      'message', 'rfc822', null, null, null, '7bit', 58, [null, 'inside', carl, carl, carl, null, null, null, null, null],
      ['text', 'plain', ['charset', 'us-ascii'], null, null, '7bit', 15, 0, null, null, null, null], 3, null, ['attachment', ['filename', 'x.eml']], null, null,
    ],
    'mixed', ['boundary', 'outer'], null, null, null,
  ])
  assert.equal(JSON.stringify(bodyStructureValue(root, false)).includes('x.eml'), false)
})

test('sections are found by their numbers', () => {
  const { root, sizeBytes, headerBytes } = parseMessage(letter)
  assert.deepEqual(sectionRange(root, [], 'ALL'), { start: 0, end: sizeBytes })
  assert.deepEqual(sectionRange(root, [], 'HEADER'), { start: 0, end: headerBytes })
  assert.deepEqual(sectionRange(root, [], 'TEXT'), { start: headerBytes, end: sizeBytes })
  assert.equal(at(root, [1, 1], 'ALL'), 'Hello Bob,\r\nhow are you?')
  assert.equal(at(root, [1, 1], 'MIME'), '\r\n')
  assert.equal(at(root, [1, 2], 'MIME'), 'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n')
  assert.equal(at(root, [2], 'ALL'), 'Subject: inside\r\nFrom: carl@example.net\r\n\r\nThe text inside')
  assert.equal(at(root, [2], 'HEADER'), 'Subject: inside\r\nFrom: carl@example.net\r\n\r\n')
  assert.equal(at(root, [2], 'TEXT'), 'The text inside')
  assert.equal(at(root, [2, 1], 'ALL'), 'The text inside')
  assert.equal(at(root, [2, 1], 'MIME'), 'Subject: inside\r\nFrom: carl@example.net\r\n\r\n')
})

test('sections that are not there are not found', () => {
  const { root } = parseMessage(letter)
  for (const path of [[3], [1, 3], [1, 1, 1], [2, 2], [2, 1, 1], [0]]) assert.equal(at(root, path, 'ALL'), undefined)
  assert.equal(at(root, [1], 'HEADER'), undefined)
  assert.equal(at(root, [1, 1], 'TEXT'), undefined)
})

test('a message that is a message: 1 is its body, 1.1 the body inside', () => {
  const bytes = octets(['Content-Type: message/rfc822', '', 'Subject: inside', '', 'text'])
  const { root } = parseMessage(bytes)
  const text = (path: number[], what: 'ALL' | 'HEADER') => {
    const range = sectionRange(root, path, what)
    return range === undefined ? undefined : bytes.toString('latin1', range.start, range.end)
  }
  assert.equal(text([1], 'ALL'), 'Subject: inside\r\n\r\ntext')
  assert.equal(text([1], 'HEADER'), 'Subject: inside\r\n\r\n')
  assert.equal(text([1, 1], 'ALL'), 'text')
})

test('the thread keys are the date and the references', () => {
  assert.deepEqual(parseMessage(letter).threading, { sentAt: Date.UTC(2020, 6, 1, 10), references: ['1@example.org', '2@example.net'] })
  assert.deepEqual(parseMessage(octets(['In-Reply-To: <1@example.org>', 'Date: x', ''])).threading, { sentAt: null, references: ['1@example.org'] })
})

test('of many references the first and the latest are kept', () => {
  const { references } = parseMessage(octets([`References: ${Array.from({ length: 100 }, (_, n) => `<${n}@a>`).join('\r\n ')}`, ''])).threading
  assert.deepEqual([references.length, references[0], references[1], references.at(-1)], [20, '0@a', '81@a', '99@a'])
})

test('metadata packed and unpacked is the same, and small', () => {
  const { envelope, root, preview, headerBytes, threading } = parseMessage(letter)
  const packed = packMetadata({ envelope, root, preview, headerBytes, threading })
  assert.deepEqual(unpackMetadata(packed), { envelope, root, preview, headerBytes, threading })
  assert.ok(packed.length < 500, `${packed.length} octets`)
})

test('metadata of another version, and octets that are none, are refused', () => {
  assert.throws(() => unpackMetadata(Uint8Array.of(0x91, 0x63)), /version 99/)
  assert.throws(() => unpackMetadata(Uint8Array.of(0x01)), /damaged/)
})

const previews: readonly (readonly [lines: readonly string[], preview: string])[] = [
  [['', 'Hello\r\n\r\n  Bob'], 'Hello Bob'],
  [['', ''], ''],
  [['Content-Type: text/html', '', '<html><head><title>T</title><style>p{}</style></head><body><p>A&nbsp;&amp; B</p><p>C</p><!-- no --><script>x</script></body>'], 'A & B C'],
  [['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: base64', '', Buffer.from('Grüße').toString('base64')], 'Grüße'],
  [['Content-Type: image/png', '', 'abc'], ''],
  [['Content-Type: text/plain', 'Content-Disposition: attachment', '', 'abc'], ''],
  [['Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: text/html', '', '<i>html</i>', '--b', 'Content-Type: text/plain', '', 'plain', '--b--'], 'plain'],
  [['Content-Type: multipart/mixed; boundary=b', '', '--b', '', ' ', '--b', 'Content-Type: text/html', '', '<i>html</i>', '--b--'], 'html'],
  [['', 'x'.repeat(199) + '\xf0\x9f\x98\x80 more'], 'x'.repeat(199)],
]

for (const [lines, preview] of previews) {
  test(`the preview of ${JSON.stringify(lines.join('|').slice(0, 80))} is ${JSON.stringify(preview.slice(0, 20))}`, () => assert.equal(parseMessage(octets(lines)).preview, preview))
}

test('the text to search is that of all text parts, without tags', () => {
  const text = Array.from(partsOf(parseMessage(letter).root), (part) => (hasText(part) ? partText(part, letter.subarray(part.bodyStart, part.bodyEnd)) : '')).join('\n')
  assert.match(text, /how are you\?/)
  assert.match(text, /Hello Böb,/)
  assert.match(text, /The text inside/)
  assert.doesNotMatch(text, /<p>|modern program|epilogue/)
})

test('a header beyond the limit belongs to the header and is not read', () => {
  const bytes = Buffer.concat([Buffer.from('Subject: s\r\n'), Buffer.from('X: y\r\n'.repeat(60_000)), Buffer.from('From: late@example.org\r\n\r\nbody\r\n')])
  const { envelope, headerBytes, sizeBytes, fields, preview } = parseMessage(bytes)
  assert.equal(sizeBytes - headerBytes, 6)
  assert.equal(preview, 'body')
  assert.deepEqual([envelope.subject, envelope.from], ['s', null])
  assert.ok(fields.length < 60_000)
})

test('parts inside each other end somewhere', () => {
  const nested = (count: number, head: (n: number) => string) => Buffer.from(Array.from({ length: count }, (_, n) => head(n)).join(''))
  let depth = 0
  for (let part: Part | undefined = parseMessage(nested(300, (n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`)).root; part !== undefined; part = part.parts[0]) depth++
  assert.equal(depth, 100)
  depth = 0
  for (let part: Part | undefined = parseMessage(nested(300, () => 'Content-Type: message/rfc822\r\n\r\n')).root; part !== undefined; part = part.message?.root) depth++
  assert.equal(depth, 100)
})

test('parts beside each other end somewhere, and what follows is no part', () => {
  const { root } = parseMessage(Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(11_000)}--b--\r\n`))
  assert.equal(root.parts.length, 9_999)
})

test('the chunks that a message comes in may be overwritten behind the parser', () => {
  const parser = new MessageParser()
  const chunk = Buffer.alloc(7)
  for (let from = 0; from < letter.length; from += 7) {
    const size = letter.copy(chunk, 0, from)
    parser.write(chunk.subarray(0, size))
    chunk.fill(0)
  }
  assert.deepEqual(parser.end(), parseMessage(letter))
})

test('bare CR and LF become CRLF, whatever the chunks', async () => {
  const text = 'a\nb\rc\r\n\r\r\n\n\rd\r'
  for (let size = 1; size <= text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) => Buffer.from(text.slice(n * size, (n + 1) * size)))
    let made = ''
    for await (const piece of toCrlf(chunks)) made += String(Buffer.from(piece))
    assert.equal(made, 'a\r\nb\r\nc\r\n\r\n\r\n\r\n\r\nd\r\n', `chunks of ${size}`)
  }
})
