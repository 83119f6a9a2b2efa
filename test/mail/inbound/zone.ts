/** A resolver over a table of records, as the suites of the corpus write them. */
import { parseIp } from '#lib/base/ip.ts'
import type { DnsAnswer, MxRecord, Resolver } from '#lib/base/dns.ts'

export type ZoneRecord = 'TIMEOUT' | { readonly [type: string]: string | readonly [number, string] | readonly string[] }
export type Zone = Readonly<Record<string, readonly ZoneRecord[]>>

export function reverseName(address: string): string {
  const octets = parseIp(address)
  if (octets === undefined) throw new Error(`${address} is no address`)
  if (octets.length === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa`
  const digits = Buffer.from(octets).toString('hex').split('').reverse()
  return `${digits.join('.')}.ip6.arpa`
}

/** `asked` gets every question, in order. */
export function zoneResolver(zone: Zone, asked: string[] = []): Resolver {
  const names = new Map(Object.entries(zone).map(([name, records]) => [name.toLowerCase().replace(/\.$/, ''), records]))
  const find = <T>(type: string, name: string, read: (value: NonNullable<Exclude<ZoneRecord, 'TIMEOUT'>[string]>) => T, depth = 0): DnsAnswer<T> => {
    if (depth === 0) asked.push(`${type} ${name}`)
    const records = names.get(name.toLowerCase().replace(/\.$/, ''))
    if (records === undefined) return { status: 'no-name' }
    const texts = records.flatMap((record) => (record === 'TIMEOUT' ? [] : [record]))
    const values = texts.flatMap((record) => (record[type] === undefined ? [] : [record[type]]))
    if (values.length > 0) return { status: 'found', records: values.map(read) }
    const alias = texts.find((record) => record['CNAME'] !== undefined)?.['CNAME']
    if (typeof alias === 'string' && depth < 10) return find(type, alias, read, depth + 1)
    return records.includes('TIMEOUT') ? { status: 'failed', reason: 'timeout' } : { status: 'no-data' }
  }
  const text = (value: unknown): string => (Array.isArray(value) ? value.join('') : String(value))
  return {
    mx: async (name) => find<MxRecord>('MX', name, (value) => ({ priority: Number(value[0]), exchange: String(value[1]) })),
    a: async (name) => find('A', name, text),
    aaaa: async (name) => find('AAAA', name, text),
    txt: async (name) => find('TXT', name, text),
    ptr: async (address) => find('PTR', reverseName(address), text),
  }
}
