/** A mail system opened for one command: a data directory, beside which `serve` may run, or a deployment in AWS. */
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSink, makeLog } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { systemClock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { makeFeed } from '#lib/mail/events/feed.ts'
import type { EntryFeed } from '#lib/mail/mailbox/feed.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import type { Stores } from '#lib/mail/rooms/stores.ts'
import { CommandError } from './commandError.ts'
import { demandSettings } from './settings.ts'
import type { SettingFlags } from './settings.ts'

export interface Place extends Stores {
  readonly config: Config
  readonly engine: Engine
  readonly log: Log
  /** Where events go from here to webhooks. */
  readonly feed?: EntryFeed | undefined
}

export interface LocalPlace extends Place {
  readonly dataDirectory: string
}

/** Made when it is not there. @throws {CommandError} for mistakes in the settings, or a directory that cannot be used */
export async function openPlace(flags: SettingFlags, log: Log = stderrLog()): Promise<LocalPlace> {
  const { dataDirectory, config } = demandSettings(flags, process.env)
  const store = join(dataDirectory, 'store')
  try {
    mkdirSync(store, { recursive: true, mode: 0o700 })
    accessSync(store, constants.W_OK)
  } catch (error) {
    throw new CommandError(`the data directory ${dataDirectory} cannot be used: ${(error as Error).message}`)
  }
  const engine = await openEmbeddedEngine({ directory: store, clock: systemClock, log, settings: config.engine })
  const feed = makeFeed(config.events.urls, engine)
  return { dataDirectory, config, engine, log, feed, ...openStores({ engine, config, clock: systemClock, log, feed }) }
}

/** @throws {CommandError} when there is no such deployment, or it may not be used */
async function openAwsPlace(flags: SettingFlags, log: Log = stderrLog()): Promise<Place> {
  // Loaded when needed: the SDK takes longer than most commands.
  const { openDeployment } = await import('./deployment.ts')
  const { config, engine } = await openDeployment(flags, process.env, log)
  return { config, engine, log, ...openStores({ engine, config, clock: systemClock, log }) }
}

/**
 * Opens, works, closes, whatever happens. Nothing is made by a question: only `ifMissing: 'make'` begins a data directory.
 * @throws {CommandError} as {@link openPlace} and {@link openAwsPlace}, and when there is no data directory
 */
export async function inPlace<T>(flags: SettingFlags, work: (place: Place) => Promise<T>, ifMissing: 'make' | 'refuse' = 'refuse'): Promise<T> {
  if (ifMissing === 'refuse' && flags.aws !== true) demandPlace(flags)
  const place = flags.aws === true ? await openAwsPlace(flags) : await openPlace(flags)
  try {
    return await work(place)
  } finally {
    await place.mailStore.close()
    await place.engine.close()
  }
}

function demandPlace(flags: SettingFlags): void {
  const { dataDirectory } = demandSettings(flags, process.env)
  if (!existsSync(join(dataDirectory, 'store'))) throw new CommandError(`there is no mail system in ${dataDirectory}: name its data directory with --data, or begin one with "pennypost serve" or "pennypost domain add"`)
}

const stderrLog = (): Log => makeLog(jsonSink((line) => process.stderr.write(line)), { level: 'warn', now: () => Date.now() })
