/**
 * What grows with a mailbox and what does not: time and memory at 1,000, 10,000, 100,000 and 1,000,000 messages.
 *
 *     node --expose-gc bench/growth.ts [--sizes 1000,10000,100000,1000000] [--runs 15] [--offset 24000] [--directory DIR]
 *                                      [--results docs/performance/growth.json] [--plots docs/performance]
 *     node bench/growth.ts --draw                 draws the plots again from the results, measures nothing
 *
 * Accounts are written straight into the log (bench/synthetic.ts); `--directory` keeps them. Below the protocol, in this
 * process: opening an account that is not in memory, with nothing and with ten changes behind its snapshot; looking at one
 * that is open; filing a message into an open account, and into one that is not in memory. Over IMAP on loopback, in a server's own process: SELECT first and again, all flags,
 * SEARCH FROM. The lower quartile of wall-clock
 * times, which other work on the machine moves less than the median; the first of each server is told apart.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { forgetIndexes } from '#lib/mail/mailbox/textIndex/forget.ts'
import { openPlace } from '../bin/place.ts'
import { systemClock } from '#lib/base/clock.ts'
import { BenchClient } from './imapClient.ts'
import { drawPlot } from './plot.ts'
import type { Plot, Series } from './plot.ts'
import { domain, prepare, startServing } from './serving.ts'
import { fillInbox } from './synthetic.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000,1000000' }, runs: { type: 'string', default: '15' }, offset: { type: 'string', default: '24000' }, directory: { type: 'string' },
    results: { type: 'string', default: 'docs/performance/growth.json' }, plots: { type: 'string', default: 'docs/performance' }, draw: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)

/** ms; MiB where the name says so. */
type Figures = Record<
  'openCold' | 'openChanged' | 'openWarm' | 'file' | 'fileCold' | 'selectFirst' | 'select' | 'fetchFlags' | 'searchFirst' | 'search' | 'accountMiB' | 'serverMiB' | 'serverPeakMiB', number>

interface Results {
  readonly when: string
  readonly machine: string
  readonly sizes: Record<string, Figures>
}

/** `leavesGarbage`: what the run before has left must not be paid for by the next. */
async function quartile(work: (run: number) => Promise<unknown>, times = runs, leavesGarbage = false): Promise<number> {
  const samples: number[] = []
  for (let run = 0; run < times; run++) {
    if (leavesGarbage) globalThis.gc?.()
    const begun = performance.now()
    await work(run)
    samples.push(performance.now() - begun)
  }
  return samples.sort((a, b) => a - b)[times >> 2] ?? 0
}

