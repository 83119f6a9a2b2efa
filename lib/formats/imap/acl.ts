/** SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS with their responses: RFC 4314. */
import { isAscii, utf8Text } from './lexer.ts'
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox, writeMailbox } from './mailboxName.ts'
import { bad } from './refusal.ts'
import { writeAstring, writeUtf8Quoted } from './write.ts'

export interface AclChange {
  readonly action: 'add' | 'remove' | 'replace'
  /** Without the virtual rights `c` and `d`, which are spelled out. */
  readonly rights: string
}

export interface SetAcl extends AclChange {
  readonly name: string
  readonly identifier: string
}

/** RFC 4314 §2.1 */
const rights = 'lrswipkxtea'
/** RFC 4314 §2.1.1: rights of the older RFC 2086, each of which stands for newer ones. */
const virtual: Readonly<Record<string, string>> = { c: 'kx', d: 'et' }

export function parseSetAcl(lexer: Lexer, encoding: NameEncoding): SetAcl {
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  lexer.space()
  const identifier = parseIdentifier(lexer)
  lexer.space()
  const change = readRights(lexer.astring('rights'))
  lexer.end()
  return { name, identifier, ...change }
}

/** DELETEACL and LISTRIGHTS. */
export function parseIdentified(lexer: Lexer, encoding: NameEncoding): { name: string; identifier: string } {
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  lexer.space()
  const identifier = parseIdentifier(lexer)
  lexer.end()
  return { name, identifier }
}

/** RFC 4314 §3: what is no identifier at all is a bad command. */
function parseIdentifier(lexer: Lexer): string {
  const identifier = utf8Text(lexer.astring('an identifier')).normalize('NFC')
  if (identifier.trim() === '' || identifier === '-' || identifier.length > 512 || /[\p{Cc}\ufffd]/u.test(identifier)) throw bad('This can be no identifier')
  return identifier
}

/** `lrs`, `+i`, `-w`. @throws bad */
export function readRights(text: string): AclChange {
  const [, sign = '', letters = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  let given = ''
  for (const letter of letters) {
    // RFC 4314 §3.1: capitals and unknown rights are never passed over.
    if (!rights.includes(letter) && virtual[letter] === undefined) throw bad(/[\x21-\x7e]/.test(letter) ? `There is no right ${letter}` : 'There is no such right')
    given += virtual[letter] ?? letter
  }
  return { action: sign === '+' ? 'add' : sign === '-' ? 'remove' : 'replace', rights: given }
}

/** RFC 4314 §2.1.1: with the virtual rights, which older clients look for. */
function withVirtual(given: string): string {
  return given + Object.entries(virtual).map(([letter, members]) => ([...members].some((member) => given.includes(member)) ? letter : '')).join('')
}

function writeIdentifier(identifier: string): string {
  const octets = Buffer.from(identifier, 'utf8').toString('latin1')
  return isAscii(octets) ? writeAstring(octets) : writeUtf8Quoted(octets)
}

function writeRights(given: string): string {
  return given === '' ? '""' : withVirtual(given)
}

export function writeAcl(name: string, acl: readonly (readonly [identifier: string, rights: string])[], encoding: NameEncoding): string {
  return `* ACL ${writeMailbox(name, encoding)}${acl.map(([identifier, given]) => ` ${writeIdentifier(identifier)} ${writeRights(given)}`).join('')}\r\n`
}

export function writeMyRights(name: string, given: string, encoding: NameEncoding): string {
  return `* MYRIGHTS ${writeMailbox(name, encoding)} ${writeRights(given)}\r\n`
}

/** `always` are the rights that the identifier has whatever is set; all others can be given one by one. */
export function writeListRights(name: string, identifier: string, always: string, encoding: NameEncoding): string {
  const free = [...rights].filter((right) => !always.includes(right))
  const virtuals = Object.entries(virtual).filter(([, members]) => [...members].some((member) => free.includes(member))).map(([letter]) => letter)
  return `* LISTRIGHTS ${writeMailbox(name, encoding)} ${writeIdentifier(identifier)} ${writeRights(always)}${[...free, ...virtuals].map((right) => ` ${right}`).join('')}\r\n`
}
