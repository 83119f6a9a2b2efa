/** Values of options, read strictly: a mistake is told before anything is opened or changed. */
import { InvalidArgumentError } from 'commander'
import { parseValue } from '#lib/configFile.ts'

/** Wrapped, because an option whose value is null counts as one without a value. */
export interface Choice<T> {
  /** null: no value of its own. */
  readonly is: T | null
}

/** Octets such as `500 MiB`; `default` for what the setting says, `none` for no limit (0). */
export function readQuota(text: string): Choice<number> {
  return { is: text === 'default' ? null : text === 'none' ? 0 : read('bytes', text) }
}

/** A whole number; `default` for what the setting says, `none` for no limit (0). */
export function readLimit(text: string): Choice<number> {
  return { is: text === 'default' ? null : text === 'none' ? 0 : read('count', text) }
}

/** A whole number from 1. */
export function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is expected.')
  return Number(text)
}

/** A number, or `default` for what the setting says. */
export function readScore(text: string): Choice<number> {
  return { is: text === 'default' ? null : read('number', text) }
}

/** Something, or `none`. */
export const readOrNone = (text: string): Choice<string> => ({ is: text === 'none' ? null : text })

export const readHostPortOrNone = (text: string): Choice<HostPort> => ({ is: text === 'none' ? null : readHostPort(text) })

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`; an IPv6 address stands in brackets. */
function readHostPort(text: string): HostPort {
  const [, bracketed, plain, port = ''] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) < 1 || Number(port) > 65535) throw new InvalidArgumentError('It must be HOST:PORT, such as smtp.example.net:587.')
  return { host, port: Number(port) }
}

function read(type: 'bytes' | 'count' | 'number', text: string): number {
  try {
    return Number(parseValue({ type, default: 0, sentence: '' }, text))
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`.replace('It expects', 'It must be'))
  }
}
