import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { composeStatus } from '#lib/formats/dsn/status.ts'
import type { ReportedRecipient } from '#lib/formats/dsn/status.ts'
import { readStatus } from './read.ts'

const at = Date.UTC(2026, 10, 24, 8, 5, 9)
const message = { reportingMta: 'mx.ours.test', arrivedAt: at }
const failed: ReportedRecipient = { address: 'nobody@remote.test', action: 'failed', status: '5.1.1', reply: '550 5.1.1 User unknown', code: 550, host: 'mx.remote.test', at: at + 60_000 }

test('a failure told by another host', () => {
  assert.equal(
    composeStatus({ ...message, envid: 'QQ314159' }, [{ ...failed, orcpt: 'rfc822;team@ours.test' }], false),
    [
      'Original-Envelope-Id: QQ314159',
      'Reporting-MTA: dns; mx.ours.test',
      'Arrival-Date: Tue, 24 Nov 2026 08:05:09 +0000',
      '',
      'Original-Recipient: rfc822; team@ours.test',
      'Final-Recipient: rfc822; nobody@remote.test',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mx.remote.test',
      'Diagnostic-Code: smtp; 550 5.1.1 User unknown',
      'Last-Attempt-Date: Tue, 24 Nov 2026 08:06:09 +0000',
      '',
    ].join('\r\n'),
  )
})

const table: readonly (readonly [what: string, recipient: Partial<ReportedRecipient>, expected: Readonly<Record<string, string | undefined>>])[] = [
  ['our own words have a type of their own and no remote host', { code: undefined, host: undefined, reply: 'no such user here' }, { 'diagnostic-code': 'x-pennypost; no such user here', 'remote-mta': undefined }],
  ['a host that was not reached is named, and said nothing', { code: undefined, reply: 'connection refused' }, { 'remote-mta': 'dns; mx.remote.test', 'diagnostic-code': 'x-pennypost; connection refused' }],
  ['no words, no diagnostic', { code: undefined, reply: '' }, { 'diagnostic-code': undefined }],
  ['a reply of several lines is one value', { reply: '550-5.1.1 first\n550 5.1.1 second' }, { 'diagnostic-code': 'smtp; 550-5.1.1 first 550 5.1.1 second' }],
  ['a reply without its code gets it', { reply: 'go away' }, { 'diagnostic-code': 'smtp; 550 go away' }],
  ['a reply in eight bits is made ASCII', { reply: '550 gr\u00fc\u00dfe' }, { 'diagnostic-code': 'smtp; 550 gr??e' }],
  ['a delay says how long we go on', { action: 'delayed', status: '4.4.1', retryUntil: at + 3_600_000 }, { action: 'delayed', status: '4.4.1', 'will-retry-until': 'Tue, 24 Nov 2026 09:05:09 +0000' }],
  ['only a delay does', { retryUntil: at }, { 'will-retry-until': undefined }],
  ['a status that is none becomes the plainest one', { status: '5.1.1\r\nX: y' }, { status: '5.0.0', x: undefined }],
  ['of a delay too', { action: 'delayed', status: '' }, { status: '4.0.0' }],
  ['and of a success', { action: 'relayed', status: '250' }, { status: '2.0.0' }],
  ['an address in UTF-8 is escaped in a report in ASCII', { address: 'j\u00fcrgen+x@b\u00fccher.example' }, { 'final-recipient': 'utf-8; j\\x{FC}rgen\\x{2B}x@b\\x{FC}cher.example' }],
  ['so is the one the sender gave', { orcpt: 'utf-8;j\u00fcrgen@b\u00fccher.example' }, { 'original-recipient': 'utf-8; j\\x{FC}rgen@b\\x{FC}cher.example' }],
  ['an original recipient without a type is left out', { orcpt: 'a@b.example' }, { 'original-recipient': undefined }],
  ['a type that is no word is left out', { orcpt: 'a\r\nb;c@d.example' }, { 'original-recipient': undefined }],
]
for (const [what, recipient, expected] of table) {
  test(`status of a recipient: ${what}`, () => {
    const group = new Map(readStatus(composeStatus(message, [{ ...failed, ...recipient }], false))[1])
    for (const [name, value] of Object.entries(expected)) assert.equal(group.get(name), value, name)
  })
}

test('a host without a whole name does not claim to have one', () => {
  assert.match(composeStatus({ ...message, reportingMta: 'laptop' }, [failed], false), /^Reporting-MTA: x-local-hostname; laptop\r\n/)
})

test('a report in UTF-8 has addresses and replies as they are', () => {
  const text = composeStatus(message, [{ ...failed, address: 'j\u00fcrgen@b\u00fccher.example', orcpt: 'utf-8;\u00e4@b\u00fccher.example', reply: '550 unbekannter Empf\u00e4nger' }], true)
  assert.match(text, /^Original-Recipient: utf-8; ä@bücher\.example\r\nFinal-Recipient: utf-8; jürgen@bücher\.example\r\n/m)
  assert.match(text, /^Diagnostic-Code: smtp; 550 unbekannter Empfänger\r\n/m)
})

test('nothing from outside adds a field, a group or a long line', () => {
  const nasty = fc.array(fc.constantFrom('\r\n', '\n', '\r', '\r\n\r\n', 'Action: delivered', ' ', ';', 'x'.repeat(400), '\0', '\u2028', '\u0085', 'ü', '--=_'), { maxLength: 12 }).map((words) => words.join(''))
  fc.assert(
    fc.property(nasty, nasty, nasty, nasty, nasty, fc.boolean(), (address, orcpt, reply, host, envid, utf8) => {
      const text = composeStatus({ reportingMta: host, arrivedAt: at, envid }, [{ ...failed, address, orcpt: `rfc822;${orcpt}`, reply, host }], utf8)
      const groups = readStatus(text)
      assert.equal(groups.length, 2)
      assert.deepEqual(groups[0]?.map(([name]) => name), ['original-envelope-id', 'reporting-mta', 'arrival-date'])
      const names = groups[1]?.map(([name]) => name).filter((name) => name !== 'original-recipient')
      assert.deepEqual(names, ['final-recipient', 'action', 'status', 'remote-mta', 'diagnostic-code', 'last-attempt-date'])
      for (const line of text.split('\r\n')) assert.ok(line.length < 998 && !/[\r\n\0]/.test(line))
    }),
    { numRuns: 500, verbose: true },
  )
})

const corpus = fileURLToPath(new URL('../../../../shared/corpus/dsn/', import.meta.url))
const skip = existsSync(corpus) ? false : 'the corpus is not beside this checkout'

type Groups = [name: string, value: string][][]

test('our fields are those that real reports have', { skip }, () => {
  const vocabulary = new Map<string, number>()
  for (const line of readFileSync(`${corpus}fields.jsonl`, 'utf8').trim().split('\n')) {
    const { delivery_status: groups } = JSON.parse(line) as { delivery_status?: Groups }
    for (const [name] of (groups ?? []).flat()) vocabulary.set(name, (vocabulary.get(name) ?? 0) + 1)
  }
  assert.ok((vocabulary.get('final-recipient') ?? 0) > 200)
  const ours = readStatus(composeStatus({ ...message, envid: 'x' }, [{ ...failed, action: 'delayed', retryUntil: at, orcpt: 'rfc822;a@b.example' }], false)).flat()
  assert.equal(ours.length, 11)
  assert.deepEqual(ours.map(([name]) => name).filter((name) => !vocabulary.has(name)), [])
})
