/** The Received line a server adds, RFC 5321 §4.4, and the count of those that stand there already. */
import { formatDate } from '#lib/formats/compose/date.ts'
import { pathLimits } from './path.ts'

export interface ReceivedFacts {
  /** Its name as it gave it, and its textual IP address; absent where readers shall not learn where a user was. */
  readonly client?: { readonly hello: string; readonly address: string } | undefined
  readonly hostname: string
  readonly protocol: ReceivedProtocol
  readonly tls?: { readonly version: string; readonly cipher: string } | undefined
  readonly queueId: string
  /** Only when the message has just one: others must not learn of each other. */
  readonly recipient?: string | undefined
  /** ms since 1970 */
  readonly at: number
}

export interface ReceivedProtocol {
  readonly extended: boolean
  readonly utf8: boolean
  readonly tls: boolean
  readonly authenticated: boolean
}

/** RFC 3848 §2, RFC 6531 §4.3 */
export function protocolWord({ extended, utf8, tls, authenticated }: ReceivedProtocol): string {
  if (!extended) return 'SMTP'
  return `${utf8 ? 'UTF8SMTP' : 'ESMTP'}${tls ? 'S' : ''}${authenticated ? 'A' : ''}`
}

/** The whole field with its CRLF. */
export function formatReceived(facts: ReceivedFacts): string {
  const { client, tls, recipient } = facts
  const from = client === undefined ? '' : `from ${helloWord(client.hello)} (${literal(client.address)})\r\n\t`
  const secured = tls === undefined ? '' : ` (${tls.version} ${tls.cipher})`
  const whom = recipient === undefined ? '' : `\r\n\tfor <${recipient}>`
  return `Received: ${from}by ${facts.hostname} with ${protocolWord(facts.protocol)}${secured}\r\n\tid ${facts.queueId}${whom};\r\n\t${formatDate(facts.at)}\r\n`
}

const literal = (address: string): string => (address.includes(':') ? `[IPv6:${address}]` : `[${address}]`)

/** What the client called itself must not be able to write header fields, comments or a false `by`. */
function helloWord(hello: string): string {
  const safe = hello.replace(/[^A-Za-z0-9.:[\]_-]/g, '?').slice(0, pathLimits.domainBytes)
  return safe === '' ? 'unknown' : safe
}

/** How often the message was received already: fields at the head of `octets`, which may be cut anywhere. RFC 5321 §6.3 */
export function countReceived(octets: Buffer): number {
  const end = octets.indexOf('\r\n\r\n')
  const header = octets.toString('latin1', 0, end === -1 ? octets.length : end)
  return header.match(/^received:/gim)?.length ?? 0
}
