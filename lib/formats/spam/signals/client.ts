/** Who connected. */
import type { ClientFacts, MessageFacts } from '../facts.ts'
import type { Signal } from './signal.ts'

function client(test: (client: ClientFacts, facts: MessageFacts) => boolean): (facts: MessageFacts) => boolean {
  return (facts) => facts.client !== undefined && test(facts.client, facts)
}

/** The address's digits in the name, or words for lines that are given out to customers. */
function isGeneric(name: string, address: string): boolean {
  const octets = address.split('.')
  const joined = octets.length === 4 && [octets.join('[.-]'), [...octets].reverse().join('[.-]')].some((run) => new RegExp(`(^|[^0-9])0*${run.replaceAll('[.-]', '[.-]0*')}([^0-9]|$)`).test(name))
  return joined || /(^|[.-])(dyn|dynamic|dhcp|dsl|adsl|pool|ppp|dial(up|in)?|cable|customer|client|broadband|home|static-?ip)[\d.-]/i.test(name)
}

export const clientSignals: readonly Signal[] = [
  { name: 'PTR_MISSING', points: 1.5, holds: client(({ ptr }) => ptr?.status === 'none') },
  { name: 'PTR_UNCONFIRMED', points: 1, holds: client(({ ptr }) => ptr?.status === 'unconfirmed') },
  { name: 'PTR_GENERIC', points: 1.2, holds: client(({ ptr, address }) => ptr !== undefined && 'name' in ptr && isGeneric(ptr.name.toLowerCase(), address)) },
  { name: 'HELO_BARE', points: 1, holds: client(({ hello }) => !hello.startsWith('[') && !hello.includes('.')) },
  { name: 'HELO_IP', points: 1.5, holds: client(({ hello }) => /^(\d{1,3}\.){3}\d{1,3}$/.test(hello)) },
  { name: 'HELO_OURS', points: 4, holds: client(({ hello }, { ownNames }) => ownNames.some((name) => name.toLowerCase() === hello.toLowerCase())) },
]
