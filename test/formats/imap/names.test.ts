import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCreate } from '#lib/formats/imap/create.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseList, parseLsub, writeListLine } from '#lib/formats/imap/list.ts'
import { checkNewMailboxName, decodeMailboxName, encodeMailboxName, writeMailbox } from '#lib/formats/imap/mailboxName.ts'
import { compilePattern } from '#lib/formats/imap/pattern.ts'
import { parseSelect } from '#lib/formats/imap/select.ts'
import { parseStatus } from '#lib/formats/imap/status.ts'
import { refusalOf, refused } from './refused.ts'

test('Mailbox names are modified UTF-7 before IMAP4rev2 is enabled', () => {
  for (const [wire, name] of [
    ['INBOX', 'INBOX'],
    ['iNbOx', 'INBOX'],
    ['inbox/x', 'INBOX/x'],
    ['inboxes', 'inboxes'],
    ['&-', '&'],
    ['R&-D', 'R&D'],
    // The example of RFC 3501 §5.1.3.
    ['~peter/mail/&U,BTFw-/&ZeVnLIqe-', '~peter/mail/台北/日本語'],
    ['Entw&APw-rfe', 'Entwürfe'],
    ['&2D3eAA-', '😀'],
    ['a b"c', 'a b"c'],
  ] as const) {
    assert.equal(decodeMailboxName(wire, 'utf7'), name)
    if (!name.startsWith('INBOX')) assert.equal(encodeMailboxName(name, 'utf7'), wire)
  }
  for (const wire of ['&', 'a&b', '&!-', '&2D0-', '&A-', '&AGEA&-']) assert.equal(refusalOf(() => decodeMailboxName(wire, 'utf7'), wire).code, 'CANNOT')
})

test('Mailbox names are UTF-8 once IMAP4rev2 is enabled, and an ampersand is one', () => {
  const octets = Buffer.from('Entwürfe & Co').toString('latin1')
  assert.equal(decodeMailboxName(octets, 'utf8'), 'Entwürfe & Co')
  assert.equal(encodeMailboxName('Entwürfe & Co', 'utf8'), octets)
  assert.equal(writeMailbox('Entwürfe', 'utf8'), Buffer.from('"Entwürfe"').toString('latin1'))
  assert.equal(decodeMailboxName(Buffer.from('e\u0301').toString('latin1'), 'utf8'), 'é')
  refused('NO', () => decodeMailboxName('\xff', 'utf8'))
})

test('Every name survives the way to the wire and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), fc.constantFrom('utf7', 'utf8'), (text, encoding) => {
      const name = text.normalize('NFC')
      fc.pre(name.isWellFormed() && !/^inbox(\/|$)/i.test(name) && !name.includes('\0'))
      assert.equal(decodeMailboxName(new Lexer(writeMailbox(name, encoding)).astring(), encoding), name)
    }),
    { seed: 7, numRuns: 500 },
  )
})

test('A new name has no control characters, wildcards or empty levels', () => {
  for (const name of ['a', 'a/b', 'ä', 'a b', 'x.y', '#a', '~']) checkNewMailboxName(name)
  for (const name of ['a\tb', 'a\u0085', 'a\u2028', 'a%', '*', '/a', 'a//b', 'a/', ' ', 'a/ /b']) assert.equal(refusalOf(() => checkNewMailboxName(name), name).code, 'CANNOT')
})

test('A pattern: * goes over levels, % does not', () => {
  for (const [pattern, yes, no] of [
    ['*', ['', 'a', 'a/b'], []],
    ['%', ['', 'a'], ['a/b']],
    ['a/%', ['a/', 'a/b'], ['a', 'a/b/c']],
    ['%/%', ['a/b'], ['a', 'a/b/c']],
    ['a*c', ['ac', 'abc', 'a/b/c'], ['ab', 'cab']],
    ['%b%', ['b', 'abc'], ['a/b', 'b/c']],
    ['%*', ['a/b'], []],
    ['*%', ['a/b'], []],
    ['inbox', ['INBOX'], ['inboxes']],
    ['i%X', ['INBOX'], ['I/X']],
    ['', [''], ['a']],
    ['ü%', ['über'], ['uber']],
    ['a.b', ['a.b'], ['axb']],
  ] as const) {
    const matches = compilePattern(pattern)
    for (const name of yes) assert.ok(matches(name), `${pattern} ${name}`)
    for (const name of no) assert.ok(!matches(name), `${pattern} ${name}`)
  }
})

test('A pattern made to be slow is not', () => {
  const started = performance.now()
  const matches = compilePattern('%a*'.repeat(20_000))
  for (let round = 0; round < 1000; round++) assert.ok(!matches('a'.repeat(500)))
  const hard = compilePattern(`${'*a'.repeat(400)}b`)
  for (let round = 0; round < 5; round++) assert.ok(!hard('a'.repeat(1000)))
  assert.ok(performance.now() - started < 1000)
})

