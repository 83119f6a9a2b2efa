import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endsBeforeMessage, parseAppend, parseMessageStart } from '#lib/formats/imap/append.ts'
import { literalAtEnd, readCommandStart, readTag } from '#lib/formats/imap/command.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { decodeSaslLine, parseAuthenticate, parseLogin } from '#lib/formats/imap/sasl.ts'
import { parseId, writeId } from '#lib/formats/imap/id.ts'
import { refused } from './refused.ts'

test('A line begins with a tag and a command, UID and its command being one word', () => {
  for (const [line, tag, word, rest] of [
    ['a1 noop', 'a1', 'NOOP', ''],
    ['.]} select INBOX', '.]}', 'SELECT', ' INBOX'],
    ['A-1] LoGiN x y', 'A-1]', 'LOGIN', ' x y'],
    ['a uid fetch 1 FLAGS', 'a', 'UID FETCH', ' 1 FLAGS'],
  ] as const) {
    const start = readCommandStart(line)
    assert.deepEqual([start.tag, start.word, start.lexer.text.slice(start.lexer.at)], [tag, word, rest])
  }
  for (const line of ['', ' noop', 'a', 'a  noop', '+ noop', 'a UID', 'a (', '"a" noop']) refused('BAD', () => readCommandStart(line))
})

test('The tag of a faulty line is told where there is one', () => {
  for (const [line, tag] of [['a1 ', 'a1'], ['a1', 'a1'], ['a(b c', undefined], ['', undefined], [' a', undefined], ['a+ b', undefined]] as const) assert.equal(readTag(line), tag)
})

test('A literal is announced at the end of a line and nowhere else', () => {
  assert.deepEqual(literalAtEnd('a LOGIN {5}'), { sizeBytes: 5, waits: true, binary: false, markLength: 3 })
  assert.deepEqual(literalAtEnd('a LOGIN {15+}'), { sizeBytes: 15, waits: false, binary: false, markLength: 5 })
  assert.deepEqual(literalAtEnd('a APPEND x ~{0}'), { sizeBytes: 0, waits: true, binary: true, markLength: 4 })
  for (const line of ['a {5} b', 'a {}', 'a {-1}', 'a {5', 'a {5 }', 'a {12345678901234567890}', 'a {0x5}']) assert.equal(literalAtEnd(line), undefined, line)
})

test('A quoted string ends at its quote and escapes nothing but quote and backslash', () => {
  for (const [text, value] of [['"a b"', 'a b'], ['"a\\"b\\\\c"', 'a"b\\c'], ['""', ''], ['"\xc3\xa4(){%*"', '\xc3\xa4(){%*']] as const) assert.equal(new Lexer(text).string(), value)
  for (const text of ['"a', '"a\\x"', '"a\rb"', '"a\nb"', '"a\0b"', '"\\"', 'a', '', '"\xe4"', '"\xed\xa0\x80"']) refused('BAD', () => new Lexer(text).string())
})

test('A literal has as many octets as it says and no NUL', () => {
  assert.equal(new Lexer('{4}\r\na\r\nb').string(), 'a\r\nb')
  assert.equal(new Lexer('{0+}\r\n').string(), '')
  for (const text of ['{4}\r\nabc', '{4}abcd', '{x}\r\n', '{2}\r\na\0', '{1}\nab']) refused('BAD', () => new Lexer(text).string())
})

test('An astring is an atom that may hold a closing bracket, and is no other special', () => {
  for (const text of ['a]b', 'a+b.c', '5', '~', '#x', 'a~']) assert.equal(new Lexer(text).astring(), text)
  for (const text of ['a b', 'a(b', 'a{b', 'a%b', 'a*b', 'a"b', 'a\\b', 'a\x7fb', 'a\xe4b']) assert.equal(new Lexer(text).astring(), 'a', text)
  assert.equal(new Lexer('a%/*]b').listMailbox(), 'a%/*]b')
  for (const text of ['', ' ', '(', '%', '\xe4']) refused('BAD', () => new Lexer(text).astring())
})

test('Numbers fit in 32 bits, mod-sequences in 63', () => {
  assert.equal(new Lexer('4294967295').number(), 4294967295)
  assert.equal(new Lexer('0').number(), 0)
  assert.equal(new Lexer('9007199254740991').number64(), 9007199254740991)
  for (const text of ['4294967296', '-1', 'x', '', '12345678901234567890']) refused('BAD', () => new Lexer(text).number(), text)
  for (const text of ['0', '00']) refused('BAD', () => new Lexer(text).nzNumber())
})

