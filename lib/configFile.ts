/**
 * Reads settings from text: lines `room.word = value`, `#` begins a comment, blank lines are free.
 * The same values come from the environment (`PENNYPOST_SMTP_MAX_MESSAGE_BYTES`) and from flags (`--set smtp.maxMessageBytes=10MiB`).
 * Later layers win: defaults, file, environment, flags.
 */
import { defaultConfig, settings } from './config.ts'
import type { Config, Setting } from './config.ts'

export interface Mistake {
  /** Where: `FILE:LINE`, an environment variable or a flag. */
  readonly at: string
  readonly message: string
}

export type SettingValue = string | number | boolean | readonly string[] | readonly number[]
export type SettingValues = ReadonlyMap<string, SettingValue>

export interface ReadSettings {
  readonly values: SettingValues
  readonly mistakes: readonly Mistake[]
}

const byteUnits: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3 }
const timeUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Every setting by its full name, in the order of their declaration. */
export function listSettings(): [name: string, setting: Setting<SettingValue>][] {
  return Object.entries(settings).flatMap(([room, words]) =>
    Object.entries(words).map(([word, setting]): [string, Setting<SettingValue>] => [`${room}.${word}`, setting as Setting<SettingValue>]),
  )
}

/** @throws {Error} with a sentence that says what is expected */
export function parseValue(setting: Setting<SettingValue>, raw: string): SettingValue {
  const value = readers[setting.type](raw.trim())
  if (setting.oneOf !== undefined && !setting.oneOf.includes(value)) throw new Error(`expects one of ${setting.oneOf.join(', ')}`)
  const expected = setting.check?.(value)
  if (expected !== undefined) throw new Error(`expects ${expected}`)
  return value
}

const readers: Record<Setting<SettingValue>['type'], (raw: string) => SettingValue> = {
  text: (raw) => unquote(raw),
  count: (raw) => readNumber(raw, { '': 1 }, 'a whole number, 0 or more', true),
  number: (raw) => {
    const value = Number(raw)
    if (raw === '' || !Number.isFinite(value)) throw new Error('expects a number')
    return value
  },
  bytes: (raw) => readNumber(raw, { '': 1, ...byteUnits }, 'a size such as 1048576, 512 KiB, 50 MiB or 2 GiB', true),
  ms: (raw) => readNumber(raw, { '': 1, ...timeUnits }, 'a time such as 500ms, 30s, 5m, 4h or 5d', false),
  flag: (raw) => {
    if (['true', 'yes', 'on'].includes(raw)) return true
    if (['false', 'no', 'off'].includes(raw)) return false
    throw new Error('expects yes or no')
  },
  texts: (raw) => readList(raw),
  msList: (raw) => readList(raw).map((item) => readNumber(item, { '': 1, ...timeUnits }, 'times such as 5m, 15m, 30m', false)),
}