const plain = { reference: '', onlySubscribed: false, onlySpecialUse: false, recursiveMatch: false, returnSubscribed: false, returnStatus: [], returnRights: false, returnMetadata: [], extended: false }

test('LIST: basic, and with options in front, patterns in parentheses and RETURN', () => {
  const parse = (rest: string) => parseList(new Lexer(rest), 'utf7')
  assert.deepEqual(parse(' "" *'), { ...plain, patterns: ['*'] })
  assert.deepEqual(parse(' a/ ""'), { ...plain, reference: 'a/', patterns: [''] })
  assert.deepEqual(parse(' "" (a "b%")'), { ...plain, patterns: ['a', 'b%'], extended: true })
  assert.deepEqual(parse(' (SUBSCRIBED) "" *'), { ...plain, patterns: ['*'], onlySubscribed: true, returnSubscribed: true, extended: true })
  assert.deepEqual(parse(' (subscribed RECURSIVEMATCH) "" %'), { ...plain, patterns: ['%'], onlySubscribed: true, recursiveMatch: true, returnSubscribed: true, extended: true })
  assert.deepEqual(parse(' (SPECIAL-USE REMOTE) "" *'), { ...plain, patterns: ['*'], onlySpecialUse: true, extended: true })
  assert.deepEqual(parse(' () "" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT))'), { ...plain, patterns: ['*'], returnSubscribed: true, returnStatus: ['MESSAGES', 'UIDNEXT'], extended: true })
  for (const rest of ['', ' ""', ' "" ', ' (FOO) "" *', ' (RECURSIVEMATCH) "" *', ' (RECURSIVEMATCH REMOTE) "" *', ' "" * RETURN', ' "" * RETURN (FOO)', ' "" * RETURN (STATUS)', ' "" * RETURN (STATUS ())', ' "" * x', ' "" ()']) refused('BAD', () => parse(rest), rest)
  assert.equal(refusalOf(() => parse(` "" (${Array<string>(101).fill('a').join(' ')})`)).code, 'LIMIT')
  assert.deepEqual(parseLsub(new Lexer(' "" "&APw-%"'), 'utf7'), { reference: '', pattern: 'ü%' })
})

test('A LIST line names attributes, separator, mailbox and CHILDINFO', () => {
  assert.equal(writeListLine({ word: 'LIST', attributes: ['\\HasChildren'], name: 'ü b' }, 'utf7'), '* LIST (\\HasChildren) "/" "&APw- b"\r\n')
  assert.equal(writeListLine({ word: 'LIST', attributes: [], name: 'a', childInfo: ['SUBSCRIBED'] }, 'utf7'), '* LIST () "/" a ("CHILDINFO" ("SUBSCRIBED"))\r\n')
  assert.equal(writeListLine({ word: 'LIST', attributes: [], name: 'b', oldName: 'a c' }, 'utf8'), '* LIST () "/" b ("OLDNAME" ("a c"))\r\n')
  assert.equal(writeListLine({ word: 'LSUB', attributes: ['\\Noselect'], name: 'NIL' }, 'utf7'), '* LSUB (\\Noselect) "/" "NIL"\r\n')
})

test('CREATE takes a separator at the end and one special use', () => {
  const parse = (rest: string) => parseCreate(new Lexer(rest), 'utf7')
  assert.deepEqual(parse(' a/b/'), { name: 'a/b', specialUse: undefined })
  assert.deepEqual(parse(' a (USE (\\sent))'), { name: 'a', specialUse: '\\Sent' })
  assert.deepEqual(parse(' a (USE ())'), { name: 'a', specialUse: undefined })
  for (const rest of [' a (USE (\\Sent \\Junk))', ' a (USE (\\All))', ' a (USE (\\Flagged))', ' a (USE (\\Nonsense))']) assert.equal(refusalOf(() => parse(rest), rest).code, 'USEATTR')
  for (const rest of ['', ' a b', ' a ()', ' a (FOO (x))', ' a (USE \\Sent)', ' a (USE (Sent))']) refused('BAD', () => parse(rest), rest)
})

test('SELECT and STATUS take the parameters that are known', () => {
  assert.deepEqual(parseSelect(new Lexer(' inbox (CONDSTORE)'), 'utf7'), { name: 'INBOX', condstore: true, resync: undefined })
  for (const rest of [' inbox (QRESYNC (0 2))', ' inbox (QRESYNC 1 2)', ' inbox ()', ' a b', '']) refused('BAD', () => parseSelect(new Lexer(rest), 'utf7'), rest)
  assert.deepEqual(parseStatus(new Lexer(' a (messages SIZE)'), 'utf7'), { name: 'a', items: ['MESSAGES', 'SIZE'] })
  for (const rest of [' a ()', ' a (FOO)', ' a MESSAGES', ' a (MESSAGES) x']) refused('BAD', () => parseStatus(new Lexer(rest), 'utf7'), rest)
})
