import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeDateTime } from '#lib/formats/imap/date.ts'
import { parseFetch } from '#lib/formats/imap/fetch.ts'
import { writeFlags } from '#lib/formats/imap/flags.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseSearch, rewriteSearch } from '#lib/formats/imap/search.ts'
import { writeEsearch, writeSearch } from '#lib/formats/imap/searchResponse.ts'
import { formatSequenceSet, parseSequenceSet, resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import { parseStore } from '#lib/formats/imap/store.ts'
import { writeValue } from '#lib/formats/imap/value.ts'
import { writeAstring, writeNstring, writeString } from '#lib/formats/imap/write.ts'
import { refusalOf, refused } from './refused.ts'

const set = (...ranges: [number, number][]) => ({ ranges, saved: false })

test('Sequence sets: numbers, ranges in either order, * and $', () => {
  const parse = (text: string) => parseSequenceSet(new Lexer(text))
  assert.deepEqual(parse('1'), set([1, 1]))
  assert.deepEqual(parse('5:3,*'), set([5, 3], [Infinity, Infinity]))
  assert.deepEqual(parse('*:4294967295'), set([Infinity, 4294967295]))
  assert.deepEqual(parse('$'), { ranges: [], saved: true })
  for (const text of ['', '0', '1:', ':1', '1,', ',1', 'a', '4294967296', '1:0', '-1']) refused('BAD', () => parse(text), text)
})

test('Ranges come out ascending, joined, with * as the largest', () => {
  for (const [text, largest, ranges] of [
    ['3,1,2', 9, [[1, 3]]],
    ['*:5', 9, [[5, 9]]],
    ['12:*', 9, [[9, 12]]],
    ['1:3,2:4,8', 9, [[1, 4], [8, 8]]],
    ['*', 0, [[0, 0]]],
  ] as const) assert.deepEqual(resolveRanges(parseSequenceSet(new Lexer(text)), largest), ranges)
})

test('A formatted set names exactly its numbers', () => {
  assert.equal(formatSequenceSet([]), '')
  assert.equal(formatSequenceSet([1, 2, 3, 7, 9, 10]), '1:3,7,9:10')
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (found) => {
      const numbers = found.sort((a, b) => a - b)
      const ranges = resolveRanges(parseSequenceSet(new Lexer(formatSequenceSet(numbers))), 40)
      assert.deepEqual(ranges.flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, at) => low + at)), numbers)
    }),
    { seed: 3 },
  )
})

test('FETCH: items, macros, sections and partials', () => {
  const labels = (rest: string) => parseFetch(new Lexer(rest)).items.map((item) => ('label' in item ? `${item.label}${'peek' in item && item.peek ? '!' : ''}` : item.kind))
  for (const [rest, expected] of [
    [' 1 ALL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE']],
    [' 1 fast', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']],
    [' 1 FULL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY']],
    [' 1 (uid BODYSTRUCTURE body)', ['UID', 'BODYSTRUCTURE', 'BODY']],
    [' 1 BODY[]', ['BODY[]']],
    [' 1 BODY.PEEK[header]<0.100>', ['BODY[HEADER]<0>!']],
    [' 1 BODY[1.2.MIME]<5.1>', ['BODY[1.2.MIME]<5>']],
    [' 1 BODY[TEXT]', ['BODY[TEXT]']],
    [' 1 BODY[3.HEADER.FIELDS.NOT (To "X Y" {1}\r\nz)]', ['BODY[3.HEADER.FIELDS.NOT (To "X Y" z)]']],
    [' 1 (RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)', ['RFC822', 'RFC822.HEADER!', 'RFC822.TEXT', 'RFC822.SIZE']],
    [' 1 (BINARY[1] BINARY.PEEK[2.1]<0.5> BINARY.SIZE[])', ['BINARY[1]', 'BINARY[2.1]<0>!', 'BINARY.SIZE[]']],
    [' 1 PREVIEW (CHANGEDSINCE 5)', ['PREVIEW']],
    [' 1 (PREVIEW (LAZY) EMAILID THREADID SAVEDATE MODSEQ)', ['PREVIEW', 'EMAILID', 'THREADID', 'SAVEDATE', 'MODSEQ']],
  ] as const) assert.deepEqual(labels(rest), expected, rest)
  assert.equal(parseFetch(new Lexer(' 1:* FLAGS (CHANGEDSINCE 12345)')).changedSince, 12345)
})

