/** Random clients: whatever they say, in every state, the server stays, answers each command or says BYE, and fails in nothing. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { parseIdentified, parseSetAcl } from '#lib/formats/imap/acl.ts'
import { endsBeforeMessage, endsBeforeNextMessage, parseAppend, parseCatenatePart, parseMessageStart } from '#lib/formats/imap/append.ts'
import { parseCancelUpdate } from '#lib/formats/imap/cancelUpdate.ts'
import { literalAtEnd, readCommandStart, readTag } from '#lib/formats/imap/command.ts'
import { parseCompress } from '#lib/formats/imap/compress.ts'
import { parseCreate } from '#lib/formats/imap/create.ts'
import { parseMultiSearch } from '#lib/formats/imap/esearch.ts'
import { parseFetch } from '#lib/formats/imap/fetch.ts'
import { parseId } from '#lib/formats/imap/id.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseList, parseLsub } from '#lib/formats/imap/list.ts'
import { parseGetMetadata, parseSetMetadata } from '#lib/formats/imap/metadata.ts'
import type { NameEncoding } from '#lib/formats/imap/mailboxName.ts'
import { parseMessageUrl } from '#lib/formats/imap/messageUrl.ts'
import { parseNotify } from '#lib/formats/imap/notify.ts'
import { parseGetQuota, parseSetQuota } from '#lib/formats/imap/quota.ts'
import { ImapRefusal } from '#lib/formats/imap/refusal.ts'
import { parseReplace } from '#lib/formats/imap/replace.ts'
import { parseAuthenticate, parseLogin } from '#lib/formats/imap/sasl.ts'
import { parseSearch } from '#lib/formats/imap/search.ts'
import { parseSelect } from '#lib/formats/imap/select.ts'
import { parseSort } from '#lib/formats/imap/sort.ts'
import { parseStatus } from '#lib/formats/imap/status.ts'
import { parseStore } from '#lib/formats/imap/store.ts'
import { parseThread } from '#lib/formats/imap/thread.ts'
import { parseUidBatches } from '#lib/formats/imap/uidBatches.ts'
import { commands } from '#lib/serve/imap/commands.ts'
import { converse } from '#test/serve/imap/client.ts'
import { makeRandom } from '#test/serve/imap/seeds.ts'
import { openStage } from '#test/serve/imap/stage.ts'
import { ImapGrammar } from './imapGrammar.ts'

const stage = await openStage({ imap: { maxBadCommands: 1000, maxLoginFailures: 1000, maxCommandBytes: 4000, maxLineBytes: 2000, literalTimeoutMs: 300 } })
after(() => stage.stop(0))

const numRuns = 250
const seed = 20_260_201

/** Words out of which commands and faulty commands are made. */
const arguments_ = [
  'INBOX', 'inbox', 'Sent', 'Trash', 'x/y', '"a \\"b"', '""', '*', '%', '1', '1:*', '2:1,3', '$', '0', '4294967296', '(FLAGS)', 'ALL', '(UID ENVELOPE BODYSTRUCTURE)', 'BODY[]', 'BODY.PEEK[1.2.HEADER.FIELDS (To)]<0.5>', 'BODY[TEXT]', '(BINARY.PEEK[1] BINARY.SIZE[2])',
  '(CHANGEDSINCE 1)', '(UNCHANGEDSINCE 1)', '+FLAGS', '-FLAGS.SILENT', 'FLAGS', '(\\Seen \\Deleted $x)', '(\\Foo)', 'RETURN', '(STATUS (MESSAGES SIZE))', '(SUBSCRIBED RECURSIVEMATCH)', '(MIN SAVE)', 'UNSEEN', 'NOT', 'OR', 'SUBJECT', '(', ')', 'CHARSET', 'UTF-8', 'SINCE', '1-Feb-2026',
  '(REVERSE DATE SUBJECT)', '(DISPLAYFROM RELEVANCY)', 'REFERENCES', 'REFS', 'ORDEREDSUBJECT', 'FUZZY', 'TEXT', '"a b"', 'FILTER', '(PARTIAL -1:-3)', '(PARTIAL 2:1 COUNT)', '(UPDATE CONTEXT)', '(RELEVANCY MIN)', 'IN', '(selected personal)', '(subtree INBOX)', '(mailboxes (INBOX Sent))', '"t1"', '"t3"',
  '"Other Users/fuzzowner@example.org/INBOX"', '"Other Users/*"', 'Shared/x', 'fuzz', '-anyone', 'lrswi', '+e', '-w', 'cd', '(MYRIGHTS METADATA (/shared/comment))', '/private/comment', '(/shared/comment "x" /private/a/b NIL)', '(/private/c ~{2+}\r\n\0x)', '(DEPTH infinity MAXSIZE 1)', '(STORAGE 1 MESSAGE 5)',
  '(QRESYNC (1 1 1:5 (1,3 2:3)))', '(QRESYNC (1795521600 1))', '(CHANGEDSINCE 1 VANISHED)', 'QRESYNC', 'UIDONLY', 'UTF8=ACCEPT', 'CATENATE (URL /INBOX/;UID=1 TEXT {6+}\r\na: b\r\n)', 'CATENATE (TEXT {2+}\r\nx:', 'URL {12+}\r\n/INBOX/;UID=1', ')', 'UTF8 (~{6+}\r\na: b\r\n)',
  'SET', 'STATUS', 'NONE', '(selected (MessageNew (UID FLAGS) MessageExpunge))', '(selected-delayed (MessageNew MessageExpunge FlagChange))', '(personal (MessageNew MessageExpunge MailboxName))', '(subtree (x Sent) (SubscriptionChange))', '(mailboxes INBOX NONE)', '500', '501 1:2', 'LZ4', 'UIDAFTER', 'UIDBEFORE', '/INBOX;UIDVALIDITY=1/;UID=1/;SECTION=1.MIME/;PARTIAL=0.9',
  '(MESSAGES UIDNEXT)', '(CONDSTORE)', '(USE (\\Sent))', 'NIL', 'PLAIN', 'AGEAc2VjcmV0', 'IMAP4rev2', 'CONDSTORE', '{3+}\r\nabc', '{0+}\r\n', '{3}\r\nabc', '~{2+}\r\n\0\0', '{9+}\r\na: b\r\n\r\nx', '{999+}\r\nx', '\x80', '\0', '&AOQ-', '&', '{', '\\', '"',
]
const words = [...commands.keys(), 'FOO', 'UID', 'DONE', '']
// Somebody who shares mailboxes with the random client.
await converse(stage.connect(), ['a LOGIN fuzzowner secret\r\nb SETACL INBOX fuzz lrswitex\r\nc APPEND INBOX {9+}\r\na: b\r\n\r\nx\r\nd SETACL Sent anyone lra\r\ne LOGOUT\r\n'])
const entrances = ['', 'in LOGIN fuzz secret\r\n', 'in LOGIN fuzz secret\r\nse SELECT "Other Users/fuzzowner@example.org/INBOX"\r\n', 'in LOGIN fuzz secret\r\nse SELECT INBOX\r\n', 'in LOGIN fuzz secret\r\nen ENABLE IMAP4rev2\r\nex EXAMINE INBOX\r\n', 'in LOGIN fuzz secret\r\nen ENABLE QRESYNC UIDONLY UTF8=ACCEPT\r\nse SELECT INBOX\r\nno NOTIFY SET (selected (MessageNew (UID BODY[]) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))\r\n']

