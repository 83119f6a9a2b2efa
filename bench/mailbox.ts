/**
 * How fast an account opens, and what it takes in memory: folding its whole log, and its snapshot with a short tail.
 *
 *     node --expose-gc bench/mailbox.ts [--messages 100000]
 *
 * On the embedded engine in a temporary directory. Every message has an entry of its own with 600 octets of metadata and
 * a delivery id; every tenth was flagged later.
 */
import { hash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Change } from '#lib/mail/mailbox/entry.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { entryKey, newBlobKey } from '#lib/mail/mailbox/logKeys.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'

const { values } = parseArgs({ options: { messages: { type: 'string', default: '100000' } } })
const messages = Number(values.messages)
const directory = mkdtempSync(join(tmpdir(), 'pennypost-bench-'))
const config = defaultConfig()
const log = makeLog(({ event, fields }) => console.error(event, fields), { level: 'warn', now: () => Date.now() })
const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: config.engine })
const deps = { ...engine, clock: systemClock, log, settings: { ...config.mailbox, snapshotEntries: 0 } }

async function writeLog(): Promise<number> {
  const store = new MailStore(deps)
  const account = await store.open('anna')
  const mailbox = account.state.mailbox('INBOX')?.id ?? ''
  const metadata = randomBytes(600)
  const first = account.state.sequence + 1
  let octets = 0
  for (let from = 0; from < messages; from += 100) {
    const rows = Array.from({ length: Math.min(100, messages - from) }, (_, at) => {
      const key = newBlobKey('anna', Date.now())
      const filing: Change = { kind: 'file', mailbox, flags: at % 3 === 0 ? ['\\Seen'] : [], internalDate: Date.now(), sizeBytes: 10_000 + at, deliveryId: `${key}/anna`, blob: { key, offset: 0, length: 5000, codec: 'zstd', sizeBytes: 10_000 + at }, hash: hash('sha256', key, 'buffer'), metadata: { inline: metadata, codec: 'zstd' } }
      const value = encodeEntry({ at: Date.now(), writer: 'bench', changes: [filing] })
      octets += value.length
      return { put: entryKey('anna', first + from + at), value, onlyIf: 'absent' as const }
    })
    await engine.table.commit(rows)
  }
  await account.refresh()
  await changeFlags(account, { mailboxId: mailbox, uids: Array.from({ length: messages / 10 }, (_, at) => at * 10 + 1), action: 'add', flags: ['\\Flagged', 'Work'] })
  return octets
}

function memory(): number {
  for (let turn = 0; turn < 4; turn++) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function time<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const begin = performance.now()
  const result = await work()
  return { ms: performance.now() - begin, result }
}

function show(what: string, samples: readonly number[], unit = 'ms'): void {
  const sorted = [...samples].sort((a, b) => a - b)
  console.log(`${what.padEnd(48)} ${(sorted[sorted.length >> 1] ?? 0).toFixed(1)} ${unit}${samples.length > 1 ? ` (${sorted[0]?.toFixed(1)} to ${sorted.at(-1)?.toFixed(1)}, ${samples.length} times)` : ''}`)
}

try {
  const octets = await writeLog()
  console.log(`${messages} messages, ${(octets / messages).toFixed(0)} octets an entry, Node ${process.version}`)
  const folds: number[] = []
  for (let turn = 0; turn < 3; turn++) folds.push((await time(() => loadAccount(deps, 'anna'))).ms)
  show('fold the whole log', folds)
  const { state, snapshots } = await loadAccount(deps, 'anna')
  show('write the first snapshot', [(await time(() => snapshots.write(state))).ms])
  const opens: number[] = []
  for (let turn = 0; turn < 20; turn++) opens.push((await time(() => loadAccount(deps, 'anna'))).ms)
  show('open from the snapshot', opens)
  show('the first look for a delivery afterwards', [(await time(async () => (await loadAccount(deps, 'anna')).state.deliveries.has('other'))).ms - Math.min(...opens)])
  const before = memory()
  const held = await loadAccount(deps, 'anna')
  held.state.deliveries.has('other')
  if (globalThis.gc !== undefined) show('memory of an open account', [(memory() - before) / held.state.messageCount], 'octets a message')
} finally {
  await engine.close()
  rmSync(directory, { recursive: true })
}
