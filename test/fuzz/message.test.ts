/** Random and mutated messages: nothing throws, every place is inside the message, and chunks make no difference. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeValue } from '#lib/formats/imap/value.ts'
import { parseAddressList } from '#lib/formats/message/address.ts'
import { packMetadata, unpackMetadata } from '#lib/formats/message/compact.ts'
import { toCrlf } from '#lib/formats/message/crlf.ts'
import { parseDate } from '#lib/formats/message/date.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import { filterHeader, parseHeader } from '#lib/formats/message/header.ts'
import { parameterText, parseContentType } from '#lib/formats/message/parameters.ts'
import { sectionRange } from '#lib/formats/message/section.ts'
import type { ParsedMessage, Part } from '#lib/formats/message/structure.ts'
import { MessageParser, parseMessage } from '#lib/formats/message/structure.ts'
import { hasText, partsOf, partText } from '#lib/formats/message/text.ts'
import { bodyStructureValue, envelopeValue } from '#lib/formats/message/value.ts'

const lines = [
  'From: A <a@b.example>', 'To: g: a@b, "c d" <e@f>;, x', 'Subject: =?utf-8?q?=E2=98?= =?utf-8?b?ug==?=', 'Date: Wed, 1 Jul 2020 12:00:00 +0200', 'References: <a@b> <c@d>', ' folded', '\ttab', 'no field', ': x', 'X\xff: y',
  'Content-Type: multipart/mixed; boundary=a', 'Content-Type: multipart/digest; boundary="a-"', 'Content-Type: multipart/alternative; boundary=b', 'Content-Type: multipart/mixed', 'Content-Type: message/rfc822', 'Content-Type: text/html; charset=utf-16',
  'Content-Type: text/plain; charset*0*=utf-8\'\'ut; charset*1=f-8', 'Content-Type: ;', 'Content-Transfer-Encoding: base64', 'Content-Transfer-Encoding: quoted-printable', 'Content-Disposition: attachment; filename*=x', 'Content-Language: en, de', 'Content-ID: <x>',
  '', '', '', '--a', '--a', '--a--', '--a-', '--a---', '--b', '--b--', '--', '-', '--c', 'text', 'caf\xe9 caf\xc3\xa9', 'YWJj', '=41=\xff=', '<p>a&amp;<b', '\0', '\r', ' '.repeat(300), `--${'a'.repeat(300)}`,
]
const ends = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '']
const line = fc.tuple(fc.constantFrom(...lines), fc.constantFrom(...ends)).map(([text, end]) => text + end)
const loose = fc.array(line, { maxLength: 60, size: 'max' }).map((all) => all.join(''))
const some = fc.array(line, { maxLength: 4, size: 'max' }).map((all) => all.join(''))
const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n')

/** Messages that are mostly right: parts in parts, with few boundaries, so that some are prefixes of others or the same. */
const entity = fc.letrec<{ entity: string; leaf: string; multipart: string; message: string }>((tie) => ({
  entity: fc.oneof({ depthSize: 'large', maxDepth: 5 }, tie('leaf'), tie('multipart'), tie('message')),
  leaf: fc.tuple(some, end, some).map(([header, eol, body]) => header + eol + body),
  message: fc.tuple(end, tie('entity')).map(([eol, inside]) => `Content-Type: message/rfc822${eol}${eol}${inside}`),
  multipart: fc.tuple(fc.constantFrom('a', 'b', 'a-', 'ab'), fc.constantFrom('mixed', 'digest'), end, fc.array(tie('entity'), { maxLength: 3, size: 'max' }), fc.constantFrom('--', '--', '', ' x'), some).map(
    ([boundary, subtype, eol, parts, tail, epilogue]) => `Content-Type: multipart/${subtype}; boundary="${boundary}"${eol}${eol}${parts.map((part) => `--${boundary}${eol}${part}${eol}`).join('')}--${boundary}${tail}${eol}${epilogue}`,
  ),
}))
const message = fc.oneof(loose, entity.multipart, fc.tuple(some, entity.entity).map((both) => both.join(''))).map((text) => Buffer.from(text, 'latin1'))
const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 })

