/**
 * What a server holds in memory where many or large things meet; each scene has a server process of its own on loopback.
 *
 *     node bench/memory.ts [--scenes idle,million,bodies] [--offset 24000] [--directory DIR] [--messages 1000000] [--heap-prof DIR]
 *
 * - idle: 500 sessions over TLS, each in IDLE with INBOX selected, on 50 accounts of 2,000 messages;
 * - million: one session on 1,000,000 messages: SELECT, all flags, one header search, the newest 100 envelopes;
 * - bodies: 100 clients over TLS fetch a message of 25 MB each; 50 read as fast as they can, 50 take 2 MB a second and stop
 *   for five seconds in the middle.
 *
 * Read from /proc: RSS at the end, its peak, and what is the process's own (not pages of the store's file, which the
 * system takes back when it needs room). It ends by itself. `--directory` keeps the accounts for another run.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { BenchClient } from './imapClient.ts'
import { prepare, startServing } from './serving.ts'
import type { Serving } from './serving.ts'
import { fillInbox } from './synthetic.ts'

const { values } = parseArgs({
  options: {
    scenes: { type: 'string', default: 'idle,million,bodies' }, offset: { type: 'string', default: '24000' }, directory: { type: 'string' }, messages: { type: 'string', default: '1000000' },
    accounts: { type: 'string', default: '50' }, sessions: { type: 'string', default: '500' }, 'heap-prof': { type: 'string' },
  },
})
const scenes = values.scenes.split(',')
const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'pennypost-memory-'))
const rows: { scene: string; moment: string; rss: number; peak: number; own: number; seconds: number }[] = []

/** Makes the accounts unless they are there, and runs `scene` beside a server. */
async function play(name: string, users: readonly string[], fill: (deps: MailDeps, accountId: string, user: string) => Promise<void>, scene: (server: Serving, note: (moment: string) => void) => Promise<void>): Promise<void> {
  const data = join(directory, name)
  if (!existsSync(data)) {
    mkdirSync(data, { recursive: true })
    await prepare(data, users, fill)
  }
  const server = await startServing({ data, offset: Number(values.offset), node: values['heap-prof'] === undefined ? [] : ['--heap-prof', `--heap-prof-dir=${values['heap-prof']}`] })
  const begun = performance.now()
  const note = (moment: string) => {
    const { rss, peak, own } = server.footprint()
    const seconds = (performance.now() - begun) / 1000
    rows.push({ scene: name, moment, rss, peak, own, seconds })
    console.log(`${name.padEnd(10)} ${moment.padEnd(44)} RSS ${rss.toFixed(0).padStart(5)} MiB, peak ${peak.toFixed(0).padStart(5)} MiB, own ${own.toFixed(0).padStart(5)} MiB   after ${seconds.toFixed(0)} s`)
  }
  try {
    note('just started')
    await scene(server, note)
  } finally {
    await server.end()
  }
}

const accountNames = Array.from({ length: Number(values.accounts) }, (_, index) => `u${String(index + 1).padStart(3, '0')}`)

async function idle(): Promise<void> {
  await play('idle', accountNames, (deps, id) => fillInbox(deps, id, 2000), async (server, note) => {
    const clients: BenchClient[] = []
    for (let at = 0; at < Number(values.sessions); at += 10) {
      const entered = await Promise.all(Array.from({ length: 10 }, (_, index) => BenchClient.enter(server.imaps, accountNames[(at + index) % accountNames.length] ?? '', true)))
      for (const client of entered) {
        await client.command('SELECT INBOX')
        await client.idle()
      }
      clients.push(...entered)
    }
    note(`${clients.length} sessions have entered`)
    await pause(20_000)
    note('20 s later')
    for (const client of clients) client.destroy()
    await pause(5000)
    note('5 s after all have left')
  })
}

