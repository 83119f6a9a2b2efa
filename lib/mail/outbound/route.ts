/**
 * From a domain to the hosts that take its mail, RFC 5321 §5.1, or to why there are none.
 *
 * Invariants: a fault of DNS is never taken for "there is none"; we never deliver to ourselves; hosts come in the order in which
 * they are to be tried; an address that is not public is none, unless the setting says so.
 */
import type { DnsAnswer, MxRecord, Resolver } from '#lib/base/dns.ts'
import { normalizeIp, parseIp } from '#lib/base/ip.ts'
import type { Config } from '#lib/config.ts'
import { parseDomain } from '#lib/formats/address/domain.ts'
import { parseAddressLiteral } from '#lib/formats/smtp/path.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import type { Destination } from '#lib/mail/transit/note.ts'
import { ownFinding } from './outcome.ts'
import type { Finding } from './outcome.ts'
import { isPublicAddress } from './reachable.ts'

export interface RouteDeps {
  readonly resolver: Resolver
  readonly hostname: string
  readonly settings: Pick<Config['outbound'], 'port' | 'allowLoopback' | 'ipv6' | 'maxHosts'>
  /** 0 <= n < 1; shuffles hosts of one preference. */
  readonly random: () => number
}

export type Route = { readonly destination: Destination } | { readonly finding: Finding }

type Host = Destination['hosts'][number]

/** By the domain's MX, its own address, or the address that it is. `domain` as it stands in the envelope. */
export async function routeDomain(deps: RouteDeps, domain: string): Promise<Route> {
  if (domain.startsWith('[')) return routeLiteral(deps, domain)
  const name = parseDomain(domain)
  if (name === undefined) return { finding: ownFinding('failed', '5.1.2', `${domain} is no domain name`) }
  const answer = await deps.resolver.mx(name)
  if (answer.status === 'failed') return { finding: dnsFailed(`MX of ${name}`, answer.reason) }
  if (answer.status === 'found') return await routeByMx(deps, name, answer.records)
  // RFC 5321 §5.1: no MX means that the domain is its own host. Some servers say "no such name" when only the MX is missing.
  return await routeByHosts(deps, name, [name], answer.status === 'no-name' ? { code: '5.1.2', words: `the domain ${name} does not exist` } : { code: '5.4.4', words: `the domain ${name} has neither MX nor address` })
}

async function routeByMx(deps: RouteDeps, domain: string, records: readonly MxRecord[]): Promise<Route> {
  // RFC 7505 §3: a null MX beside others is a mistake and counts for nothing.
  const real = records.filter(({ exchange }) => exchange !== '' && exchange !== '.')
  if (real.length === 0) return { finding: ownFinding('failed', '5.1.10', `${domain} takes no mail (null MX)`) }
  const ours = Math.min(...real.filter(({ exchange }) => isOurs(deps, exchange)).map(({ priority }) => priority))
  // RFC 5321 §5.1: where we are an MX ourselves, mail goes to those preferred to us only.
  const names = inOrder(real.filter(({ priority }) => priority < ours), deps.random)
  if (names.length === 0) return { finding: ownFinding('failed', '5.4.6', `mail for ${domain} loops back to this server`) }
  return await routeByHosts(deps, domain, names.slice(0, deps.settings.maxHosts), { code: '5.4.4', words: `no MX of ${domain} has an address` })
}

function inOrder(records: readonly MxRecord[], random: () => number): string[] {
  const drawn = records.map((record) => ({ ...record, draw: random() }))
  drawn.sort((a, b) => a.priority - b.priority || a.draw - b.draw)
  return [...new Set(drawn.map(({ exchange }) => exchange.toLowerCase()))]
}