function parseInChunks(bytes: Buffer, sizes: readonly number[]): ParsedMessage {
  const parser = new MessageParser()
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    parser.write(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return parser.end()
}

/** Every part inside its parent, behind the one before it, its lines counted right. */
function checkPlaces(bytes: Buffer, part: Part, from: number, until: number): void {
  assert.ok(from <= part.headerStart && part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd && part.bodyEnd <= until, JSON.stringify({ from, until, part }))
  assert.equal(part.lines, bytes.subarray(part.bodyStart, part.bodyEnd).reduce((count, octet) => count + Number(octet === 10), 0))
  if (part.type === 'multipart') assert.ok(part.parts.length > 0)
  let behind = part.bodyStart
  for (const inner of part.parts) {
    checkPlaces(bytes, inner, behind, part.bodyEnd)
    behind = inner.bodyEnd
  }
  if (part.message === null) return
  assert.deepEqual([part.message.root.headerStart, part.message.root.bodyEnd], [part.bodyStart, part.bodyEnd])
  checkPlaces(bytes, part.message.root, part.bodyStart, part.bodyEnd)
}

/** The sections of IMAP lead to the same places as the tree. */
function checkSections(root: Part, part: Part, path: number[]): void {
  assert.deepEqual(sectionRange(root, path, 'ALL'), { start: part.bodyStart, end: part.bodyEnd })
  assert.deepEqual(sectionRange(root, path, 'MIME'), { start: part.headerStart, end: part.bodyStart })
  if (part.message !== null) assert.deepEqual(sectionRange(root, path, 'HEADER'), { start: part.bodyStart, end: part.message.root.bodyStart })
  const inside = part.message === null ? part : part.message.root
  if (inside.type === 'multipart') for (const [at, inner] of inside.parts.entries()) checkSections(root, inner, [...path, at + 1])
  else if (part.message !== null) checkSections(root, inside, [...path, 1])
}

function checkMessage(bytes: Buffer, sizes: readonly number[]): void {
  const parsed = parseMessage(bytes)
  const { fields, sizeBytes, ...metadata } = parsed
  assert.deepEqual(parseInChunks(bytes, sizes), parsed)
  assert.equal(sizeBytes, bytes.length)
  assert.deepEqual([parsed.root.headerStart, parsed.root.bodyStart, parsed.root.bodyEnd], [0, parsed.headerBytes, bytes.length])
  assert.equal(parsed.headerBytes, parseHeader(bytes).end)
  checkPlaces(bytes, parsed.root, 0, bytes.length)
  if (parsed.root.type === 'multipart') for (const [at, inner] of parsed.root.parts.entries()) checkSections(parsed.root, inner, [at + 1])
  else checkSections(parsed.root, parsed.root, [1])
  assert.deepEqual(unpackMetadata(packMetadata(parsed)), metadata)
  writeValue(envelopeValue(parsed.envelope))
  writeValue(bodyStructureValue(parsed.root, true))
  for (const part of partsOf(parsed.root)) if (hasText(part)) partText(part, bytes.subarray(part.bodyStart, part.bodyEnd))
  for (const { start, end } of fields) assert.ok(start < end && end <= parsed.headerBytes)
  assert.ok(filterHeader(bytes.subarray(0, parsed.headerBytes), ['from', 'content-type'], true).length <= parsed.headerBytes + 2)
}

test('random messages are read the same in any chunks, and every place is inside the message', () => {
  let nested = 0
  const check = (bytes: Buffer, sizes: readonly number[]) => {
    checkMessage(bytes, sizes)
    if (parseMessage(bytes).root.parts.some(({ parts, message: inside }) => parts.length > 1 || inside !== null)) nested++
  }
  fc.assert(fc.property(message, cuts, check), { numRuns: 3000, seed: 20_250_201, interruptAfterTimeLimit: 4000 })
  assert.ok(nested > 100, `only ${nested} messages had parts in parts`)
})

test('messages with octets changed, taken out and repeated are read the same in any chunks', () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom('octet', 'cut', 'repeat'), fc.integer({ min: 0, max: 255 }))
  const mutated = fc.tuple(message, fc.array(change, { minLength: 1, maxLength: 6 })).map(([bytes, changes]) => {
    let made = bytes
    for (const [where, what, amount] of changes) {
      const at = made.length === 0 ? 0 : where % made.length
      const piece = made.subarray(at, at + (amount % 40))
      made = Buffer.concat(what === 'repeat' ? [made.subarray(0, at), piece, made.subarray(at)] : [made.subarray(0, at), what === 'octet' ? Buffer.of(amount) : Buffer.alloc(0), made.subarray(at + (what === 'octet' ? 1 : piece.length))])
    }
    return made
  })
  fc.assert(fc.property(mutated, cuts, checkMessage), { numRuns: 2000, seed: 20_250_205, interruptAfterTimeLimit: 3000 })
})

test('messages of random octets are read the same in any chunks', () => {
  const octets = fc.uint8Array({ maxLength: 400, size: 'max' }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(octets, cuts, checkMessage), { numRuns: 1000, seed: 20_250_202, interruptAfterTimeLimit: 1500 })
})

test('values of fields are read whatever stands in them', () => {
  const value = fc.string({ unit: fc.constantFrom(...'aB1 \t\r\n<>@,;:"\\()[]=?._-*%\'/+', '\xe9', '\xc3', '=?', '?=', '?q?', '?b?', 'utf-8', '*0', '*1*', 'Jul', '2020'), maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(value, (text) => {
      for (const { name, adl, mailbox, host } of parseAddressList(text)) for (const one of [name, adl, mailbox, host]) assert.ok(one === undefined || one === null || typeof one === 'string')
      const date = parseDate(text)
      assert.ok(date === undefined || Number.isFinite(date))
      decodeEncodedWords(text)
      parameterText(parseContentType(`a/b;${text}`)?.parameters, 'a')
    }),
    { numRuns: 20_000, seed: 20_250_203, interruptAfterTimeLimit: 2000 },
  )
})

test('text in any chunks has CRLF line ends only, and the same ones', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\r', '\n', '\r\n'), maxLength: 30, size: 'max' })
  await fc.assert(
    fc.asyncProperty(text, cuts, async (whole, sizes) => {
      const chunks: Buffer[] = []
      for (let at = 0, turn = 0; at < whole.length; turn++) {
        const size = (sizes[turn % sizes.length] ?? 1) % 5
        chunks.push(Buffer.from(whole.slice(at, at + size)))
        at += size
        if (turn > 100) break
      }
      let made = ''
      for await (const piece of toCrlf(chunks)) made += String(Buffer.from(piece))
      assert.equal(made, chunks.join('').replaceAll(/\r\n|\r|\n/g, '\r\n'))
    }),
    { numRuns: 2000, seed: 20_250_204, interruptAfterTimeLimit: 1500 },
  )
})
