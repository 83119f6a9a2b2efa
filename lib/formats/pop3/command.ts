/** One command line of a client: RFC 1939 §9 and the extensions' RFCs. */
import { BadCommand } from './refusal.ts'

export type Command =
  | { readonly verb: 'USER'; readonly name: string }
  | { readonly verb: 'PASS'; readonly password: string }
  /** Without mechanism: which ones there are. `initial`: base64 as given; '' for `=`. */
  | { readonly verb: 'AUTH'; readonly mechanism: string | undefined; readonly initial: string | undefined }
  /** Without number: all of them. */
  | { readonly verb: 'LIST' | 'UIDL'; readonly number: number | undefined }
  | { readonly verb: 'RETR' | 'DELE'; readonly number: number }
  | { readonly verb: 'TOP'; readonly number: number; readonly lines: number }
  | { readonly verb: BareVerb }

type BareVerb = 'CAPA' | 'STLS' | 'UTF8' | 'STAT' | 'NOOP' | 'RSET' | 'QUIT'

export type Verb = Command['verb']

const readers: Readonly<Record<Verb, (argument: string) => Command>> = {
  USER: (argument) => ({ verb: 'USER', name: text(argument, 'USER name') }),
  PASS: (argument) => ({ verb: 'PASS', password: text(argument, 'PASS password') }),
  AUTH: readAuth,
  LIST: (argument) => ({ verb: 'LIST', number: argument === '' ? undefined : number(argument, 'LIST [message]') }),
  UIDL: (argument) => ({ verb: 'UIDL', number: argument === '' ? undefined : number(argument, 'UIDL [message]') }),
  RETR: (argument) => ({ verb: 'RETR', number: number(argument, 'RETR message') }),
  DELE: (argument) => ({ verb: 'DELE', number: number(argument, 'DELE message') }),
  TOP: readTop,
  CAPA: (argument) => bare('CAPA', argument),
  STLS: (argument) => bare('STLS', argument),
  UTF8: (argument) => bare('UTF8', argument),
  STAT: (argument) => bare('STAT', argument),
  NOOP: (argument) => bare('NOOP', argument),
  RSET: (argument) => bare('RSET', argument),
  QUIT: (argument) => bare('QUIT', argument),
}

/** Reads a line of octets (latin-1) without its line end. @throws {BadCommand} */
export function parseCommand(line: string): Command {
  const end = line.indexOf(' ')
  // RFC 1939 §3: keywords in any case.
  const word = (end < 0 ? line : line.slice(0, end)).toUpperCase()
  if (!Object.hasOwn(readers, word)) throw new BadCommand('Command not known')
  const verb = word as Verb
  const argument = end < 0 ? '' : line.slice(end + 1)
  // RFC 1939 §7: a password may have spaces, and all of them count.
  return readers[verb](verb === 'PASS' ? argument : argument.trim())
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** RFC 6856 §2: names and passwords are UTF-8. */
function text(argument: string, syntax: string): string {
  if (argument === '' || /[\x00-\x1f\x7f]/.test(argument)) throw new BadCommand(`Syntax: ${syntax}`)
  try {
    return utf8.decode(Buffer.from(argument, 'latin1'))
  } catch {
    throw new BadCommand('Names and passwords are UTF-8')
  }
}

function number(argument: string, syntax: string): number {
  if (!/^\d{1,10}$/.test(argument)) throw new BadCommand(`Syntax: ${syntax}`)
  return Number(argument)
}

function readTop(argument: string): Command {
  const [, message = '', lines = ''] = /^(\S+) +(\S+)$/.exec(argument) ?? []
  const syntax = 'TOP message lines'
  return { verb: 'TOP', number: number(message, syntax), lines: number(lines, syntax) }
}

// RFC 5034 §4
function readAuth(argument: string): Command {
  if (argument === '') return { verb: 'AUTH', mechanism: undefined, initial: undefined }
  const [, mechanism, initial] = /^([A-Za-z0-9_-]{1,20})(?: +(\S+))?$/.exec(argument) ?? []
  if (mechanism === undefined) throw new BadCommand('Syntax: AUTH mechanism [initial-response]')
  return { verb: 'AUTH', mechanism: mechanism.toUpperCase(), initial: initial === '=' ? '' : initial }
}

function bare(verb: BareVerb, argument: string): Command {
  if (argument !== '') throw new BadCommand(`${verb} takes no argument`)
  return { verb }
}