test('FETCH refuses what it does not know', () => {
  for (const rest of [
    '', ' 1', ' 1 ', ' 1 ()', ' 1 FOO', ' 1 (ALL)', ' 1 (FLAGS ALL)', ' 1 BODY[', ' 1 BODY[]<0>', ' 1 BODY[]<0.0>', ' 1 BODY[]<1.>', ' 1 BODY[0]', ' 1 BODY[1.]', ' 1 BODY[MIME]', ' 1 BODY[1.FOO]',
    ' 1 BODY[HEADER.FIELDS]', ' 1 BODY[HEADER.FIELDS ()]', ' 1 BODY.PEEK', ' 1 BODYFOO', ' 1 RFC822.FOO', ' 1 BINARY', ' 1 BINARY[TEXT]', ' 1 BINARY.FOO[1]', ' 1 FLAGS x', ' 1 FLAGS (FOO 1)', ' 1 FLAGS (CHANGEDSINCE)',
    ' 1 FLAGS (CHANGEDSINCE -1)', ' 1 PREVIEW (EAGER)', ' 0 FLAGS', ` 1 (${Array<string>(201).fill('UID').join(' ')})`, ` 1 BODY[${Array<string>(101).fill('1').join('.')}]`,
  ]) refused('BAD', () => parseFetch(new Lexer(rest)), rest)
})

test('STORE: actions, .SILENT, UNCHANGEDSINCE, flags with and without parentheses', () => {
  const parse = (rest: string) => parseStore(new Lexer(rest))
  assert.deepEqual(parse(' 1 FLAGS ()'), { set: set([1, 1]), action: 'replace', silent: false, flags: [], unchangedSince: undefined })
  assert.deepEqual(parse(' 1 (UNCHANGEDSINCE 7) +flags.silent (\\seen \\SEEN Work)'), { set: set([1, 1]), action: 'add', silent: true, flags: ['\\Seen', 'Work'], unchangedSince: 7 })
  assert.deepEqual(parse(' 1 -FLAGS \\Deleted $Forwarded'), { set: set([1, 1]), action: 'remove', silent: false, flags: ['\\Deleted', '$Forwarded'], unchangedSince: undefined })
  for (const rest of [' 1 FLAGS', ' 1 FLAGS \\', ' 1 FLAGS (\\Foo)', ' 1 FLAGS (a', ' 1 FLAG (a)', ' 1 *FLAGS (a)', ' 1 +FLAGS.LOUD (a)', ' 1 (FOO 1) FLAGS (a)', ' 1 () FLAGS (a)', ' 1 FLAGS (a) b', ' 1 FLAGS (a%)', ' 1 FLAGS ("a")']) refused('BAD', () => parse(rest), rest)
  assert.equal(refusalOf(() => parse(` 1 FLAGS (${'k'.repeat(101)})`)).code, 'LIMIT')
  assert.equal(writeFlags(['\\Seen', 'a']), '(\\Seen a)')
})

const limits = { depth: 10, keys: 50 }
const search = (rest: string) => parseSearch(new Lexer(rest), limits)

