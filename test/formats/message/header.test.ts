import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filterHeader, parseHeader, unfold } from '#lib/formats/message/header.ts'

const octets = (text: string) => Buffer.from(text, 'latin1')

test('fields are told with their places, folding and all', () => {
  const text = 'From: a@b.example\r\nSubject:  one\r\n two \r\nX : y\r\n\r\nbody: no\r\n'
  const { fields, end } = parseHeader(octets(text))
  assert.deepEqual(fields.map(({ name, value, start, end: until }) => [name, value, text.slice(start, until)]), [
    ['From', 'a@b.example', 'From: a@b.example\r\n'],
    ['Subject', 'one\r\n two', 'Subject:  one\r\n two \r\n'],
    ['X', 'y', 'X : y\r\n'],
  ])
  assert.equal(text.slice(end), 'body: no\r\n')
})

test('bare LF ends lines, a header without a body ends with the octets, and values keep their octets', () => {
  const { fields, end } = parseHeader(octets('A: \xff\n\tx\nB:'))
  assert.deepEqual(fields.map(({ name, value }) => [name, value]), [['A', '\xff\n\tx'], ['B', '']])
  assert.equal(end, 10)
})

test('lines that are no fields are passed over', () => {
  const { fields } = parseHeader(octets('From a@b.example Mon Jan  1 00:00:00 2024\r\nno colon\r\n continued: x\r\n: nameless\r\nA: b\r\n'))
  assert.deepEqual(fields.map(({ name, value }) => [name, value]), [['A', 'b']])
})

test('a first line that is empty leaves no header', () => {
  assert.deepEqual(parseHeader(octets('\r\nA: b\r\n')), { fields: [], end: 2 })
  assert.deepEqual(parseHeader(octets('')), { fields: [], end: 0 })
})

test('unfolding takes the line ends out and leaves the white space', () => assert.equal(unfold('a\r\n b\n\tc'), 'a b\tc'))

test('HEADER.FIELDS gives the fields as they stand and the empty line, HEADER.FIELDS.NOT all others', () => {
  const header = octets('From: a\r\nTO: b,\r\n c\r\nto: d\r\n\r\n')
  assert.equal(String(Buffer.from(filterHeader(header, ['To', 'X'], false))), 'TO: b,\r\n c\r\nto: d\r\n\r\n')
  assert.equal(String(Buffer.from(filterHeader(header, ['To'], true))), 'From: a\r\n\r\n')
  assert.equal(String(Buffer.from(filterHeader(header, ['X'], false))), '\r\n')
})
