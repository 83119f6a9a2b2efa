/** Sets of IP addresses as settings name them: single ones and CIDR ranges, IPv4 and IPv6 apart. */
import { normalizeIp, parseIp } from './ip.ts'

interface Range {
  readonly octets: Uint8Array
  readonly bits: number
}

/** Addresses and CIDR ranges, asked by address. @throws for what is neither. */
export function makeAddressSet(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map(parseRange)
  if (parsed.length === 0) return () => false
  return (address) => {
    const octets = parseIp(normalizeIp(address))
    return octets !== undefined && parsed.some((range) => isWithin(octets, range))
  }
}

function parseRange(range: string): Range {
  const [text = '', prefix, extra] = range.split('/')
  const octets = parseIp(normalizeIp(text))
  const most = (octets?.length ?? 0) * 8
  if (octets === undefined || extra !== undefined || (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= most))) {
    throw new Error(`"${range}" is neither an IP address nor a CIDR range`)
  }
  return { octets, bits: prefix === undefined ? most : Number(prefix) }
}

function isWithin(address: Uint8Array, { octets, bits }: Range): boolean {
  if (address.length !== octets.length) return false
  return octets.every((octet, index) => {
    const counted = Math.min(8, Math.max(0, bits - index * 8))
    return (octet ^ (address[index] ?? 0)) >> (8 - counted) === 0
  })
}
