/**
 * A server of ours in a process of its own, on loopback, and a data directory that is filled before it starts.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/base/clock.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { takeTurn } from '#lib/mail/mailbox/sweepTurns.ts'
import { openPlace } from '../bin/place.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
export const domain = 'bench.test'
export const password = 'benchpass'
const week = 7 * 24 * 60 * 60 * 1000

/** Makes users (`names`, of {@link domain}) in a data directory and lets `fill` write into their accounts. Housekeeping counts as done, so that a server does not begin with it. */
export async function prepare(data: string, names: readonly string[], fill: (deps: MailDeps, accountId: string, name: string) => Promise<void>): Promise<void> {
  const place = await openPlace({ data })
  try {
    await place.directory.addDomain({ name: domain })
    const deps = { ...place.engine, clock: systemClock, log: place.log, settings: place.config.mailbox }
    for (const name of names) {
      const { id } = await place.directory.addUser({ address: `${name}@${domain}`, password })
      await fill(deps, id, name)
      await takeTurn(deps.table, id, undefined, { sweepAt: Date.now() + week, straysAt: Date.now() + week })
    }
  } finally {
    await place.mailStore.close()
    await place.engine.close()
  }
}

/** MiB: what the process holds of the machine's memory now, the most it ever held, and how much of it is its own (not pages of files). */
export interface Footprint {
  readonly rss: number
  readonly peak: number
  readonly own: number
}

export interface Serving {
  readonly pid: number
  readonly imap: number
  readonly imaps: number
  footprint(): Footprint
  /** From now on `peak` counts anew. */
  resetPeak(): void
  /** Resolves when the process is gone. */
  end(): Promise<void>
}

export interface ServingOptions {
  readonly data: string
  readonly offset: number
  readonly settings?: readonly string[]
  readonly node?: readonly string[]
}

/** Resolves when it takes connections. */
export function startServing({ data, offset, settings = [], node = [] }: ServingOptions): Promise<Serving> {
  const all = ['accounts.allowInsecureLogin=loopback', 'imap.maxConnectionsPerAddress=0', 'inbound.checks=no', ...settings]
  const child = spawn(process.execPath, [...node, join(root, 'bin/pennypost.ts'), 'serve', '--data', data, '--listen', '127.0.0.1', '--port-offset', String(offset), '--hostname', 'mail.bench.test', ...all.flatMap((setting) => ['--set', setting])], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const over = () => child.kill('SIGTERM')
  process.once('exit', over)
  const end = async () => {
    process.off('exit', over)
    over()
    await gone
  }
  return new Promise((resolve, reject) => {
    void gone.then(() => reject(new Error('the server ended before it served')))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { pid } = child
      if (!line.includes('"serving"') || pid === undefined) return
      resolve({ pid, imap: offset + 143, imaps: offset + 993, footprint: () => footprintOf(pid), resetPeak: () => resetPeakOf(pid), end })
    })
  })
}

function footprintOf(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { rss: field('VmRSS'), peak: field('VmHWM'), own: field('RssAnon') }
}

/** proc(5), clear_refs: 5 resets the peak. */
function resetPeakOf(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