const command = fc.tuple(fc.constantFrom(...words), fc.array(fc.constantFrom(...arguments_), { maxLength: 5 }), fc.constantFrom(' ', ' ', ' ', '', '  '), fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r'))

/** A random client is never up to a TLS handshake. */
const endsInForm = /\r\n(\* BYE [^\r\n]+\r\n(\S+ OK LOGOUT completed\r\n)?|\S+ OK Begin TLS now\r\n)$/

test('a random client gets answers in form, for each of its commands until BYE', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...entrances), fc.array(command, { maxLength: 20 }), async (entrance, lines) => {
      const sent = lines.map(([word, rest, space, end], at) => `t${at} ${[word, ...rest].join(space)}${end}`)
      // Whatever state that has led to, this ends it: DONE an IDLE, lines a literal.
      const heard = await converse(stage.connect(), [entrance, ...sent, '\r\nDONE\r\n*\r\n', 'zz NOOP\r\n'.repeat(200), 'zy LOGOUT\r\n'.repeat(3)])
      assert.match(heard, /^\* OK /)
      assert.match(heard, endsInForm)
      if (entrance !== '') assert.match(heard, /^in OK /m)
      const answered = [...heard.matchAll(/^t(\d+) (?:OK|NO|BAD) /gm)].map((match) => Number(match[1]))
      assert.ok(answered.every((tag, at) => at === 0 || tag > (answered[at - 1] ?? 0)), heard)
      const failed = stage.events.find(({ level }) => level === 'error')
      assert.equal(failed, undefined, JSON.stringify(failed))
    }),
    { numRuns, seed, interruptAfterTimeLimit: 15_000 },
  )
})

