/**
 * Searches of every form that lead to one result: what SEARCH finds, SORT orders, THREAD ties, pages add up to; and
 * watched searches, whose client is told of every change while several sessions work on the mailbox.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { Client } from './client.ts'
import type { Answer } from './client.ts'
import { openStage } from './stage.ts'

const quick = await openStage()
const stage = await openStage({ slowEngine: true })
after(() => Promise.all([quick.stop(0), stage.stop(0)]))

const seed = 20_261_125

async function fill(client: Client, count: number): Promise<void> {
  const words = ['alpha', 'beta', 'gamma delta', 'alphabet', '漢字', 'épsilon']
  for (let at = 0; at < count; at++) {
    const text = [
      `From: "P ${at % 5}" <p${at % 7}@example.org>`, `Subject: ${at % 3 === 0 ? 'Re: ' : ''}${words[at % 4] ?? ''}`, ...(at % 5 === 4 ? [] : [`Date: Tue, ${10 + (at % 9)} Feb 2026 10:00:00 +0000`]),
      `Message-ID: <m${at}@x>`, ...(at % 4 === 0 ? [] : [`References: <m${at - (at % 4)}@x>`]), 'Content-Type: text/plain; charset=utf-8', '', `${words[at % 6] ?? ''} body ${at}`, '',
    ].join('\r\n')
    const octets = Buffer.from(text).toString('latin1')
    await client.ok(`APPEND INBOX ${at % 2 === 0 ? '(\\Seen) ' : ''}"${String(1 + (at % 20)).padStart(2, '0')}-Feb-2026 12:00:00 +0000" {${octets.length}+}\r\n${octets}`)
  }
}

/** The numbers of the response that begins with this word. */
function numbersOf({ untagged }: Answer, word: string): number[] {
  const response = untagged.find((one) => one.startsWith(word))
  assert.ok(response !== undefined, `no ${word} in ${JSON.stringify(untagged)}`)
  return [...response.slice(word.length).matchAll(/\d+/g)].map(([number]) => Number(number))
}

function expand(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at)
  })
}

function esearch({ untagged }: Answer, word: string): string | undefined {
  const response = untagged.find((one) => one.startsWith('ESEARCH')) ?? ''
  return new RegExp(` ${word} \\(?(?:\\S+:\\S+ )?([\\d:,]+|NIL)`).exec(response)?.[1]
}

const text = fc.constantFrom('alpha', 'lph', '"body 1"', '"gamma d"', 'p3@example', 'x', '"P 2"', 'Re', '{6+}\r\n漢字'.replace('漢字', Buffer.from('漢字').toString('latin1')))
const simple = fc.oneof(
  fc.constantFrom('ALL', 'SEEN', 'UNSEEN', 'NOT SEEN', '1:5', 'UID 3:*', 'LARGER 200', 'SINCE 5-Feb-2026', 'SENTBEFORE 14-Feb-2026', 'SENTON 12-Feb-2026', 'YOUNGER 1000', 'OLDER 10', 'MODSEQ 9', 'KEYWORD $x', 'HEADER Message-ID m7', 'HEADER Date ""', 'SAVEDSINCE 1-Feb-2026', 'EMAILID M9'),
  fc.tuple(fc.constantFrom('TEXT', 'BODY', 'SUBJECT', 'FROM', 'TO', 'CC', 'HEADER Subject', 'FUZZY TEXT', 'FUZZY SUBJECT'), text).map(([key, wanted]) => `${key} ${wanted}`),
)
const criteria = fc.letrec<{ key: string }>((tie) => ({
  key: fc.oneof({ maxDepth: 3 }, simple, fc.tuple(tie('key'), tie('key')).map(([a, b]) => `OR ${a} ${b}`), tie('key').map((key) => `NOT ${key}`), fc.tuple(tie('key'), tie('key')).map(([a, b]) => `(${a} ${b})`)),
})).key
const order = fc.array(fc.tuple(fc.constantFrom('', 'REVERSE '), fc.constantFrom('ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO', 'DISPLAYFROM', 'DISPLAYTO')).map((words) => words.join('')), { minLength: 1, maxLength: 3 })

test('SEARCH, SORT, THREAD, pages and counts of one search agree', async () => {
  const client = await Client.enter(quick.connect(), 'agree')
  await fill(client, 40)
  await client.ok('SELECT INBOX')
  await fc.assert(
    fc.asyncProperty(criteria, order, fc.constantFrom('ORDEREDSUBJECT', 'REFERENCES', 'REFS'), fc.integer({ min: 1, max: 15 }), async (key, keys, algorithm, page) => {
      const found = numbersOf(await client.ok(`UID SEARCH ${key}`), 'SEARCH').slice(0, key.includes('MODSEQ') ? -1 : undefined)
      const known = key.includes('MODSEQ') ? -1 : undefined
      const sorted = numbersOf(await client.ok(`UID SORT (${keys.join(' ')}) UTF-8 ${key}`), 'SORT').slice(0, known)
      assert.deepEqual(sorted.toSorted((a, b) => a - b), found)
      assert.deepEqual(numbersOf(await client.ok(`UID THREAD ${algorithm} UTF-8 ${key}`), 'THREAD').toSorted((a, b) => a - b), found)
      const counted = await client.ok(`UID SEARCH RETURN (COUNT MIN MAX SAVE) ${key}`)
      assert.equal(esearch(counted, 'COUNT'), String(found.length))
      assert.equal(esearch(counted, 'MIN'), found[0] === undefined ? undefined : String(found[0]))
      assert.equal(esearch(counted, 'MAX'), found.length === 0 ? undefined : String(found.at(-1)))
      assert.deepEqual(numbersOf(await client.ok('UID SEARCH UID $'), 'SEARCH'), found)
      const pages: number[] = []
      for (let from = 1; ; from += page) {
        const set = esearch(await client.ok(`UID SORT RETURN (PARTIAL ${from}:${from + page - 1}) (${keys.join(' ')}) UTF-8 ${key}`), 'PARTIAL')
        if (set === 'NIL' || set === undefined) break
        pages.push(...expand(set))
      }
      assert.deepEqual(pages, sorted)
      const all = await client.ok(`ESEARCH IN (mailboxes INBOX) RETURN (ALL) ${key.replaceAll('1:5', 'UID 1:5')}`)
      assert.deepEqual(expand(esearch(all, 'ALL') ?? '0').filter((uid) => uid > 0), found)
    }),
    { numRuns: 60, seed, interruptAfterTimeLimit: 12_000 },
  )
  await client.close()
})

