/**
 * The rooms of lib/mail put together for a function, as bin/serve/rooms.ts does for one machine. Opened once for each
 * environment, so that connections, DNS answers and opened accounts serve its later invocations too.
 */
import { systemClock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import { readAwsNames } from '#lib/engine/aws/environment.ts'
import type { Environment } from '#lib/engine/aws/environment.ts'
import { openAwsEngine } from '#lib/engine/aws/open.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import type { SharedDeps } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { openVoice } from './voice.ts'
import type { Voice } from './voice.ts'

export interface FunctionRooms {
  readonly voice: Voice
  readonly config: Config
  readonly engine: AwsEngine
  readonly shared: SharedDeps
}

/**
 * @param name of the function: its folder
 * @throws {Error} for variables that are missing and settings that are wrong
 */
export async function openRooms(name: string, environment: Environment, adjust: (config: Config) => Config = (config) => config): Promise<FunctionRooms> {
  const config = adjust(demandConfigText(environment['PENNYPOST_SETTINGS'] ?? '', 'PENNYPOST_SETTINGS'))
  const { hostname } = config.server
  if (hostname === '') throw new Error('PENNYPOST_SETTINGS lacks server.hostname: a function has no name of its own')
  const voice = openVoice(name, config.server.logLevel)
  const common = { clock: systemClock, log: voice.log }
  const engine = await openAwsEngine({ ...common, clients: makeAwsClients(config.aws), names: readAwsNames(environment), settings: { ...config.engine, ...config.aws } })
  const shared = shareRooms({ ...common, engine, config, hostname, ...openStores({ ...common, engine, config }) })
  return { voice, config, engine, shared }
}