test('a command that is cut into arbitrary pieces is understood as if it were whole', async () => {
  const text = 'a LOGIN {4+}\r\nfuzz {6}\r\nsecret\r\nb SELECT INBOX\r\nc APPEND Sent (\\Seen) {9+}\r\na: b\r\n\r\nx\r\nd UID FETCH 1:* FLAGS\r\ne LOGOUT\r\n'
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 12 }), async (cuts) => {
      const ends = [...cuts.sort((a, b) => a - b), text.length]
      const heard = await converse(stage.connect(), ends.map((end, at) => text.slice(at === 0 ? 0 : ends[at - 1], end)))
      for (const tag of ['a', 'b', 'c', 'd', 'e']) assert.match(heard, new RegExp(`^${tag} OK `, 'm'))
    }),
    { numRuns: 60, seed, interruptAfterTimeLimit: 5000 },
  )
})

const limits = { depth: 20, keys: 100 }
/** By the words of the grammar, which are those of commands but for one. */
const parsers: Readonly<Record<string, (text: string, names: NameEncoding) => unknown>> = {
  'APPEND': (text, names) => [parseAppend(new Lexer(text), names), endsBeforeMessage(`a APPEND${text}`)],
  'APPEND message': (text) => [parseMessageStart(new Lexer(text)), endsBeforeNextMessage(text)],
  'CATENATE part': (text) => parseCatenatePart(new Lexer(text, 1)),
  'REPLACE': (text, names) => parseReplace(new Lexer(text), names),
  'NOTIFY': (text, names) => parseNotify(new Lexer(text), names),
  'UIDBATCHES': (text) => parseUidBatches(new Lexer(text)),
  'COMPRESS': (text) => parseCompress(new Lexer(text)),
  'FETCH': (text) => parseFetch(new Lexer(text)),
  'STORE': (text) => parseStore(new Lexer(text)),
  'SEARCH': (text) => parseSearch(new Lexer(text), limits),
  'SORT': (text) => parseSort(new Lexer(text), limits),
  'THREAD': (text) => parseThread(new Lexer(text), limits),
  'ESEARCH': (text, names) => parseMultiSearch(new Lexer(text), names, limits),
  'CANCELUPDATE': (text) => parseCancelUpdate(new Lexer(text)),
  'LIST': (text, names) => parseList(new Lexer(text), names),
  'LSUB': (text, names) => parseLsub(new Lexer(text), names),
  'STATUS': (text, names) => parseStatus(new Lexer(text), names),
  'SELECT': (text, names) => parseSelect(new Lexer(text), names),
  'CREATE': (text, names) => parseCreate(new Lexer(text), names),
  'ID': (text) => parseId(new Lexer(text)),
  'SETACL': (text, names) => parseSetAcl(new Lexer(text), names),
  'DELETEACL': (text, names) => parseIdentified(new Lexer(text), names),
  'GETMETADATA': (text, names) => parseGetMetadata(new Lexer(text), names),
  'SETMETADATA': (text, names) => parseSetMetadata(new Lexer(text), names),
  'SETQUOTA': (text) => parseSetQuota(new Lexer(text)),
  'GETQUOTA': (text) => parseGetQuota(new Lexer(text)),
  'LOGIN': (text) => parseLogin(new Lexer(text)),
  'AUTHENTICATE': (text) => parseAuthenticate(new Lexer(text)),
}
/** Those that no command of the grammar goes through alone. */
const innerParsers: readonly ((text: string) => unknown)[] = [readCommandStart, readTag, literalAtEnd, (text) => parseMessageUrl(text.trim())]