function readNumber(raw: string, units: Record<string, number>, expected: string, whole: boolean): number {
  const [, digits = '', unit = ''] = /^([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(raw) ?? []
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  const value = Number(digits.replaceAll('_', '')) * (factor ?? NaN)
  if (digits === '' || !Number.isSafeInteger(whole ? value : Math.round(value))) throw new Error(`expects ${expected}`)
  return Math.round(value)
}

const readList = (raw: string): string[] =>
  raw === ''
    ? []
    : raw
        .split(',')
        .map((item) => unquote(item.trim()))
        .filter((item) => item !== '')

const unquote = (raw: string): string => (raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw)

/** The whole file is read, so that every mistake is named at once. */
export function readConfigText(text: string, origin: string): ReadSettings {
  const values = new Map<string, SettingValue>()
  const mistakes: Mistake[] = []
  text.split(/\r?\n/).forEach((line, index) => {
    const content = line.replace(/(^|\s)#.*$/, '').trim()
    if (content === '') return
    const at = `${origin}:${index + 1}`
    const equals = content.indexOf('=')
    if (equals < 0) {
      mistakes.push({ at, message: `"${content}" is not of the form room.word = value` })
      return
    }
    const name = content.slice(0, equals).trim()
    if (values.has(name)) mistakes.push({ at, message: `${name} is set twice` })
    take(values, mistakes, at, name, content.slice(equals + 1))
  })
  return { values, mistakes }
}

/** `PENNYPOST_` and the setting's name in capitals with underscores. */
export function environmentName(name: string): string {
  return 'PENNYPOST_' + name.replaceAll('.', '_').replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
}

export function readConfigEnvironment(environment: Readonly<Record<string, string | undefined>>, others: readonly string[]): ReadSettings {
  const names = new Map(listSettings().map(([name]) => [environmentName(name), name]))
  const values = new Map<string, SettingValue>()
  const mistakes: Mistake[] = []
  for (const [variable, raw] of Object.entries(environment)) {
    if (!variable.startsWith('PENNYPOST_') || raw === undefined || others.includes(variable)) continue
    const name = names.get(variable)
    if (name === undefined) mistakes.push({ at: variable, message: 'there is no such setting' })
    else take(values, mistakes, variable, name, raw)
  }
  return { values, mistakes }
}

/** A setting given by an option of the command line; `at` is how a mistake names the option. */
export interface NamedValue {
  readonly at: string
  readonly name: string
  readonly raw: string
}

/** Options: `room.word=value` as text, or one that stands for a setting. The last word counts, as in any command line. */
export function readConfigFlags(flags: readonly (NamedValue | { readonly at: string; readonly text: string })[]): ReadSettings {
  const values = new Map<string, SettingValue>()
  const mistakes: Mistake[] = []
  for (const flag of flags) {
    if ('name' in flag) {
      take(values, mistakes, flag.at, flag.name, flag.raw)
      continue
    }
    const equals = flag.text.indexOf('=')
    if (equals < 0) mistakes.push({ at: flag.at, message: 'is not of the form room.word=value' })
    else take(values, mistakes, flag.at, flag.text.slice(0, equals).trim(), flag.text.slice(equals + 1))
  }
  return { values, mistakes }
}

export function makeConfig(layers: readonly SettingValues[]): Config {
  const config = defaultConfig() as unknown as Record<string, Record<string, SettingValue>>
  for (const layer of layers)
    for (const [name, value] of layer) {
      const [room = '', word = ''] = name.split('.')
      const words = config[room]
      if (words !== undefined) words[word] = value
    }
  // Each value was read by its setting's own reader, so the shape is that of the table.
  return config as unknown as Config
}

/**
 * The settings of a text alone, for programs that have no file of their own.
 * @param before settings of the program itself, in the same form; those of the text win
 * @throws {Error} that names every mistake
 */
export function demandConfigText(text: string, origin: string, before = ''): Config {
  const own = readConfigText(before, 'own settings')
  const given = readConfigText(text, origin)
  const mistakes = [...own.mistakes, ...given.mistakes]
  if (mistakes.length > 0) throw new Error(mistakes.map(({ at, message }) => `${at}: ${message}`).join('\n'))
  return makeConfig([own.values, given.values])
}

/** A value as `readConfigText` would read it back. */
export function showValue(setting: Setting<SettingValue>, value: SettingValue): string {
  if (Array.isArray(value)) return value.map((item: string | number) => showOne(setting.type, item)).join(', ')
  return showOne(setting.type, value as string | number | boolean)
}

function showOne(type: Setting<SettingValue>['type'], value: string | number | boolean): string {
  if (type === 'flag') return value === true ? 'yes' : 'no'
  if (typeof value !== 'number') return String(value)
  if (type === 'bytes') return withUnit(value, [['GiB', 1024 ** 3], ['MiB', 1024 ** 2], ['KiB', 1024]])
  if (type === 'ms' || type === 'msList') return withUnit(value, [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000], ['ms', 1]])
  return String(value)
}

function withUnit(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit, factor] = units.find(([, size]) => value !== 0 && value % size === 0) ?? ['', 1]
  return `${value / factor}${unit}`
}

function take(values: Map<string, SettingValue>, mistakes: Mistake[], at: string, name: string, raw: string): void {
  const setting = new Map(listSettings()).get(name)
  if (setting === undefined) {
    mistakes.push({ at, message: `there is no setting ${name}${suggest(name)}` })
    return
  }
  try {
    values.set(name, parseValue(setting, raw))
  } catch (error) {
    mistakes.push({ at, message: `${name} ${(error as Error).message}, not "${raw.trim()}"` })
  }
}

function suggest(name: string): string {
  const word = (name.split('.').at(-1) ?? '').toLowerCase()
  const near = listSettings().find(([known]) => known.toLowerCase() === name.toLowerCase() || (word !== '' && known.toLowerCase().endsWith(`.${word}`)))
  return near === undefined ? '' : `; did you mean ${near[0]}?`
}
