/**
 * Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3) until the client has enabled IMAP4rev2,
 * UTF-8 from then on (RFC 9051 §5.1). Inside, names are text in NFC with `/` between the levels.
 */
import type { Lexer } from './lexer.ts'
import { isAscii } from './lexer.ts'
import { bad, no } from './refusal.ts'
import { writeAstring, writeUtf8Quoted } from './write.ts'

export const hierarchySeparator = '/'

export type NameEncoding = 'utf7' | 'utf8'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads a mailbox argument. INBOX as the first level comes back in capitals, whatever its case. */
export function parseMailbox(lexer: Lexer, encoding: NameEncoding): string {
  return decodeMailboxName(lexer.astring('a mailbox name'), encoding)
}

export function decodeMailboxName(octets: string, encoding: NameEncoding): string {
  return decodeName(octets, encoding).normalize('NFC').replace(/^inbox(?=\/|$)/i, 'INBOX')
}

function decodeName(octets: string, encoding: NameEncoding): string {
  if (!isAscii(octets)) return decodeUtf8(octets)
  return encoding === 'utf7' && octets.includes('&') ? decodeUtf7(octets) : octets
}

function decodeUtf8(octets: string): string {
  try {
    return strictUtf8.decode(Buffer.from(octets, 'latin1'))
  } catch {
    throw no('The mailbox name is neither modified UTF-7 nor UTF-8', 'CANNOT')
  }
}

function decodeUtf7(octets: string): string {
  return octets.replaceAll(/&([^-&]*)(-?)/g, (_, coded: string, end: string) => {
    if (end === '') throw no('The mailbox name is not modified UTF-7', 'CANNOT')
    return coded === '' ? '&' : decodeShifted(coded)
  })
}

function decodeShifted(coded: string): string {
  if (!/^[A-Za-z0-9+,]+$/.test(coded)) throw no('The mailbox name is not modified UTF-7', 'CANNOT')
  const bytes = Buffer.from(coded.replaceAll(',', '/'), 'base64')
  let text = ''
  for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes.readUInt16BE(at))
  if (text === '' || !text.isWellFormed()) throw no('The mailbox name is not modified UTF-7', 'CANNOT')
  return text
}

export function encodeMailboxName(name: string, encoding: NameEncoding): string {
  return encoding === 'utf8' ? Buffer.from(name, 'utf8').toString('latin1') : encodeUtf7(name)
}

function encodeUtf7(name: string): string {
  return name.replaceAll('&', '&-').replaceAll(/[^\x20-\x7e]+/g, (run) => {
    const bytes = Buffer.alloc(run.length * 2)
    for (let at = 0; at < run.length; at++) bytes.writeUInt16BE(run.charCodeAt(at), at * 2)
    return `&${bytes.toString('base64').replaceAll('=', '').replaceAll('/', ',')}-`
  })
}

/** The name as an astring of a response. */
export function writeMailbox(name: string, encoding: NameEncoding): string {
  const octets = encodeMailboxName(name, encoding)
  return encoding === 'utf8' && !isAscii(octets) ? writeUtf8Quoted(octets) : writeAstring(octets)
}

/** What may be created: RFC 9051 §5.1 and RFC 5198 §2 (no control characters, no line separators). */
export function checkNewMailboxName(name: string): void {
  if (name === '') throw bad('The mailbox name is empty')
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(name)) throw no('A mailbox name cannot hold control characters', 'CANNOT')
  if (/[%*]/.test(name)) throw no('A mailbox name cannot hold wildcards', 'CANNOT')
  if (name.split(hierarchySeparator).some((level) => level.trim() === '')) throw no('A level of the mailbox name is empty', 'CANNOT')
}
