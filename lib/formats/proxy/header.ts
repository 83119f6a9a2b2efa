/**
 * The PROXY protocol's header, versions 1 and 2 (haproxy's proxy-protocol.txt): what a load balancer says
 * about the client before the client's own octets. Pure: octets in, value out.
 */
import { formatIp, normalizeIp, parseIp } from '#lib/base/ip.ts'

export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly reason: string }
  /** The proxy speaks for itself (a health check) or does not know: the socket's own addresses hold. */
  | { readonly kind: 'local'; readonly length: number }
  | { readonly kind: 'proxied'; readonly length: number; readonly client: Endpoint; readonly server: Endpoint }

export interface Endpoint {
  readonly address: string
  readonly port: number
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Octets of a whole version 1 line, CRLF included. */
const lineLimit = 107
/** Beyond addresses a version 2 header carries only a few short fields; a longer one is no header. */
const bodyLimit = 4096

/** Reads the header at the start of `octets`; `more` while it may still become one. */
export function parseProxyHeader(octets: Buffer): ProxyHeader {
  const begun = Math.min(octets.length, signature.length)
  if (octets.compare(signature, 0, begun, 0, begun) === 0) return octets.length < 16 ? { kind: 'more' } : parseBinary(octets)
  return parseLine(octets)
}

function parseLine(octets: Buffer): ProxyHeader {
  const word = 'PROXY '
  if (!word.startsWith(octets.toString('latin1', 0, Math.min(octets.length, word.length)))) return bad('no PROXY header')
  const end = octets.subarray(0, lineLimit).indexOf('\r\n')
  if (end === -1) return octets.length >= lineLimit ? bad('PROXY line too long') : { kind: 'more' }
  const [, family, from, to, fromPort, toPort, extra] = octets.toString('latin1', 0, end).split(' ')
  const length = end + 2
  if (family === 'UNKNOWN') return { kind: 'local', length }
  const octetCount = family === 'TCP4' ? 4 : family === 'TCP6' ? 16 : 0
  const client = endpoint(from, fromPort, octetCount)
  const server = endpoint(to, toPort, octetCount)
  if (client === undefined || server === undefined || extra !== undefined) return bad('malformed PROXY line')
  return { kind: 'proxied', length, client, server }
}

function endpoint(address: string | undefined, port: string | undefined, octetCount: number): Endpoint | undefined {
  if (address === undefined || port === undefined || !/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) return undefined
  if (address.includes('%') || parseIp(address)?.length !== octetCount) return undefined
  return { address: normalizeIp(address), port: Number(port) }
}

function parseBinary(octets: Buffer): ProxyHeader {
  const versionAndCommand = octets.readUInt8(12)
  const familyAndProtocol = octets.readUInt8(13)
  const bodyLength = octets.readUInt16BE(14)
  if (versionAndCommand >> 4 !== 2) return bad('PROXY version not 1 or 2')
  const command = versionAndCommand & 15
  if (command > 1) return bad('unknown PROXY command')
  if (bodyLength > bodyLimit) return bad('PROXY header too long')
  const length = 16 + bodyLength
  if (octets.length < length) return { kind: 'more' }
  if (command === 0) return { kind: 'local', length }
  return parseAddresses(octets.subarray(16, length), familyAndProtocol, length)
}

function parseAddresses(body: Buffer, familyAndProtocol: number, length: number): ProxyHeader {
  // 0x00 is "unspecified": the receiver keeps the real addresses. 0x11 and 0x21 are TCP over IPv4 and IPv6.
  if (familyAndProtocol === 0x00) return { kind: 'local', length }
  const octetCount = familyAndProtocol === 0x11 ? 4 : familyAndProtocol === 0x21 ? 16 : 0
  if (octetCount === 0) return bad('PROXY header for another protocol than TCP')
  if (body.length < 2 * octetCount + 4) return bad('PROXY header too short for its addresses')
  const client = { address: formatIp(body.subarray(0, octetCount)), port: body.readUInt16BE(2 * octetCount) }
  const server = { address: formatIp(body.subarray(octetCount, 2 * octetCount)), port: body.readUInt16BE(2 * octetCount + 2) }
  return { kind: 'proxied', length, client, server }
}

function bad(reason: string): ProxyHeader {
  return { kind: 'bad', reason }
}
