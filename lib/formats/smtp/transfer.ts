/** MAIL and RCPT as a client writes them, with the parameters of what the server offers. */
import { domainToASCII } from 'node:url'
import type { Capabilities } from './capabilities.ts'
import { parseMailbox } from './path.ts'
import { encodeXtext } from './xtext.ts'

/** What MAIL tells of a message; '' is the null reverse path. */
export interface MailFacts {
  readonly mailFrom: string
  readonly sizeBytes: number
  readonly ret?: 'FULL' | 'HDRS'
  readonly envid?: string
  readonly requireTls?: boolean
  /** Has octets above 127 in its body, or was said to have. */
  readonly eightBit: boolean
  /** Cannot go without SMTPUTF8, or was handed in with it. */
  readonly utf8: boolean
}

export interface RcptFacts {
  readonly address: string
  readonly notify?: readonly string[]
  /** `type;address`, decoded. */
  readonly orcpt?: string
}

type Offer = Pick<Capabilities, 'size' | 'eightBitMime' | 'smtpUtf8' | 'dsn' | 'requireTls'>

/** Without CRLF. */
export function formatMail(facts: MailFacts, offer: Offer): string {
  const utf8 = facts.utf8 && offer.smtpUtf8
  return [
    `MAIL FROM:<${spelled(facts.mailFrom, utf8)}>`,
    // RFC 1870 §6
    ...(offer.size ? [`SIZE=${facts.sizeBytes}`] : []),
    // RFC 6152 §2, RFC 6531 §3.6: SMTPUTF8 brings 8BITMIME along.
    ...(facts.eightBit && offer.eightBitMime ? ['BODY=8BITMIME'] : []),
    ...(utf8 ? ['SMTPUTF8'] : []),
    // RFC 8689 §4.1
    ...(facts.requireTls === true && offer.requireTls ? ['REQUIRETLS'] : []),
    // RFC 3461 §5.2.1
    ...(offer.dsn && facts.ret !== undefined ? [`RET=${facts.ret}`] : []),
    ...(offer.dsn && facts.envid !== undefined && (utf8 || isAscii(facts.envid)) ? [`ENVID=${encodeXtext(facts.envid)}`] : []),
  ].join(' ')
}

/** Without CRLF. */
export function formatRcpt(facts: RcptFacts, offer: Pick<Offer, 'dsn'>, utf8: boolean): string {
  const orcpt = facts.orcpt === undefined ? undefined : formatOrcpt(facts.orcpt, utf8)
  return [
    `RCPT TO:<${spelled(facts.address, utf8)}>`,
    ...(offer.dsn && facts.notify !== undefined && facts.notify.length > 0 ? [`NOTIFY=${facts.notify.join(',')}`] : []),
    ...(offer.dsn && orcpt !== undefined ? [`ORCPT=${orcpt}`] : []),
  ].join(' ')
}

/** Whether the local part can be said in ASCII; the domain always can, in A-labels. */
export function needsUtf8(address: string): boolean {
  return /[^\x00-\x7f]/.test(address.slice(0, address.lastIndexOf('@') + 1))
}

/** Whether it is a path at all: what is not could end the line or the command, and is never sent. */
export function isSendable(address: string): boolean {
  return address === '' || (address.includes('@') && parseMailbox(address) !== undefined)
}

const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

function spelled(address: string, utf8: boolean): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  if (utf8 || at < 0 || !/[^\x00-\x7f]/.test(domain)) return address
  return `${address.slice(0, at)}@${domainToASCII(domain) || domain}`
}

/** RFC 6533 §3: where UTF-8 cannot go, the utf-8 type writes its characters as `\x{20AC}`. */
function formatOrcpt(orcpt: string, utf8: boolean): string | undefined {
  const semicolon = orcpt.indexOf(';')
  const [type, address] = [orcpt.slice(0, semicolon), orcpt.slice(semicolon + 1)]
  if (type.toLowerCase() !== 'utf-8') return utf8 || isAscii(address) ? `${type};${encodeXtext(address)}` : undefined
  const escape = (char: string) => `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}}`
  const plain = utf8 ? address.replace(/[\\+=\x00-\x20\x7f]/gu, escape) : address.replace(/[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu, escape)
  return `${type};${plain}`
}
