/**
 * The resolver on real DNS servers, with an answer for every question: it never throws.
 *
 * Invariants: "there is none" (RFC 2308 §2) and "could not be asked" are never mixed up, and only the first is remembered;
 * equal questions asked at once go out once; what is remembered is bounded in number and in time.
 */
import { Resolver as DnsServers } from 'node:dns/promises'
import type { Clock } from './clock.ts'
import type { DnsAnswer, MxRecord, Resolver } from './dns.ts'
import { parseIp } from './ip.ts'

export interface ResolverOptions {
  /** As `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; none means those of the machine. */
  readonly servers: readonly string[]
  /** For one question, with its repeats. */
  readonly timeoutMs: number
  /** How long an answer without a time to live of its own is believed; "there is none" at most a minute. */
  readonly cacheMs: number
  readonly clock: Clock
  /** The most answers remembered. */
  readonly cacheAnswers?: number
}

type Type = 'mx' | 'a' | 'aaaa' | 'txt' | 'ptr'

interface Remembered {
  readonly answer: DnsAnswer<unknown>
  readonly until: number
}

/** What one asking brought; `ttlMs` where the records tell. */
interface Asked<T> {
  readonly records: readonly T[]
  readonly ttlMs?: number
}

// RFC 2308 §5 lets the zone decide how long; the library does not show its SOA, so little is dared.
const negativeMs = 60_000
const longestMs = 24 * 3600 * 1000
const defaultCacheAnswers = 20_000

/** @throws {Error} when a server is no IP address with or without a port */
export function makeResolver(options: ResolverOptions): Resolver {
  // Two rounds, the second twice as long: 1/3 and 2/3 of the time. The deadline below holds whatever the library does.
  const servers = new DnsServers({ timeout: Math.max(1, Math.floor(options.timeoutMs / 3)), tries: 2 })
  if (options.servers.length > 0) servers.setServers(options.servers.map(serverAddress))
  const cache = new AnswerCache(options)
  const ask = async <T>(type: Type, name: string, question: (name: string) => Promise<Asked<T>>): Promise<DnsAnswer<T>> =>
    // The key tells the type of the records.
    (await cache.answer(`${type} ${plainName(name)}`, () => answerInTime(options, question(plainName(name))))) as DnsAnswer<T>
  return {
    mx: (name) => ask<MxRecord>('mx', name, async (plain) => ({ records: (await servers.resolveMx(plain)).map(({ exchange, priority }) => ({ exchange: plainName(exchange), priority })) })),
    a: (name) => ask('a', name, async (plain) => withTtl(await servers.resolve4(plain, { ttl: true }))),
    aaaa: (name) => ask('aaaa', name, async (plain) => withTtl(await servers.resolve6(plain, { ttl: true }))),
    txt: (name) => ask('txt', name, async (plain) => ({ records: (await servers.resolveTxt(plain)).map((strings) => strings.join('')) })),
    ptr: async (address) => {
      // Not `reverse`: it reads /etc/hosts, which says nothing about what the world sees.
      const name = reverseName(address)
      return name === undefined ? { status: 'no-name' } : await ask('ptr', name, async (plain) => ({ records: (await servers.resolvePtr(plain)).map(plainName) }))
    },
  }
}

function serverAddress(text: string): string {
  const [, host = text, port] = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text) ?? []
  const address = host === 'localhost' ? '127.0.0.1' : host
  if (parseIp(address) === undefined) throw new Error(`dns.servers: "${text}" is no IP address, with or without a port`)
  return port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

const plainName = (name: string): string => name.replace(/\.$/, '').toLowerCase()

function withTtl(records: readonly { readonly address: string; readonly ttl: number }[]): Asked<string> {
  return { records: records.map(({ address }) => address), ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 }
}

/** The name whose PTR record names the address (RFC 1035 §3.5, RFC 3596 §2.5). */
function reverseName(address: string): string | undefined {
  const octets = parseIp(address)
  if (octets === undefined) return undefined
  if (octets.length === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa`
  return `${[...Buffer.from(octets).toString('hex')].reverse().join('.')}.ip6.arpa`
}

interface Answered {
  readonly answer: DnsAnswer<unknown>
  readonly ttlMs?: number | undefined
}

async function answerInTime(options: ResolverOptions, asked: Promise<Asked<unknown>>): Promise<Answered> {
  const answered = new AbortController()
  const late = options.clock.sleep(options.timeoutMs, answered.signal).then((): Answered => ({ answer: { status: 'failed', reason: 'ETIMEOUT' } }))
  const outcome = asked.then(({ records, ttlMs }): Answered => ({ answer: records.length > 0 ? { status: 'found', records } : { status: 'no-data' }, ttlMs }), (error: unknown): Answered => ({ answer: answerOfError(error) }))
  const first = await Promise.race([outcome, late])
  answered.abort()
  return first
}

/** Only what a server has really said counts as "there is none"; every other fault passes. */
function answerOfError(error: unknown): DnsAnswer<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  switch (code) {
    case 'ENODATA':
      return { status: 'no-data' }
    case 'ENOTFOUND':
    // A name that cannot be put into a question (a label too long, an empty one) cannot exist.
    case 'EBADNAME':
    case 'ERR_INVALID_ARG_VALUE':
      return { status: 'no-name' }
    default:
      return { status: 'failed', reason: code }
  }
}

/** Answers by question, the oldest forgotten first. */
class AnswerCache {
  readonly #options: ResolverOptions
  readonly #remembered = new Map<string, Remembered>()
  readonly #open = new Map<string, Promise<DnsAnswer<unknown>>>()

  constructor(options: ResolverOptions) {
    this.#options = options
  }

  async answer(question: string, ask: () => Promise<Answered>): Promise<DnsAnswer<unknown>> {
    const known = this.#remembered.get(question)
    if (known !== undefined && known.until > this.#options.clock.now()) return known.answer
    const open = this.#open.get(question) ?? this.#ask(question, ask)
    this.#open.set(question, open)
    return await open
  }

  async #ask(question: string, ask: () => Promise<Answered>): Promise<DnsAnswer<unknown>> {
    try {
      const { answer, ttlMs } = await ask()
      this.#remember(question, answer, ttlMs)
      return answer
    } finally {
      this.#open.delete(question)
    }
  }

  #remember(question: string, answer: DnsAnswer<unknown>, ttlMs: number | undefined): void {
    const { cacheMs, clock, cacheAnswers = defaultCacheAnswers } = this.#options
    this.#remembered.delete(question)
    const lifeMs = answer.status === 'failed' ? 0 : answer.status === 'found' ? Math.min(ttlMs ?? cacheMs, longestMs) : Math.min(cacheMs, negativeMs)
    if (lifeMs === 0) return
    this.#remembered.set(question, { answer, until: clock.now() + lifeMs })
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= cacheAnswers) break
      this.#remembered.delete(oldest)
    }
  }
}