function held(): number {
  for (let turn = 0; turn < 4; turn++) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

type RoomFigures = Pick<Figures, 'openCold' | 'openChanged' | 'openWarm' | 'file' | 'fileCold' | 'accountMiB'>

async function measureRooms(data: string): Promise<RoomFigures> {
  const place = await openPlace({ data })
  const deps: MailDeps = { ...place.engine, clock: systemClock, log: place.log, settings: { ...place.config.mailbox, snapshotEntries: 0 } }
  try {
    const id = (await place.directory.accountByLogin(`anna@${domain}`))?.id ?? ''
    await forgetIndexes(deps, id)
    const { state, snapshots } = await loadAccount(deps, id)
    await snapshots.write(state)
    const open = async () => {
      const store = new MailStore(deps)
      ;(await store.open(id)).release()
      await store.close()
    }
    await quartile(open, 3)
    const openCold = await quartile(open, runs, true)
    await makeTenChanges(deps, id)
    const openChanged = await quartile(open, runs, true)
    const before = held()
    const store = new MailStore(deps)
    const account = await store.open(id)
    const accountMiB = Math.max(held() - before, 0.05)
    const openWarm = await quartile(async () => (await store.open(id)).release(), 50)
    const mailboxId = account.state.mailbox('INBOX')?.id ?? ''
    const content = Buffer.from('From: a@example.net\r\nSubject: One more\r\n\r\nText.\r\n')
    const file = await quartile((run) => appendMessage(account, { mailboxId, content, crlf: true, flags: [], deliveryId: `growth-${Date.now()}-${run}` }), 30)
    account.release()
    await store.close()
    const fileCold = await quartile(async (run) => {
      const fresh = new MailStore(deps)
      const opened = await fresh.openForFiling(id)
      await appendMessage(opened, { mailboxId, content, crlf: true, flags: [], deliveryId: `cold-${Date.now()}-${run}` })
      opened.release()
      await fresh.close()
    }, runs, true)
    return { openCold, openChanged, openWarm, file, fileCold, accountMiB }
  } finally {
    await place.mailStore.close()
    await place.engine.close()
  }
}

/** Flags of ten messages, from the oldest to the newest, each by an entry of its own. */
async function makeTenChanges(deps: MailDeps, id: string): Promise<void> {
  const store = new MailStore(deps)
  const account = await store.open(id)
  const mailbox = account.state.mailbox('INBOX')
  if (mailbox === undefined) throw new Error('there is no INBOX')
  for (let change = 0; change < 10; change++) {
    await changeFlags(account, { mailboxId: mailbox.id, uids: [1 + Math.floor((change * (mailbox.uidNext - 2)) / 9)], action: 'add', flags: [`Mark${Date.now()}`] })
  }
  account.release()
  await store.close()
}

async function measureServer(data: string): Promise<Omit<Figures, keyof RoomFigures>> {
  const server = await startServing({ data, offset: Number(values.offset) })
  try {
    const client = await BenchClient.enter(server.imap, 'anna', false)
    const selectFirst = await quartile(() => client.command('SELECT INBOX'), 1)
    const { rss: serverMiB } = server.footprint()
    const select = await quartile(() => client.command('SELECT INBOX'), 21)
    const tellFlags = () => client.command('UID FETCH 1:* (FLAGS)')
    await tellFlags()
    const { peak: serverPeakMiB } = server.footprint()
    const fetchFlags = await quartile(tellFlags)
    const searchFirst = await quartile(() => client.command('UID SEARCH FROM needlefinder'), 1)
    const search = await quartile(() => client.command('UID SEARCH FROM needlefinder'))
    client.destroy()
    return { selectFirst, select, fetchFlags, searchFirst, search, serverMiB, serverPeakMiB }
  } finally {
    await server.end()
  }
}

async function measure(directory: string): Promise<Results> {
  const sizes: Record<string, Figures> = {}
  for (const size of values.sizes.split(',').map(Number)) {
    const data = join(directory, String(size))
    if (!existsSync(data)) {
      mkdirSync(data, { recursive: true })
      await prepare(data, ['anna'], (deps, id) => fillInbox(deps, id, size))
    }
    const figures = { ...(await measureRooms(data)), ...(await measureServer(data)) }
    sizes[size] = figures
    console.log(`${size} messages: ${Object.entries(figures).map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}`)
  }
  return { when: new Date().toISOString().slice(0, 10), machine: `${cpus().length} CPUs, ${cpus()[0]?.model.trim() ?? ''}, Node ${process.version}`, sizes }
}

/** The same figures as a Markdown table. */
function tableOf({ sizes }: Results): string {
  const times: readonly (readonly [name: string, word: keyof Figures])[] = [
    ['open, nothing in memory', 'openCold'], ['the same, ten changes later', 'openChanged'], ['open once more', 'openWarm'], ['file, account open', 'file'], ['file, nothing in memory', 'fileCold'],
    ['SELECT, first', 'selectFirst'], ['SELECT, again', 'select'], ['UID FETCH 1:* (FLAGS)', 'fetchFlags'], ['SEARCH FROM, makes the index', 'searchFirst'], ['SEARCH FROM, again', 'search'],
  ]
  const memory: readonly (readonly [name: string, word: keyof Figures])[] = [['RSS of the server, selected', 'serverMiB'], ['its peak, all flags told once', 'serverPeakMiB'], ['of it, the account', 'accountMiB']]
  const row = (text: (value: number) => string) => ([name, word]: readonly [string, keyof Figures]) => `| ${name} | ${Object.values(sizes).map((figures) => text(figures[word])).join(' | ')} |`
  return [`| | ${Object.keys(sizes).map((size) => countText(Number(size))).join(' | ')} |`, `|---|${'---:|'.repeat(Object.keys(sizes).length)}`, ...times.map(row(timeText)), ...memory.map(row(memoryText))].join('\n')
}

const countText = (value: number) => value.toLocaleString('en-US')
const timeText = (ms: number) => (ms >= 1000 ? `${trim(ms / 1000)} s` : ms >= 1 ? `${trim(ms)} ms` : `${trim(ms * 1000)} µs`)
const memoryText = (mib: number) => (mib >= 10 ? `${Math.round(mib)} MiB` : mib >= 1 ? `${trim(mib)} MiB` : `${trim(mib * 1024)} KiB`)

function trim(value: number): string {
  return String(Number(value.toPrecision(2)))
}

function draw({ when, machine, sizes }: Results, directory: string): void {
  const series = (name: string, word: keyof Figures, dashed = false): Series => ({ name, points: Object.entries(sizes).map(([size, figures]) => [Number(size), figures[word]] as const), dashed })
  const shared = { subtitle: `Lower quartiles, ${when}, ${machine}`, xLabel: 'messages in the mailbox', xText: countText }
  const plots: Record<string, Plot> = {
    opening: { ...shared, title: 'Opening an account, and filing one message', yLabel: 'time', yText: timeText, series: [series('open, nothing in memory', 'openCold'), series('the same, 10 changes later', 'openChanged'), series('open once more', 'openWarm'), series('file, account open', 'file', true), series('file, nothing in memory', 'fileCold', true)] },
    commands: { ...shared, title: 'IMAP commands on one mailbox', yLabel: 'time', yText: timeText, series: [series('SELECT, first', 'selectFirst'), series('SELECT, again', 'select'), series('UID FETCH 1:* (FLAGS)', 'fetchFlags'), series('SEARCH FROM, indexed', 'search')] },
    memory: { ...shared, title: 'Memory of a server with one session on one mailbox', yLabel: 'memory', yText: memoryText, series: [series('server, all flags told once', 'serverPeakMiB'), series('server, selected', 'serverMiB'), series('of it, the account', 'accountMiB')], goal: { y: 250, name: 'goal with 1,000,000 messages: 250 MiB' } },
  }
  mkdirSync(directory, { recursive: true })
  for (const [name, plot] of Object.entries(plots)) writeFileSync(join(directory, `${name}.svg`), drawPlot(plot))
}

if (values.draw) {
  const results = JSON.parse(readFileSync(values.results, 'utf8')) as Results
  draw(results, values.plots)
  console.log(tableOf(results))
} else {
  const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'pennypost-growth-'))
  try {
    const results = await measure(directory)
    mkdirSync(values.plots, { recursive: true })
    writeFileSync(values.results, `${JSON.stringify(results, null, 2)}\n`)
    draw(results, values.plots)
    console.log(tableOf(results))
  } finally {
    if (values.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
}
