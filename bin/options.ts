/** The options every command takes. */
import { Option } from 'commander'
import type { Command } from 'commander'
import type { Output } from './output.ts'
import type { SettingFlags } from './settings.ts'

export interface PlaceOptions extends SettingFlags {
  readonly json?: boolean
}

export function withPlace(command: Command): Command {
  return command
    .option('--data <dir>', 'the data directory (PENNYPOST_DATA); default: data, in the working directory')
    .option('--config <file>', 'the settings file (PENNYPOST_CONFIG); default: pennypost.conf in the data directory')
    .addOption(new Option('--set <room.word=value>', 'a setting for this run; may be repeated').argParser(collect))
    .option('--json', 'print JSON')
}

export const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value]

export const outputOf = (options: PlaceOptions): Output => ({ json: options.json === true, write: (text) => process.stdout.write(text) })
