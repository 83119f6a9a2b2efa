/** What the client's address is called, and whether the name means the address (forward-confirmed reverse DNS). */
import { normalizeIp } from '#lib/base/ip.ts'
import type { Resolver } from '#lib/base/dns.ts'
import type { ClientFacts } from '#lib/formats/spam/facts.ts'

/** Names of one address that are followed; honest clients have one. */
const mostNames = 4

/** Never throws; what DNS could not say is `unknown`. */
export async function nameClient(resolver: Resolver, address: string): Promise<NonNullable<ClientFacts['ptr']>> {
  const names = await resolver.ptr(address)
  if (names.status === 'failed') return { status: 'unknown' }
  if (names.status !== 'found') return { status: 'none' }
  const own = normalizeIp(address)
  const ask = own.includes(':') ? (name: string) => resolver.aaaa(name) : (name: string) => resolver.a(name)
  const candidates = names.records.slice(0, mostNames).map((name) => name.replace(/\.$/, ''))
  const answers = await Promise.all(candidates.map(async (name) => ({ name, answer: await ask(name) })))
  const confirmed = answers.find(({ answer }) => answer.status === 'found' && answer.records.some((record) => normalizeIp(record) === own))
  if (confirmed !== undefined) return { status: 'confirmed', name: confirmed.name }
  if (answers.some(({ answer }) => answer.status === 'failed')) return { status: 'unknown' }
  return { status: 'unconfirmed', name: candidates[0] ?? '' }
}
