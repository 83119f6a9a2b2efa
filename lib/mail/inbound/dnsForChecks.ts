/**
 * Our resolver in the shape that mailauth asks: (name, type) with errors by code.
 * Invariants: one message asks a bounded number of questions, and none of them outlives the time given for all;
 * beyond either limit a question fails for the moment, which every check reports as `temperror`.
 */
import { formatIp } from '#lib/base/ip.ts'
import type { DnsAnswer, Resolver } from '#lib/base/dns.ts'

export type AskDns = (name: string, type: string) => Promise<never>

class DnsQuestionError extends Error {
  override readonly name = 'DnsQuestionError'
  readonly code: string
  constructor(code: string, question: string) {
    super(`${code} ${question}`)
    this.code = code
  }
}

/**
 * @param expired rejects or never settles; a question still open when it settles fails with ETIMEOUT
 */
export function makeAskDns(resolver: Resolver, maxQuestions: number, expired: Promise<void>): AskDns {
  let asked = 0
  return async (name, type) => {
    const question = `${name} ${type}`
    if (++asked > maxQuestions) throw new DnsQuestionError('ESERVFAIL', question)
    const timeout = expired.then((): never => {
      throw new DnsQuestionError('ETIMEOUT', question)
    })
    // Whichever loses the race must not become an unhandled rejection.
    timeout.catch(() => undefined)
    const answer = await Promise.race([ask(resolver, name.replace(/\.$/, ''), type), timeout])
    // mailauth declares the answer by its TXT and A shapes only; the shape belongs to the type asked for.
    return answer as never
  }
}

async function ask(resolver: Resolver, name: string, type: string): Promise<unknown> {
  switch (type) {
    case 'TXT':
      return unwrap(await resolver.txt(name), name, type).map((text) => [text])
    case 'A':
      return unwrap(await resolver.a(name), name, type)
    case 'AAAA':
      return unwrap(await resolver.aaaa(name), name, type)
    case 'MX':
      return unwrap(await resolver.mx(name), name, type).map(({ exchange, priority }) => ({ exchange, priority }))
    case 'PTR': {
      const address = addressOfReverseName(name)
      if (address === undefined) throw new DnsQuestionError('ENOTFOUND', `${name} ${type}`)
      return unwrap(await resolver.ptr(address), name, type)
    }
    default:
      // The resolver follows a CNAME by itself and cannot show it.
      throw new DnsQuestionError('ENODATA', `${name} ${type}`)
  }
}

function unwrap<T>(answer: DnsAnswer<T>, name: string, type: string): T[] {
  switch (answer.status) {
    case 'found':
      return [...answer.records]
    case 'no-data':
      throw new DnsQuestionError('ENODATA', `${name} ${type}`)
    case 'no-name':
      throw new DnsQuestionError('ENOTFOUND', `${name} ${type}`)
    case 'failed':
      throw new DnsQuestionError('ETIMEOUT', `${name} ${type}: ${answer.reason}`)
  }
}

/** The address whose PTR name this is (RFC 1035 §3.5, RFC 3596 §2.5). */
export function addressOfReverseName(name: string): string | undefined {
  const [, digits, zone] = /^(.*)\.(in-addr|ip6)\.arpa$/i.exec(name) ?? []
  if (digits === undefined) return undefined
  const labels = digits.split('.').reverse()
  if (zone?.toLowerCase() === 'in-addr') return labels.length === 4 ? labels.join('.') : undefined
  if (labels.length !== 32 || !labels.every((label) => /^[0-9a-f]$/i.test(label))) return undefined
  return formatIp(Uint8Array.from({ length: 16 }, (_, i) => parseInt(`${labels[2 * i] ?? '0'}${labels[2 * i + 1] ?? '0'}`, 16)))
}
