/** Where settings come from: defaults, the deployment, `pennypost.conf` in the data directory, the environment, flags. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '#lib/config.ts'
import { makeConfig, readConfigEnvironment, readConfigFlags, readConfigText } from '#lib/configFile.ts'
import type { Mistake, NamedValue, ReadSettings, SettingValues } from '#lib/configFile.ts'
import { CommandError } from './commandError.ts'

export interface SettingFlags {
  readonly data?: string
  readonly config?: string
  readonly set?: readonly string[]
  /** Work on a deployment in AWS. */
  readonly aws?: boolean
  /** The name of the deployment. */
  readonly stack?: string
  /** Settings that have an option of their own in `serve`. */
  readonly listen?: string
  readonly portOffset?: string
  readonly dns?: readonly string[]
  readonly hostname?: string
}

const ownOptions: readonly (readonly [option: string, setting: string, value: (flags: SettingFlags) => string | undefined])[] = [
  ['--listen', 'server.listen', ({ listen }) => listen],
  ['--port-offset', 'server.portOffset', ({ portOffset }) => portOffset],
  ['--dns', 'dns.servers', ({ dns }) => dns?.join(', ')],
  ['--hostname', 'server.hostname', ({ hostname }) => hostname],
]

export interface LoadedSettings {
  readonly dataDirectory: string
  readonly configFile: string
  readonly config: Config
  readonly layers: readonly { readonly name: string; readonly values: SettingValues }[]
  readonly mistakes: readonly Mistake[]
}

/** Variables of ours that are no settings. */
const otherVariables = ['PENNYPOST_DATA', 'PENNYPOST_CONFIG']

/** The settings of a deployment, as its functions have them. */
export interface DeployedSettings {
  readonly name: string
  readonly text: string
}

/** @param deployed comes before the settings file, which is then read only when it is named */
export function loadSettings(flags: SettingFlags, environment: Readonly<Record<string, string | undefined>>, deployed?: DeployedSettings): LoadedSettings {
  const dataDirectory = flags.data ?? environment['PENNYPOST_DATA'] ?? 'data'
  const named = flags.config ?? environment['PENNYPOST_CONFIG']
  const configFile = named ?? join(dataDirectory, 'pennypost.conf')
  const fromDeployment = readConfigText(deployed?.text ?? '', deployed?.name ?? '')
  const fromFile = readConfigText(deployed === undefined || named !== undefined ? readIfThere(configFile, named !== undefined) : '', configFile)
  const fromEnvironment = readConfigEnvironment(environment, otherVariables)
  const fromFlags = readFlags(flags)
  const layers = [
    ...(deployed === undefined ? [] : [{ name: deployed.name, values: fromDeployment.values }]),
    { name: configFile, values: fromFile.values },
    { name: 'environment', values: fromEnvironment.values },
    { name: 'flags', values: fromFlags.values },
  ]
  return {
    dataDirectory,
    configFile,
    config: makeConfig(layers.map((layer) => layer.values)),
    layers,
    mistakes: [...fromDeployment.mistakes, ...fromFile.mistakes, ...fromEnvironment.mistakes, ...fromFlags.mistakes],
  }
}

function readFlags(flags: SettingFlags): ReadSettings {
  const named = ownOptions.flatMap(([option, setting, value]): NamedValue[] => {
    const raw = value(flags)
    return raw === undefined ? [] : [{ at: option, name: setting, raw }]
  })
  return readConfigFlags([...(flags.set ?? []).map((text) => ({ at: `--set ${text}`, text })), ...named])
}

/** @throws {CommandError} that names every mistake */
export function demandSettings(flags: SettingFlags, environment: Readonly<Record<string, string | undefined>>, deployed?: DeployedSettings): LoadedSettings {
  const loaded = loadSettings(flags, environment, deployed)
  if (loaded.mistakes.length > 0) throw new CommandError(loaded.mistakes.map(({ at, message }) => `${at}: ${message}`).join('\n'))
  return loaded
}

function readIfThere(file: string, mustExist: boolean): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !mustExist) return ''
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
