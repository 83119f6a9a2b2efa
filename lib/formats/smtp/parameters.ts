/** Parameters of MAIL and RCPT, each by its own RFC; an unknown one is refused (RFC 5321 §4.1.1.11). */
import { parseMailbox } from './path.ts'
import { SmtpRefusal } from './reply.ts'
import { decodeUtf8Address, decodeXtext } from './xtext.ts'

export interface MailParameters {
  size?: number
  body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  smtpUtf8?: true
  ret?: 'FULL' | 'HDRS'
  /** Decoded from its xtext. */
  envid?: string
  requireTls?: true
  /** RFC 4954 §5: who is said to have submitted it; '' for `<>`. Read, never believed. */
  auth?: string
}

export interface RcptParameters {
  notify?: ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]
  /** `type;address`, the address decoded from its xtext. */
  orcpt?: string
}

type Readers<T> = Readonly<Record<string, (parameters: T, value: string | undefined) => boolean>>

const mailReaders: Readers<MailParameters> = {
  // RFC 1870 §6
  SIZE: (p, value) => /^\d{1,20}$/.test(value ?? '') && ((p.size = Number(value)), true),
  // RFC 6152 §2, RFC 3030 §3
  BODY: (p, value) => {
    const body = value?.toUpperCase()
    if (body !== '7BIT' && body !== '8BITMIME' && body !== 'BINARYMIME') return false
    p.body = body
    return true
  },
  // RFC 6531 §3.4
  SMTPUTF8: (p, value) => value === undefined && (p.smtpUtf8 = true),
  // RFC 3461 §4.3
  RET: (p, value) => {
    const ret = value?.toUpperCase()
    if (ret !== 'FULL' && ret !== 'HDRS') return false
    p.ret = ret
    return true
  },
  // RFC 3461 §4.4
  ENVID: (p, value) => {
    const envid = value === undefined || value.length > 100 ? undefined : decodeXtext(value)
    if (envid === undefined || envid === '') return false
    p.envid = envid
    return true
  },
  // RFC 8689 §4.1
  REQUIRETLS: (p, value) => value === undefined && (p.requireTls = true),
  // RFC 4954 §5
  AUTH: (p, value) => {
    const mailbox = value === undefined ? undefined : decodeXtext(value)
    if (mailbox === undefined || (mailbox !== '<>' && parseMailbox(mailbox) === undefined)) return false
    p.auth = mailbox === '<>' ? '' : mailbox
    return true
  },
}

const rcptReaders: Readers<RcptParameters> = {
  // RFC 3461 §4.1
  NOTIFY: (p, value) => {
    const words = value?.toUpperCase().split(',') ?? []
    const known = words.filter((word) => word === 'NEVER' || word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY')
    if (known.length === 0 || known.length !== words.length || new Set(known).size !== known.length) return false
    if (known.includes('NEVER') && known.length > 1) return false
    p.notify = known
    return true
  },
  // RFC 3461 §4.2
  ORCPT: (p, value) => {
    if (value === undefined || Buffer.byteLength(value) > 500) return false
    const [, type, address] = /^([A-Za-z0-9-]{1,64});(.+)$/u.exec(value) ?? []
    const decoded = address === undefined ? undefined : decodeXtext(address)
    if (type === undefined || decoded === undefined) return false
    const plain = type.toLowerCase() === 'utf-8' ? decodeUtf8Address(decoded) : decoded
    if (plain === undefined) return false
    p.orcpt = `${type};${plain}`
    return true
  },
}

/** @throws {SmtpRefusal} 501 for a malformed or repeated parameter, 555 for an unknown one. */
export function parseMailParameters(text: string): MailParameters {
  return parseParameters(text, mailReaders, {})
}

/** @throws {SmtpRefusal} as {@link parseMailParameters}. */
export function parseRcptParameters(text: string): RcptParameters {
  return parseParameters(text, rcptReaders, {})
}

function parseParameters<T extends object>(text: string, readers: Readers<T>, parameters: T): T {
  if (text === '') return parameters
  if (!text.startsWith(' ')) throw new SmtpRefusal(501, '5.5.4', 'Syntax error behind the path')
  const seen = new Set<string>()
  for (const word of text.split(' ')) {
    if (word === '') continue
    const [, keyword, value] = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?$/u.exec(word) ?? []
    if (keyword === undefined) throw new SmtpRefusal(501, '5.5.4', 'Malformed parameter')
    const name = keyword.toUpperCase()
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (read === undefined) throw new SmtpRefusal(555, '5.5.4', `Parameter ${name} is not known here`)
    if (seen.has(name) || !read(parameters, value)) throw new SmtpRefusal(501, '5.5.4', `Bad value of ${name}`)
    seen.add(name)
  }
  return parameters
}
