/** What a server offers in its answer to EHLO, RFC 5321 §4.1.1.1, each keyword by its own RFC. */
import type { Reply } from './reply.ts'

export interface Capabilities {
  /** What the server calls itself, in lower case. */
  readonly hostname: string
  readonly startTls: boolean
  readonly pipelining: boolean
  readonly eightBitMime: boolean
  readonly smtpUtf8: boolean
  readonly dsn: boolean
  readonly requireTls: boolean
  readonly size: boolean
  /** Undefined when the server tells none. */
  readonly maxSizeBytes: number | undefined
  /** SASL mechanisms in upper case. */
  readonly auth: readonly string[]
  readonly limits: Limits
}

/** RFC 9422 §4 */
export interface Limits {
  readonly rcptMax?: number
  readonly mailMax?: number
  readonly rcptDomainMax?: number
}

/** More keywords than any server has: what lies beyond is not looked at. */
const maxKeywords = 200

/** Of a positive reply to EHLO; a reply to HELO offers nothing, whatever its lines say. */
export function parseCapabilities(reply: Reply, extended: boolean): Capabilities {
  const [greeting = '', ...lines] = reply.lines
  const words = new Map<string, string>()
  for (const line of extended ? lines.slice(0, maxKeywords) : []) {
    // `AUTH=LOGIN` is the old spelling that some servers still have beside the right one.
    const [, keyword, parameters = ''] = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/.exec(line.trim()) ?? []
    if (keyword === undefined) continue
    const name = keyword.toUpperCase()
    words.set(name, words.has(name) ? `${words.get(name) ?? ''} ${parameters}` : parameters)
  }
  return {
    hostname: (greeting.trim().split(/\s/, 1)[0] ?? '').toLowerCase(),
    startTls: words.has('STARTTLS'),
    pipelining: words.has('PIPELINING'),
    eightBitMime: words.has('8BITMIME'),
    smtpUtf8: words.has('SMTPUTF8'),
    dsn: words.has('DSN'),
    requireTls: words.has('REQUIRETLS'),
    size: words.has('SIZE'),
    maxSizeBytes: sizeOf(words.get('SIZE')),
    auth: [...new Set((words.get('AUTH') ?? '').toUpperCase().split(/\s+/))].filter((word) => word !== ''),
    limits: limitsOf(words.get('LIMITS') ?? ''),
  }
}

/** RFC 1870 §4: 0, like no number, means that there is no fixed limit. */
function sizeOf(parameter: string | undefined): number | undefined {
  const [digits] = /^\d{1,15}/.exec(parameter?.trim() ?? '') ?? []
  return digits === undefined || Number(digits) === 0 ? undefined : Number(digits)
}

// RFC 9422 §4.1: a limit is a number from 1 on; what is malformed or unknown is passed over.
function limitsOf(parameters: string): Limits {
  const limits = new Map([...parameters.matchAll(/(?<=^| )([A-Z]+)=([1-9]\d{0,5})(?= |$)/gi)].map(([, name = '', digits]) => [name.toUpperCase(), Number(digits)]))
  const [rcptMax, mailMax, rcptDomainMax] = [limits.get('RCPTMAX'), limits.get('MAILMAX'), limits.get('RCPTDOMAINMAX')]
  return { ...(rcptMax === undefined ? {} : { rcptMax }), ...(mailMax === undefined ? {} : { mailMax }), ...(rcptDomainMax === undefined ? {} : { rcptDomainMax }) }
}