test('SEARCH: every key', () => {
  const flag = (name: string) => ({ kind: 'flag', flag: name })
  const day = (...at: [number, number, number]) => Date.UTC(...at) / 86_400_000
  for (const [text, key] of [
    ['ALL', { kind: 'all' }],
    ['answered', flag('\\Answered')],
    ['UNSEEN', { kind: 'not', key: flag('\\Seen') }],
    ['KEYWORD $Junk', flag('$Junk')],
    ['UNKEYWORD x', { kind: 'not', key: flag('x') }],
    ['NEW', { kind: 'nothing' }],
    ['OLD', { kind: 'all' }],
    ['BEFORE 1-Feb-1994', { kind: 'date', date: 'internal', when: 'before', day: day(1994, 1, 1) }],
    ['SENTON "01-Feb-1994"', { kind: 'date', date: 'sent', when: 'on', day: day(1994, 1, 1) }],
    ['SAVEDSINCE 29-feb-2024', { kind: 'date', date: 'saved', when: 'since', day: day(2024, 1, 29) }],
    ['FROM "Smith"', { kind: 'address', field: 'from', text: 'Smith' }],
    ['BCC {2}\r\nab', { kind: 'address', field: 'bcc', text: 'ab' }],
    ['SUBJECT ""', { kind: 'subject', text: '' }],
    ['BODY a TEXT b', { kind: 'and', keys: [{ kind: 'body', text: 'a' }, { kind: 'text', text: 'b' }] }],
    ['HEADER Message-ID <x>', { kind: 'header', field: 'message-id', text: '<x>' }],
    ['LARGER 10', { kind: 'larger', bytes: 10 }],
    ['SMALLER 0', { kind: 'smaller', bytes: 0 }],
    ['YOUNGER 60', { kind: 'younger', seconds: 60 }],
    ['UID 1:*', { kind: 'uid', set: set([1, Infinity]) }],
    ['2,4', { kind: 'sequence', set: set([2, 2], [4, 4]) }],
    ['$', { kind: 'sequence', set: { ranges: [], saved: true } }],
    ['NOT OR SEEN (DRAFT 1)', { kind: 'not', key: { kind: 'or', keys: [flag('\\Seen'), { kind: 'and', keys: [flag('\\Draft'), { kind: 'sequence', set: set([1, 1]) }] }] } }],
    ['EMAILID e1', { kind: 'emailId', id: 'e1' }],
    ['MODSEQ 5', { kind: 'modSeq', least: 5 }],
    ['MODSEQ "/flags/\\\\draft" all 5', { kind: 'modSeq', least: 5 }],
  ] as const) assert.deepEqual(search(` ${text}`).key, key, text)
  assert.equal(search(' MODSEQ 5').modSeq, true)
  assert.equal(search(' SEEN').modSeq, false)
})

test('SEARCH: texts are UTF-8, other charsets are refused with those that are known', () => {
  const octets = Buffer.from('Ärger').toString('latin1')
  assert.deepEqual(search(` CHARSET utf-8 SUBJECT "${octets}"`).key, { kind: 'subject', text: 'Ärger' })
  assert.deepEqual(search(' CHARSET "US-ASCII" SUBJECT x').key, { kind: 'subject', text: 'x' })
  assert.equal(refusalOf(() => search(' CHARSET KOI8-R SUBJECT x')).code, 'BADCHARSET (US-ASCII UTF-8)')
})

test('SEARCH: RETURN options, () meaning ALL', () => {
  assert.equal(search(' ALL').returns, undefined)
  assert.deepEqual([...(search(' RETURN () ALL').returns?.words ?? [])], ['ALL'])
  assert.deepEqual([...(search(' return (min MAX count SAVE) CHARSET UTF-8 ALL').returns?.words ?? [])], ['MIN', 'MAX', 'COUNT', 'SAVE'])
})

test('SEARCH refuses what it does not know, and what is too deep or too long', () => {
  for (const rest of ['', ' ', ' FOO', ' RETURN ALL', ' RETURN (FOO) ALL', ' RETURN ()', ' CHARSET UTF-8', ' (SEEN', ' ()', ' OR SEEN', ' NOT', ' BEFORE yesterday', ' BEFORE 31-Apr-2026', ' BEFORE 1-Foo-2026', ' LARGER x', ' OLDER 0', ' FROM', ' UID x', ' SEEN)', ' KEYWORD "a"', ' MODSEQ "/flags/x" some 1', ' constructor', ' __proto__']) refused('BAD', () => search(rest), rest)
  assert.equal(refusalOf(() => search(` ${'NOT '.repeat(11)}SEEN`)).code, 'LIMIT')
  assert.equal(refusalOf(() => search(` ${'('.repeat(11)}SEEN${')'.repeat(11)}`)).code, 'LIMIT')
  assert.equal(refusalOf(() => search(' SEEN'.repeat(51))).code, 'LIMIT')
})