async function routeByHosts(deps: RouteDeps, domain: string, names: readonly string[], none: { readonly code: string; readonly words: string }): Promise<Route> {
  if (names.every((name) => isOurs(deps, name))) return { finding: ownFinding('failed', '5.4.6', `mail for ${domain} loops back to this server`) }
  const found = await Promise.all(names.map((name) => addressesOf(deps, name)))
  const hosts = found.flatMap(({ addresses }, i): Host[] => (addresses.length === 0 ? [] : [{ name: names[i] ?? domain, addresses, port: deps.settings.port }]))
  if (hosts.length > 0) return { destination: { key: [...names].sort().join(','), hosts, via: 'mx', domain } }
  const failed = found.find(({ fault }) => fault !== undefined)
  if (failed?.fault !== undefined) return { finding: dnsFailed(`addresses of ${names.join(', ')}`, failed.fault) }
  if (found.some(({ refused }) => refused)) return { finding: ownFinding('failed', '5.4.4', `${domain} leads to addresses that are not of the public Internet`) }
  return { finding: ownFinding('failed', none.code, none.words) }
}

/** RFC 5321 §4.1.3 */
function routeLiteral(deps: RouteDeps, domain: string): Route {
  const literal = parseAddressLiteral(domain)
  if (literal === undefined) return { finding: ownFinding('failed', '5.1.2', `${domain} is no address literal`) }
  const address = normalizeIp(literal)
  if (!deps.settings.allowLoopback && !isPublicAddress(address)) return { finding: ownFinding('failed', '5.4.4', `${domain} is no address of the public Internet`) }
  return { destination: { key: `[${address}]`, hosts: [{ name: `[${address}]`, addresses: [address], port: deps.settings.port }], via: 'literal', domain } }
}

/** Everything that users of `senderDomain` send to others. The operator named it, so any address will do. */
export async function routeBySmarthost(deps: RouteDeps, senderDomain: string, { host, port }: Smarthost): Promise<Route> {
  const settings = { ...deps.settings, allowLoopback: true }
  const { addresses, fault } = parseIp(host) === undefined ? await addressesOf({ ...deps, settings }, host) : { addresses: [host] }
  // Another domain's credentials are not for this one, so they share no connection.
  if (addresses.length > 0) return { destination: { key: `${host}:${port} for ${senderDomain}`, hosts: [{ name: host, addresses, port }], via: 'smarthost', domain: senderDomain } }
  // A name that is missing is most likely a mistake of the operator's, who can mend it while the mail waits.
  return { finding: fault === undefined ? ownFinding('deferred', '4.4.4', `the smarthost ${host} of ${senderDomain} has no address`) : dnsFailed(`addresses of the smarthost ${host}`, fault) }
}

interface Addresses {
  readonly addresses: readonly string[]
  readonly fault?: string
  /** There were some, none of them public. */
  readonly refused?: boolean
}

async function addressesOf({ resolver, settings, random }: RouteDeps, name: string): Promise<Addresses> {
  const [v4, v6] = await Promise.all([resolver.a(name), settings.ipv6 === 'off' ? none : resolver.aaaa(name)])
  const lists = (settings.ipv6 === 'first' ? [v6, v4] : [v4, v6]).map((answer) => (answer.status === 'found' ? shuffled(answer.records, random) : []))
  const all = lists.flat().map(normalizeIp)
  const addresses = settings.allowLoopback ? all : all.filter(isPublicAddress)
  const fault = [v4, v6].find((answer) => answer.status === 'failed')
  if (addresses.length === 0 && fault?.status === 'failed') return { addresses, fault: fault.reason }
  return { addresses, refused: all.length > addresses.length }
}

const none: DnsAnswer<string> = { status: 'no-data' }

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, draw: random() })).sort((a, b) => a.draw - b.draw).map(({ item }) => item)
}

function isOurs({ hostname }: RouteDeps, name: string): boolean {
  return name.toLowerCase().replace(/\.$/, '') === hostname.toLowerCase()
}

// RFC 3463 §3.5: 4.4.3 directory server failure.
function dnsFailed(what: string, reason: string): Finding {
  return ownFinding('deferred', '4.4.3', `DNS does not tell the ${what}: ${reason}`)
}
