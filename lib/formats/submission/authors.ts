/**
 * In whose name a message is written: the addresses of From and Sender, read so strictly that no other reader finds another
 * address in them. What programs of today write passes. Text is latin1: one character an octet.
 */
import { formatLocalPart } from '#lib/formats/address/localPart.ts'
import { parseAddressList } from '#lib/formats/message/address.ts'
import type { HeaderField } from './header.ts'

export type FromFault = 'several-fields' | 'malformed'

/**
 * The addresses of the From field, `local@domain` in UTF-8; none when there is no such field.
 * A mailbox without a domain is a fault, for nobody can say whose it is; so is what two readers might read differently.
 */
export function readFrom(fields: readonly HeaderField[]): readonly string[] | FromFault {
  const present = fields.filter((field) => isNamed(field, 'from') && !isBlank(field))
  if (present.length > 1) return 'several-fields'
  return present[0] === undefined ? [] : addressesOf(present[0])
}

/** The address of the Sender field alone; none when there is no such field, or one that names no address at all. */
export function readSender(fields: readonly HeaderField[]): readonly string[] | 'malformed' {
  const present = fields.filter((field) => isNamed(field, 'sender') && field.value.includes('@'))
  const [field] = present
  if (field === undefined) return []
  const addresses = addressesOf(field)
  return present.length > 1 || (addresses !== 'malformed' && addresses.length > 1) ? 'malformed' : addresses
}

function addressesOf({ value }: HeaderField): string[] | 'malformed' {
  // Exotic white space is none to RFC 5322, and stands in no address of ours.
  const text = Buffer.from(value, 'latin1').toString().replace(/[^\S \t\r\n]/g, '?')
  if (!isPlain(text)) return 'malformed'
  // Groups (RFC 6854 §4) have neither mailbox nor host at their end, and no host at their beginning.
  const addresses = parseAddressList(text).filter(({ host }) => host !== null)
  if (addresses.length === 0 || addresses.some(({ mailbox, host }) => !mailbox || !host)) return 'malformed'
  return addresses.map(({ mailbox, host }) => `${formatLocalPart(mailbox ?? '')}@${host ?? ''}`)
}

// Without white space inside, the local part in one piece. A NUL stands for a quoted string. RFC 5322 §3.4.1
const plainAddress = String.raw`(?:\0|[^ \t\r\n<>:@\\\0]+)@(?:\[[A-Za-z0-9:.]+\]|[^ \t\r\n<>:@\\\0]+)`
const plainItem = new RegExp(String.raw`^(?:[ \t\r\n]*|[^<>\\]*<[ \t\r\n]*${plainAddress}[ \t\r\n]*>[ \t\r\n]*|[ \t\r\n]*${plainAddress}[ \t\r\n]*)$`)

/**
 * Every address in the form that all readers understand alike: brackets, quotes and comments in pairs, no white space in
 * the address, nothing behind `>`. A reader who mends what is not so may see another address than we do.
 */
function isPlain(value: string): boolean {
  const text = withoutText(value)
  // A group has a name with a colon before its addresses.
  return text !== undefined && text.split(/[,;]/).every((item) => plainItem.test(item.replace(/^[^<>[:@]*:/, '')))
}

/** Without comments, which may be nested (RFC 5322 §3.2.2), and with NUL for each quoted string; undefined when one of them does not end. */
function withoutText(value: string): string | undefined {
  if (value.includes('\0')) return undefined
  if (!/[()"]/.test(value)) return value
  const quoted = /"(?:[^"\\]|\\[^])*"/y
  let depth = 0
  let text = ''
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at)
    if (char === '"') {
      quoted.lastIndex = at
      const whole = quoted.exec(value)
      // Inside a comment it is no quote, but many a reader takes it for one.
      if (whole === null || depth > 0) return undefined
      text += '\0'
      at += whole[0].length - 1
    } else if (char === '\\' && depth > 0) at++
    else if (char === '(') depth++
    else if (char === ')') {
      if (--depth < 0) return undefined
      text += ' '
    } else if (depth === 0) text += char
  }
  return depth === 0 ? text : undefined
}

export function isNamed(field: HeaderField, name: string): boolean {
  return field.name.trimEnd().toLowerCase() === name
}

export function isBlank({ value }: HeaderField): boolean {
  return /^[ \t\r\n]*$/.test(value)
}
