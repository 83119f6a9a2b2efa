/**
 * What compaction takes and gives: a log in which every message was filed, read and here and there flagged, by entries of their own.
 *
 *     node bench/compaction.ts [--messages 20000]
 *
 * On the embedded engine in a temporary directory; two months pass between the writing and the compaction.
 */
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import type { Change } from '#lib/mail/mailbox/entry.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { entryKey, newBlobKey } from '#lib/mail/mailbox/logKeys.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { readRows } from '#lib/mail/mailbox/tail.ts'

const { values } = parseArgs({ options: { messages: { type: 'string', default: '20000' } } })
const messages = Number(values.messages)
const monthsMs = 61 * 24 * 60 * 60 * 1000
const directory = mkdtempSync(join(tmpdir(), 'pennypost-bench-'))
const config = defaultConfig()
const log = makeLog(({ event, fields }) => console.error(event, fields), { level: 'warn', now: () => Date.now() })
const engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: config.engine })
const clock = { ...systemClock, now: () => Date.now() + monthsMs }
const deps = { ...engine, clock, log, settings: { ...config.mailbox, snapshotEntries: 0 } }

async function writeLog(): Promise<void> {
  const account = await new MailStore({ ...deps, clock: systemClock }).open('anna')
  const mailbox = account.state.mailbox('INBOX')?.id ?? ''
  let sequence = account.state.sequence
  const rows: { put: ReturnType<typeof entryKey>; value: Uint8Array }[] = []
  const add = (change: Change) => rows.push({ put: entryKey('anna', ++sequence), value: encodeEntry({ at: Date.now(), writer: 'bench', changes: [change] }) })
  for (let uid = 1; uid <= messages; uid++) {
    const key = newBlobKey('anna', Date.now())
    add({ kind: 'file', mailbox, flags: [], internalDate: Date.now(), sizeBytes: 10_000, deliveryId: key, blob: { key, offset: 0, length: 5000, codec: 'zstd', sizeBytes: 10_000 }, hash: hash('sha256', key, 'buffer'), metadata: { inline: Buffer.alloc(600, uid % 251), codec: 'zstd' } })
    // Read some time after they came, a few of them flagged.
    if (uid > 20) add({ kind: 'flags', mailbox, uids: [uid - 20, uid - 20], action: 'add', flags: ['\\Seen'] })
    if (uid % 10 === 0) add({ kind: 'flags', mailbox, uids: [uid - 5, uid - 5], action: 'add', flags: ['\\Flagged', 'Work'] })
  }
  for (let from = 0; from < rows.length; from += 100) await engine.table.commit(rows.slice(from, from + 100))
}

async function time<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(cpu)
  console.log(`${what.padEnd(40)} ${((performance.now() - begin) / 1000).toFixed(2)} s, CPU ${((user + system) / 1e6).toFixed(2)} s`)
  return result
}

async function size(): Promise<string> {
  let [rows, octets] = [0, 0]
  for await (const { value } of readRows(engine.table, 'anna', 1)) [rows, octets] = [rows + 1, octets + value.length]
  return `${rows} entries, ${(octets / 1024 / 1024).toFixed(1)} MB`
}

try {
  await writeLog()
  console.log(`${messages} messages, Node ${process.version}: ${await size()}`)
  await time('fold the whole log', () => loadAccount(deps, 'anna'))
  const account = await new MailStore(deps).open('anna')
  console.log(`taken out: ${await time('compact', () => compactAccount(account))}; left: ${await size()}`)
  await time('fold the whole log', () => loadAccount(deps, 'anna'))
  console.log(`taken out: ${await time('compact again, with nothing to do', () => compactAccount(account))}`)
} finally {
  await engine.close()
  rmSync(directory, { recursive: true })
}