test('Keys can be rewritten wherever they stand', () => {
  const { key } = search(' OR 1 NOT (2 SEEN)')
  const rewritten = rewriteSearch(key, (one) => (one.kind === 'sequence' ? { kind: 'uid', set: one.set } : undefined))
  assert.deepEqual(rewritten, { kind: 'or', keys: [{ kind: 'uid', set: set([1, 1]) }, { kind: 'not', key: { kind: 'and', keys: [{ kind: 'uid', set: set([2, 2]) }, { kind: 'flag', flag: '\\Seen' }] } }] })
})

test('SEARCH and ESEARCH responses', () => {
  assert.equal(writeSearch([], undefined), '* SEARCH\r\n')
  assert.equal(writeSearch([], 5), '* SEARCH\r\n')
  assert.equal(writeSearch([2, 5], 917162500), '* SEARCH 2 5 (MODSEQ 917162500)\r\n')
  const esearch = (returns: ('MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE')[], numbers: number[], more = {}) => writeEsearch({ tag: 'A 1', uid: false, returns: { words: new Set(returns), partial: undefined, updateItems: [] }, numbers, modSeq: undefined, ...more })
  assert.equal(esearch(['ALL'], []), '* ESEARCH (TAG "A 1")\r\n')
  assert.equal(esearch(['COUNT', 'MIN'], []), '* ESEARCH (TAG "A 1") COUNT 0\r\n')
  assert.equal(esearch(['MIN', 'MAX', 'COUNT', 'ALL', 'SAVE'], [2, 3, 9], { uid: true, modSeq: 4 }), '* ESEARCH (TAG "A 1") UID MIN 2 MAX 9 ALL 2:3,9 COUNT 3 MODSEQ 4\r\n')
})

test('Strings are quoted where they can be, else literals', () => {
  for (const [octets, text] of [['', '""'], ['a b', '"a b"'], ['a"\\', '"a\\"\\\\"'], ['a\r\nb', '{4}\r\na\r\nb'], ['\xe4', '{1}\r\n\xe4'], ['a\0\x01', '{2}\r\na\x01']] as const) assert.equal(writeString(octets), text)
  assert.equal(writeNstring(null), 'NIL')
  for (const [octets, text] of [['a', 'a'], ['nil', '"nil"'], ['', '""'], ['a b', '"a b"'], ['a%', '"a%"'], ['a*', '"a*"'], ['a(', '"a("'], ['a{', '"a{"'], ['a]', 'a]']] as const) assert.equal(writeAstring(octets), text)
})

test('Nested values: only what stands first in a list goes without spaces between', () => {
  assert.equal(writeValue([['a', null], ['b', 1], 'mixed', ['x', 'y'], null]), '(("a" NIL)("b" 1) "mixed" ("x" "y") NIL)')
  assert.equal(writeValue(['text', 'plain', ['charset', 'utf-8'], null, [[null, null, 'a', 'b']]]), '("text" "plain" ("charset" "utf-8") NIL ((NIL NIL "a" "b")))')
})

test('INTERNALDATE is written in UTC, with two digits where two are due', () => {
  assert.equal(writeDateTime(Date.UTC(2026, 1, 5, 3, 4, 5)), '"05-Feb-2026 03:04:05 +0000"')
  assert.equal(writeDateTime(-1), '"31-Dec-1969 23:59:59 +0000"')
  assert.equal(writeDateTime(Date.UTC(2026, 1, 5, 23, 59, 59, 999)), '"05-Feb-2026 23:59:59 +0000"')
})