test('The message of APPEND is the literal after name, flags and date', () => {
  for (const text of ['a APPEND INBOX ', 'a append "x y" (\\Seen) ', 'a APPEND {5}\r\nINBOX (\\Seen) "01-Jan-2026 12:00:00 +0100" ']) assert.equal(endsBeforeMessage(text), true, text)
  for (const text of ['a APPEND ', 'a APPEND', 'a LOGIN x ', 'a UID FETCH 1 ', '', 'a APPEND "x', '+']) assert.equal(endsBeforeMessage(text), false, text)
})

test('APPEND takes flags and a date, each or both or neither', () => {
  const parse = (rest: string) => {
    const lexer = new Lexer(rest)
    return { name: parseAppend(lexer, 'utf7'), ...parseMessageStart(lexer) }
  }
  assert.deepEqual(parse(' INBOX '), { name: 'INBOX', flags: [], internalDate: undefined, form: 'literal' })
  assert.deepEqual(parse(' inbox (\\SEEN $Junk \\Recent) " 5-Feb-2026 12:00:30 -0130" '), { name: 'INBOX', flags: ['\\Seen', '$Junk'], internalDate: Date.UTC(2026, 1, 5, 13, 30, 30), form: 'literal' })
  assert.deepEqual(parse(' x/y "31-Dec-1999 23:59:60 +0000" '), { name: 'x/y', flags: [], internalDate: Date.UTC(2000, 0, 1), form: 'literal' })
  for (const rest of [' x (\\Foo) ', ' x "31-Feb-2026 00:00:00 +0000" ', ' x "01-Jan-2026 24:00:00 +0000" ', ' x "1-Jan-2026 00:00:00 +0000" ', ' x () y', ' x ()', ' x UTF8 ']) refused('BAD', () => parse(rest), rest)
  assert.deepEqual([parse(' x UTF8 (').form, parse(' x CATENATE (').form], ['utf8', 'catenate'])
})

test('SASL lines are strict base64', () => {
  assert.equal(Buffer.from(decodeSaslLine('AGEAYg==')).toString(), '\0a\0b')
  assert.equal(decodeSaslLine('').length, 0)
  for (const line of ['AGEAYg=', 'AGEAYg', 'A', '====', 'AGE AYg==', 'AGEAYg==\n', 'ä===', '*']) refused('BAD', () => decodeSaslLine(line), line)
  assert.deepEqual(parseAuthenticate(new Lexer(' plain')), { mechanism: 'PLAIN', initial: undefined })
  assert.equal(parseAuthenticate(new Lexer(' PLAIN =')).initial?.length, 0)
  assert.equal(parseAuthenticate(new Lexer(' PLAIN AGE=')).initial?.length, 2)
  for (const rest of ['', ' ', ' PLAIN A=A=', ' PLAIN AGE= x']) refused('BAD', () => parseAuthenticate(new Lexer(rest)), rest)
})

test('LOGIN takes two strings of any kind', () => {
  assert.deepEqual(parseLogin(new Lexer(' {5}\r\nan na "se cret"')), { login: 'an na', password: 'se cret' })
  for (const rest of [' a', ' a ', ' a b c', 'a b', ' a b ']) refused('BAD', () => parseLogin(new Lexer(rest)), rest)
})

test('ID takes NIL or pairs, within limits', () => {
  assert.equal(parseId(new Lexer(' NIL')).size, 0)
  assert.equal(parseId(new Lexer(' ()')).size, 0)
  assert.deepEqual([...parseId(new Lexer(' ("Name" "x" "version" NIL "os" {1}\r\n\xe4)'))], [['name', 'x'], ['os', '\xe4']])
  for (const rest of ['', ' x', ' ("name")', ' ("name" x)', ` (${Array.from({ length: 31 }, (_, at) => `"n${at}" ""`).join(' ')})`, ` ("${'n'.repeat(31)}" "")`, ` ("n" "${'v'.repeat(1025)}")`]) refused('BAD', () => parseId(new Lexer(rest)), rest)
  assert.equal(writeId({ name: 'a "b"' }), '* ID ("name" "a \\"b\\"")\r\n')
})
