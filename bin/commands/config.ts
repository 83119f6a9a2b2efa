import type { Command } from 'commander'
import { listSettings, showValue } from '#lib/configFile.ts'
import type { SettingValue } from '#lib/configFile.ts'
import { printJson, printRows, say } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { loadSettings } from '../settings.ts'
import type { LoadedSettings } from '../settings.ts'

export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('Settings: what they are and whether they are right.')
  withPlace(config.command('show').description('Every setting with its value and where the value comes from.')).action(showSettings)
  withPlace(config.command('check').description('Names every mistake in the settings with its file and line; exit code 1 if there is one.')).action(checkSettings)
}

/** Of the data directory, or of the deployment. */
async function load(options: PlaceOptions): Promise<LoadedSettings> {
  if (options.aws !== true) return loadSettings(options, process.env)
  // Loaded when needed: the SDK takes longer than most commands.
  const { readDeployedSettings } = await import('../deployment.ts')
  return loadSettings(options, process.env, await readDeployedSettings(options, process.env))
}

async function showSettings(options: PlaceOptions): Promise<void> {
  const loaded = await load(options)
  const values = loaded.config as unknown as Record<string, Record<string, SettingValue>>
  const rows = listSettings().map(([name, setting]) => {
    const [room = '', word = ''] = name.split('.')
    const from = loaded.layers.findLast((layer) => layer.values.has(name))?.name ?? 'default'
    return { setting: name, value: showValue(setting, values[room]?.[word] ?? setting.default), from, meaning: setting.sentence }
  })
  const output = outputOf(options)
  printRows(output, output.json ? rows : rows.map(({ setting, value, from }) => ({ setting, value: value === '' ? '(empty)' : value, from })), 'no settings')
}

async function checkSettings(options: PlaceOptions): Promise<void> {
  const { mistakes, configFile } = await load(options)
  const output = outputOf(options)
  if (mistakes.length === 0) return say(output, `${options.aws === true ? 'the deployment' : configFile}, environment and flags are right`, { mistakes })
  process.exitCode = 1
  if (output.json) printJson(output, { mistakes })
  else for (const { at, message } of mistakes) output.write(`${at}: ${message}\n`)
}