// ---------------------------------------------------------------- watched searches

interface Watched {
  readonly criteria: string
  readonly order: string | undefined
  uids: number[]
}

/** What a client makes of the updates, by RFC 5267 §4.3. */
function hear(watched: ReadonlyMap<string, Watched>, { untagged }: Answer): void {
  for (const response of untagged) {
    const [, tag = '', what, changes = ''] = /^ESEARCH \(TAG "([^"]+)"\) UID (ADDTO|REMOVEFROM) \((.*)\)$/.exec(response) ?? []
    const one = watched.get(tag)
    if (one === undefined) continue
    const words = changes.split(' ')
    for (let at = 0; at < words.length; at += 2) {
      const position = Number(words[at])
      const uids = expand(words[at + 1] ?? '')
      if (what === 'ADDTO') {
        assert.ok(uids.every((uid) => !one.uids.includes(uid)), `${response} adds what is there`)
        if (position === 0) one.uids = [...one.uids, ...uids].sort((a, b) => a - b)
        else one.uids.splice(position - 1, 0, ...uids)
      } else {
        assert.ok(uids.every((uid) => one.uids.includes(uid)), `${response} removes what is not there`)
        if (position > 0) assert.deepEqual(one.uids.slice(position - 1, position - 1 + uids.length), uids)
        one.uids = one.uids.filter((uid) => !uids.includes(uid))
      }
    }
  }
}

const watches: readonly (readonly [string, string | undefined])[] = [['FLAGGED', undefined], ['NOT DELETED', undefined], ['OR FLAGGED SUBJECT alpha', undefined], ['UNDELETED', 'REVERSE SUBJECT'], ['FLAGGED', 'SUBJECT DATE'], ['TEXT body', 'FROM']]
const step = fc.tuple(fc.nat(1), fc.oneof(
  fc.tuple(fc.constantFrom('+', '-'), fc.constantFrom('\\Flagged', '\\Deleted', '\\Seen'), fc.integer({ min: 1, max: 12 }), fc.nat(3)).map(([sign, flag, uid, more]) => `UID STORE ${uid}:${uid + more} ${sign}FLAGS${sign === '+' ? '.SILENT' : ''} (${flag})`),
  fc.constantFrom('EXPUNGE', 'NOOP', 'UID EXPUNGE 1:5', 'UID COPY 2:3 INBOX', 'UID MOVE 4 Trash', 'FETCH 1 FLAGS'),
))

test('Whoever follows the updates of watched searches knows their results', async () => {
  let account = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const login = `watch${++account}`
      const clients = [await Client.enter(stage.connect(), login), await Client.enter(stage.connect(), login)] as const
      await fill(clients[0], 8)
      for (const client of clients) await client.ok('SELECT INBOX')
      const watched = new Map<string, Watched>()
      for (const [at, [key, by]] of watches.entries()) {
        // The client counts its tags: LOGIN, eight APPENDs and SELECT have gone before.
        const tag = `t${11 + at}`
        const answer = await clients[0].ok(by === undefined ? `UID SEARCH RETURN (UPDATE ALL) ${key}` : `UID SORT RETURN (UPDATE ALL) (${by}) UTF-8 ${key}`)
        const told = esearch(answer, 'ALL')
        watched.set(tag, { criteria: key, order: by, uids: told === undefined ? [] : expand(told) })
      }
      for (const [who, command] of steps) {
        const answer = await clients[who === 0 ? 0 : 1].command(command)
        if (who === 0) hear(watched, answer)
      }
      // What the other one did last comes with the second NOOP at the latest.
      for (let round = 0; round < 2; round++) hear(watched, await clients[0].ok('NOOP'))
      for (const [tag, { criteria: key, order: by, uids }] of watched) {
        const now = by === undefined ? numbersOf(await clients[0].ok(`UID SEARCH ${key}`), 'SEARCH') : numbersOf(await clients[0].ok(`UID SORT (${by}) UTF-8 ${key}`), 'SORT')
        assert.deepEqual(uids, now, `${tag}: ${key} ${by ?? ''}`)
      }
      for (const client of clients) await client.close()
    }),
    { numRuns: 25, seed, interruptAfterTimeLimit: 12_000 },
  )
})