function returnsOrRefuses(parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    assert.ok(error instanceof ImapRefusal, String(error))
    assert.match(error.message, /^[\x20-\x7e]+$/)
    assert.doesNotMatch(error.code ?? '', /[\]\r\n]/)
  }
}

test('what once was taken amiss is not any more', () => {
  returnsOrRefuses(() => parsers['SETACL']?.(' INBOX bob lr\x7f', 'utf8'))
  parsers['FETCH']?.(' 1 PREVIEW (CHANGEDSINCE 5)', 'utf8')
  parsers['FETCH']?.(' 1 PREVIEW (LAZY) (PARTIAL -1:-3)', 'utf8')
  assert.throws(() => parsers['SEARCH']?.(' SUBJECT "\xe4"', 'utf8'), ImapRefusal)
})

/** The bounded run is of seconds; PENNYPOST_TEST_EXECUTIONS=10000000 makes it a long one, from PENNYPOST_TEST_SEED on. */
const executions = Number(process.env['PENNYPOST_TEST_EXECUTIONS'] ?? 60_000)
const grammarSeed = Number(process.env['PENNYPOST_TEST_SEED'] ?? seed)

test(`what the grammar makes is taken, and what it spoils is taken or refused, never more (seed ${grammarSeed})`, (context) => {
  const grammar = new ImapGrammar(makeRandom(grammarSeed))
  const began = performance.now()
  for (let count = 0; count < executions; count++) {
    const { word, text } = grammar.command()
    const names = count % 2 === 0 ? 'utf7' : 'utf8'
    const parse = parsers[word]
    assert.ok(parse !== undefined, word)
    const input = count % 4 === 0 ? text : grammar.spoil(text)
    try {
      if (count % 4 === 0) parse(input, names)
      else returnsOrRefuses(() => parse(input, names))
      for (const inner of innerParsers) if (count % 16 === 1) returnsOrRefuses(() => inner(`a ${word}${input}`))
    } catch (error) {
      throw new Error(`execution ${count}: ${word}${JSON.stringify(input)}`, { cause: error })
    }
  }
  context.diagnostic(`${executions} executions, ${Math.round(executions / (performance.now() - began) * 1000)} a second`)
})

test(`commands of the grammar, whole and spoilt, are answered in every state (seed ${grammarSeed})`, async (context) => {
  const grammar = new ImapGrammar(makeRandom(grammarSeed))
  const began = performance.now()
  const sessions = Math.ceil(executions / 1000)
  for (let at = 0; at < sessions; at++) {
    // Many small accounts, so that none grows with the length of the run.
    const entrance = (entrances[at % entrances.length] ?? '').replaceAll('LOGIN fuzz ', `LOGIN fuzz${at % 97} `)
    const lines = Array.from({ length: 25 }, (_, line) => `t${line} ${line % 3 === 0 ? grammar.spoil(grammar.line()) : grammar.line()}\r\n`)
    const heard = await converse(stage.connect(), [entrance, ...lines, '\r\nDONE\r\n*\r\n', 'zz NOOP\r\n'.repeat(200), 'zy LOGOUT\r\n'.repeat(3)])
    const failed = stage.events.find(({ level }) => level === 'error')
    if (failed !== undefined || !endsInForm.test(heard)) throw new Error(`session ${at}: ${JSON.stringify({ failed, heard: heard.slice(-300), sent: lines })}`)
    stage.events.splice(0)
  }
  context.diagnostic(`${sessions * 25} commands, ${Math.round(sessions * 25 / (performance.now() - began) * 1000)} a second`)
})

test('a parser of any text returns or refuses, never more', () => {
  const pieces = [...arguments_, ' ', ' ', ' ', '(', ')', '[', ']', '<', '>', '"', '\\', '{', '}', '+', '\r\n', ':', ',', '.', '/', '&', '-', '1', 'A', '\xe4']
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => ` ${parts.join('')}`)
  const all = [...Object.values(parsers), ...innerParsers]
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.constantFrom<NameEncoding>('utf7', 'utf8'), text, (parse, names, input) => returnsOrRefuses(() => parse(input, names))),
    { numRuns: 20_000, seed, interruptAfterTimeLimit: 4000 },
  )
})