async function million(): Promise<void> {
  const count = Number(values.messages)
  await play(`million-${count}`, ['anna'], (deps, id) => fillInbox(deps, id, count), async (server, note) => {
    const client = await BenchClient.enter(server.imaps, 'anna', true)
    note('logged in')
    await client.command('SELECT INBOX')
    note('SELECT')
    await client.command('UID FETCH 1:* (FLAGS)')
    note('UID FETCH 1:* (FLAGS)')
    await client.command(`FETCH ${Math.max(1, count - 99)}:* (ENVELOPE BODYSTRUCTURE)`)
    note('ENVELOPE of the newest 100')
    await pause(10_000)
    note('10 s later')
    await client.command('UID SEARCH FROM needlefinder')
    note('UID SEARCH FROM')
    await pause(10_000)
    note('10 s later')
    client.destroy()
  })
}

const largeBytes = 25_000_000
const readers = 100

async function fillLarge(deps: MailDeps, accountId: string): Promise<void> {
  const store = new MailStore(deps)
  const account = await store.open(accountId)
  const mailboxId = account.state.mailbox('INBOX')?.id ?? ''
  const line = Buffer.from(`${'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMg=='}\r\n`)
  const chunk = Buffer.concat(Array.from({ length: 1000 }, () => line))
  for (let number = 0; number < readers / 10; number++) {
    async function* content() {
      yield Buffer.from(`From: a@example.net\r\nSubject: Large ${number}\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n`)
      for (let bytes = 0; bytes < largeBytes; bytes += chunk.length) yield chunk
    }
    await appendMessage(account, { mailboxId, content: content(), crlf: true, flags: [] })
  }
  account.release()
  await store.close()
}

/** Takes `bytesPerSecond`, and nothing at all for `restMs` once it has a fifth of the message. */
function readSlowly({ socket }: BenchClient, bytesPerSecond: number, restMs: number): void {
  let rested = false
  let taken = 0
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length
    const rest = !rested && taken > largeBytes / 5
    rested ||= rest
    socket.pause()
    setTimeout(() => socket.resume(), (chunk.length / bytesPerSecond) * 1000 + (rest ? restMs : 0))
  })
}

async function bodies(): Promise<void> {
  await play('bodies', ['anna'], fillLarge, async (server, note) => {
    const clients: BenchClient[] = []
    for (let at = 0; at < readers; at++) clients.push(await BenchClient.enter(server.imaps, 'anna', true))
    for (const client of clients) await client.command('EXAMINE INBOX')
    note(`${readers} sessions have entered`)
    const begun = performance.now()
    const slow = clients.slice(0, readers / 2)
    for (const client of slow) readSlowly(client, 2_000_000, 5000)
    const fetched = clients.map((client, index) => client.command(`FETCH ${1 + (index % (readers / 10))} BODY.PEEK[]`))
    await pause(4000)
    note('4 s after all have asked')
    const bytes = (await Promise.all(fetched)).reduce((sum, each) => sum + each, 0)
    note(`all have got theirs, ${(bytes / 1e6).toFixed(0)} MB in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
    for (const client of clients) client.destroy()
  })
}

const known: Readonly<Record<string, () => Promise<void>>> = { idle, million, bodies }
const goals: Readonly<Record<string, number>> = { idle: 300, million: 250, bodies: 400 }
try {
  console.log(`Node ${process.version}`)
  for (const name of scenes) await known[name]?.()
  console.log('\n| scene | moment | RSS, MiB | peak, MiB | own, MiB |\n|---|---|---|---|---|')
  for (const { scene, moment, rss, peak, own } of rows) console.log(`| ${scene} | ${moment} | ${rss.toFixed(0)} | ${peak.toFixed(0)} | ${own.toFixed(0)} |`)
  for (const name of scenes) console.log(`${name}: the most was ${Math.max(0, ...rows.filter(({ scene }) => scene.startsWith(name)).map(({ rss, peak }) => Math.max(rss, peak))).toFixed(0)} MiB, the goal is ${goals[name] ?? 0} MiB`)
} finally {
  if (values.directory === undefined) rmSync(directory, { recursive: true, force: true })
}
