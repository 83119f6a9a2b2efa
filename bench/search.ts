/**
 * How fast a mailbox is searched, sorted and threaded: what state, columns and words of the index answer, first with
 * nothing built, then cold from the Blobs, then warm.
 *
 *     node [--expose-gc] bench/search.ts [--messages 10000] [--runs 5] [--directory DIR]
 *
 * On the embedded engine, below the protocol; in a temporary directory, or in one that is kept and filled when it is empty.
 * Medians of wall-clock time, with the range, and of this process's own CPU time. Messages have 1 to 8 KB of text made of 3,000
 * common and 20,000 rare words, threads of six, and what a message has in its header that no other has.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseSearch } from '#lib/formats/imap/search.ts'
import type { SortKey } from '#lib/formats/imap/sort.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { sortMessages } from '#lib/mail/mailbox/sort.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { threadMessages } from '#lib/mail/mailbox/thread.ts'

const { values } = parseArgs({ options: { messages: { type: 'string', default: '10000' }, runs: { type: 'string', default: '5' }, directory: { type: 'string' } } })
const messages = Number(values.messages)
const runs = Number(values.runs)
const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'pennypost-bench-'))
const config = defaultConfig()
const log = makeLog(({ event, fields }) => console.error(event, fields), { level: 'warn', now: () => Date.now() })
const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: config.engine })
const deps = { ...engine, clock: systemClock, log, settings: config.mailbox }

let seed = 20_261_125
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const syllables = ['ka', 'ro', 'mi', 'ten', 'dar', 'lo', 'ves', 'tu', 'ni', 'pra', 'sol', 'ber', 'gan', 'fi', 'mor', 'ta', 'len', 'cu', 'ri', 'vo']
const makeWord = (most: number) => Array.from({ length: 1 + Math.ceil(random() * most) }, () => pick(syllables)).join('')
const common = Array.from({ length: 3000 }, () => makeWord(3))
const rare = Array.from({ length: 20_000 }, () => makeWord(5))
const people = Array.from({ length: 500 }, () => `${makeWord(2)}@${pick(['example.com', 'example.org', 'example.net'])}`)
const token = (length: number) => Array.from({ length }, () => Math.floor(random() * 36).toString(36)).join('')

function makeMessage(at: number): Buffer {
  const root = at - (at % 6)
  const lines: string[] = []
  for (let octets = 1000 + random() ** 3 * 7000; octets > 0; ) {
    const line = Array.from({ length: 10 }, () => (random() < 0.03 ? pick(rare) : pick(common))).join(' ')
    lines.push(line)
    octets -= line.length + 2
  }
  if (at % 100 === 7) lines.push('please see zephyrquill in this')
  const from = at % 150 === 3 ? 'Needle Finder <needlefinder@example.org>' : `${makeWord(2)} <${pick(people)}>`
  const date = new Date(Date.UTC(2020, 0, 6, 8) + at * 600_000 + Math.floor(random() * 86_400) * 1000)
  const fields = [
    `Received: from ${token(8)}.example.net by mx.example.com with ESMTPS id ${token(12)}; ${date.toUTCString()}`,
    `DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; bh=${token(43)}=; b=${token(60)}/${token(60)}+${token(60)}`,
    `From: ${from}`, `To: ${pick(people)}, ${pick(people)}`, `Subject: ${at === root ? '' : 'Re: '}${common[root % 3000] ?? ''} ${rare[root % 20_000] ?? ''}${at % 200 === 11 ? ' Quarterberg' : ''}`,
    `Date: ${date.toUTCString()}`, `Message-ID: <m${at}.${token(10)}@example.com>`, 'User-Agent: BenchMail/3.2', 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8',
    ...(at === root ? [] : [`In-Reply-To: ${ids[at - 1] ?? ''}`, `References: ${ids.slice(root, at).join(' ')}`]),
  ]
  ids.push(/<m\d+\.[^>]+>/.exec(fields.join('\n'))?.[0] ?? '')
  return Buffer.from(`${fields.join('\r\n')}\r\n\r\n${lines.join('\r\n')}\r\n`)
}
const ids: string[] = []

async function fill(account: AccountMail, mailboxId: string): Promise<void> {
  if ((account.state.mailboxById(mailboxId)?.count ?? 0) > 0) return
  for (let from = 0; from < messages; from += 256) {
    const batch = Array.from({ length: Math.min(256, messages - from) }, (_, at) => makeMessage(from + at))
    await Promise.all(batch.map((content, at) => appendMessage(account, { mailboxId, content, crlf: true, flags: (from + at) % 3 === 0 ? ['\\Seen'] : [] })))
  }
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0
}

async function time(what: string, times: number, work: () => Promise<{ readonly length: number }>): Promise<void> {
  const walls: number[] = []
  const cpus: number[] = []
  let found = 0
  for (let run = 0; run < times; run++) {
    const cpu = process.cpuUsage()
    const begin = performance.now()
    found = (await work()).length
    walls.push(performance.now() - begin)
    const { user, system } = process.cpuUsage(cpu)
    cpus.push((user + system) / 1000)
  }
  const range = times > 1 ? `(${Math.min(...walls).toFixed(1)} to ${Math.max(...walls).toFixed(1)})` : ''
  console.log(`${what.padEnd(40)} ${median(walls).toFixed(1).padStart(9)} ms ${range.padEnd(20)} CPU ${median(cpus).toFixed(1).padStart(8)} ms  ${found}`)
}

const finder = (account: AccountMail, mailboxId: string) => async (text: string) => (await searchMessages(account, { mailboxId, key: parseSearch(new Lexer(` ${text}`), { depth: 50, keys: 100 }).key, now: Date.now() })).uids

const searches = [
  'UNSEEN', 'FROM needlefinder', 'SUBJECT Quarterberg', 'SENTSINCE 8-Jan-2020 FROM ka', 'BODY zephyrquill', 'TEXT zephyrquill', 'BODY xyzzynothinghere', 'TEXT ephyrqui', 'TEXT karo', 'BODY e',
  'BODY "see zephyrquill in"', 'HEADER Message-ID m77.', 'TEXT example.net', 'FUZZY BODY zephirquill',
]

async function measure(account: AccountMail, mailboxId: string, times: number): Promise<void> {
  const find = finder(account, mailboxId)
  for (const text of searches) await time(`SEARCH ${text}`, times, () => find(text))
  const uids = [...(account.state.mailboxById(mailboxId)?.uids() ?? [])]
  const orders: readonly (readonly [string, readonly SortKey[]])[] = [
    ['REVERSE DATE', [{ by: 'DATE', reverse: true }]], ['SUBJECT', [{ by: 'SUBJECT', reverse: false }]], ['FROM SUBJECT DATE', [{ by: 'FROM', reverse: false }, { by: 'SUBJECT', reverse: false }, { by: 'DATE', reverse: false }]],
    ['ARRIVAL', [{ by: 'ARRIVAL', reverse: false }]], ['SIZE', [{ by: 'SIZE', reverse: false }]],
  ]
  for (const [what, order] of orders) await time(`SORT ${what}`, times, () => sortMessages(account, { mailboxId, uids, order }))
  for (const algorithm of ['ORDEREDSUBJECT', 'REFERENCES', 'REFS'] as const) await time(`THREAD ${algorithm}`, times, () => threadMessages(account, { mailboxId, uids, algorithm, numberOf: (uid) => uid }))
}

async function inNewStore(work: (account: AccountMail, mailboxId: string) => Promise<void>): Promise<void> {
  const store = new MailStore(deps)
  const account = await store.open('anna')
  await work(account, account.state.mailbox('INBOX')?.id ?? '')
  account.release()
  await store.close()
}

function memory(): string {
  for (let round = 0; round < 4; round++) globalThis.gc?.()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  return `RSS ${(rss / 2 ** 20).toFixed(0)} MiB, heap ${(heapUsed / 2 ** 20).toFixed(0)} MiB, array buffers ${(arrayBuffers / 2 ** 20).toFixed(0)} MiB`
}

async function indexBytes(): Promise<{ blobs: number; bytes: number }> {
  let blobs = 0
  let bytes = 0
  let cursor: string | undefined
  do {
    const page = await engine.blobs.list('index/anna/', cursor)
    for (const { sizeBytes } of page.items) {
      blobs++
      bytes += sizeBytes
    }
    cursor = page.next
  } while (cursor !== undefined)
  return { blobs, bytes }
}

try {
  console.log(`${messages} messages, Node ${process.version}`)
  await inNewStore(fill)
  await inNewStore(async (account, mailboxId) => {
    const find = finder(account, mailboxId)
    await time('first SEARCH FROM: builds the columns', 1, () => find('FROM needlefinder'))
    await time('first SEARCH TEXT: builds the words', 1, () => find('TEXT zephyrquill'))
    console.log(memory())
  })
  const { blobs, bytes } = await indexBytes()
  console.log(`index: ${blobs} blobs, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytes / messages).toFixed(0)} octets a message`)
  await inNewStore(async (account, mailboxId) => {
    const find = finder(account, mailboxId)
    await time('cold SEARCH FROM', 1, () => find('FROM needlefinder'))
    await time('cold SEARCH TEXT', 1, () => find('TEXT zephyrquill'))
    console.log(memory())
    console.log('warm:')
    await measure(account, mailboxId, runs)
    console.log(memory())
  })
} finally {
  await engine.close()
  if (values.directory === undefined) rmSync(directory, { recursive: true })
}
