/** One command line of a client, RFC 5321 §4.1.1 and the extensions' RFCs. */
import { parsePath } from './path.ts'
import type { Path } from './path.ts'
import { parseMailParameters, parseRcptParameters } from './parameters.ts'
import type { MailParameters, RcptParameters } from './parameters.ts'
import { SmtpRefusal } from './reply.ts'

export type Command =
  | { readonly verb: 'EHLO'; readonly hello: string }
  | { readonly verb: 'HELO'; readonly hello: string }
  | { readonly verb: 'MAIL'; readonly path: Path; readonly parameters: MailParameters }
  | { readonly verb: 'RCPT'; readonly path: Path; readonly parameters: RcptParameters }
  | { readonly verb: 'BDAT'; readonly sizeBytes: number; readonly last: boolean }
  /** `initial`: base64 as given; '' for `=`. */
  | { readonly verb: 'AUTH'; readonly mechanism: string; readonly initial: string | undefined }
  | { readonly verb: 'DATA' }
  | { readonly verb: 'RSET' }
  | { readonly verb: 'QUIT' }
  | { readonly verb: 'STARTTLS' }
  | { readonly verb: 'EXPN' }
  | { readonly verb: 'NOOP' }
  | { readonly verb: 'HELP' }
  | { readonly verb: 'VRFY'; readonly argument: string }

export type Verb = Command['verb']

const readers: Readonly<Record<Verb, (argument: string) => Command>> = {
  EHLO: (argument) => parseHello('EHLO', argument),
  HELO: (argument) => parseHello('HELO', argument),
  MAIL: parseMail,
  RCPT: parseRcpt,
  BDAT: parseBdat,
  AUTH: parseAuth,
  DATA: (argument) => bareCommand('DATA', argument),
  RSET: (argument) => bareCommand('RSET', argument),
  QUIT: (argument) => bareCommand('QUIT', argument),
  STARTTLS: (argument) => bareCommand('STARTTLS', argument),
  NOOP: () => ({ verb: 'NOOP' }),
  HELP: () => ({ verb: 'HELP' }),
  VRFY: (argument) => ({ verb: 'VRFY', argument }),
  EXPN: () => ({ verb: 'EXPN' }),
}

/** The verb of a line in upper case; undefined for one that is not known here. */
export function verbOf(line: string): Verb | undefined {
  const end = line.indexOf(' ')
  const word = (end === -1 ? line : line.slice(0, end)).toUpperCase()
  return Object.hasOwn(readers, word) ? (word as Verb) : undefined
}

/** Reads a line without its CRLF. @throws {SmtpRefusal} with the reply the client must get. */
export function parseCommand(line: string): Command {
  const verb = verbOf(line)
  if (verb === undefined) throw new SmtpRefusal(500, '5.5.1', 'Command not known')
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw new SmtpRefusal(500, '5.5.2', 'Control characters in a command')
  return readers[verb](line.slice(verb.length).trimEnd())
}

function parseHello(verb: 'EHLO' | 'HELO', argument: string): Command {
  const hello = argument.trim()
  if (hello === '' || hello.length > 255 || !/^[\x21-\x7e]+$/.test(hello)) throw new SmtpRefusal(501, '5.5.4', `${verb} needs your host name`)
  return { verb, hello }
}

function parseMail(argument: string): Command {
  const found = parsePath(behindWord(argument, 'FROM:'))
  if (found === undefined || found.path.address === 'postmaster') throw new SmtpRefusal(501, '5.1.7', 'Syntax: MAIL FROM:<address>')
  return { verb: 'MAIL', path: found.path, parameters: parseMailParameters(found.rest) }
}

function parseRcpt(argument: string): Command {
  const found = parsePath(behindWord(argument, 'TO:'))
  if (found === undefined || found.path.address === '') throw new SmtpRefusal(501, '5.1.3', 'Syntax: RCPT TO:<address>')
  return { verb: 'RCPT', path: found.path, parameters: parseRcptParameters(found.rest) }
}

/** RFC 5321 §4.1.1.11 has no space behind the colon; too many clients put one for us to refuse it. */
function behindWord(argument: string, word: string): string {
  const text = argument.trimStart()
  return text.slice(0, word.length).toUpperCase() === word ? text.slice(word.length).trimStart() : ''
}

// RFC 3030 §2
function parseBdat(argument: string): Command {
  const [, digits, last] = /^ +(\d{1,15})( +LAST)?$/i.exec(argument) ?? []
  // What follows cannot be told from commands when its length is not known: the connection must end.
  if (digits === undefined) throw new SmtpRefusal(501, '5.5.4', 'Syntax: BDAT size [LAST]', 'close')
  return { verb: 'BDAT', sizeBytes: Number(digits), last: last !== undefined }
}

// RFC 4954 §4
function parseAuth(argument: string): Command {
  const [, mechanism, initial] = /^ +([A-Za-z0-9_-]{1,20})(?: +(\S+))?$/.exec(argument) ?? []
  if (mechanism === undefined) throw new SmtpRefusal(501, '5.5.4', 'Syntax: AUTH mechanism [initial-response]')
  return { verb: 'AUTH', mechanism: mechanism.toUpperCase(), initial: initial === '=' ? '' : initial }
}

function bareCommand(verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS', argument: string): Command {
  if (argument.trim() !== '') throw new SmtpRefusal(501, '5.5.4', `${verb} takes no parameter`)
  return { verb }
}
