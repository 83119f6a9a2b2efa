/** A directory on a real engine in a directory of its own, with cheap hashes and a clock that tests own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '#lib/base/clock.ts'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'

/** Moves only when told, or when somebody sleeps. */
export class SlowClock implements Clock {
  at = Date.UTC(2026, 10, 24)
  readonly slept: number[] = []

  now(): number {
    return this.at
  }

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms)
    this.at += ms
  }
}

export interface Stage {
  readonly engine: Engine
  readonly clock: SlowClock
  readonly directory: Directory
  readonly settings: Config['accounts']
  readonly events: LogEvent[]
  close(): Promise<void>
}

export const cheapHashes = { scryptCost: 4, scryptParallel: 1, scramIterations: 4096 }

export async function openStage(settings: Partial<Config['accounts']> = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'pennypost-accounts-'))
  const config = defaultConfig()
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => 0 })
  const engine = await openEmbeddedEngine({ directory: folder, clock: systemClock, log, settings: config.engine })
  const clock = new SlowClock()
  const accounts = { ...config.accounts, ...cheapHashes, ...settings }
  return {
    engine,
    clock,
    settings: accounts,
    events,
    directory: new Directory({ table: engine.table, clock, settings: accounts, makeDkimKeys: async () => [] }),
    async close() {
      await engine.close()
      await rm(folder, { recursive: true })
    },
  }
}
