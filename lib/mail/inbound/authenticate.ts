/**
 * SPF, DKIM, DMARC and ARC of one message, by mailauth in its strict mode (every rule as its RFC has it).
 *
 * Invariants: never throws for what the message or DNS hold; ends within `inbound.checkTimeoutMs` plus the time to
 * read the message; asks at most `inbound.checkMaxDnsQuestions` questions; looks at a bounded number of signatures.
 */
import { Readable } from 'node:stream'
import { arc } from 'mailauth/lib/arc/index.js'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { evaluateDmarc } from 'mailauth/lib/dmarc/index.js'
import { spf } from 'mailauth/lib/spf/index.js'
import type { ARCResult, DKIMResult, DKIMVerifyResult } from 'mailauth'
import type { Clock } from '#lib/base/clock.ts'
import type { Resolver } from '#lib/base/dns.ts'
import type { Config } from '#lib/config.ts'
import { domainName, domainOfAddress } from '#lib/formats/auth/domain.ts'
import type { ArcVerdict, AuthVerdict, DkimVerdict, DmarcPolicy, DmarcVerdict, SpfVerdict } from '#lib/formats/auth/verdict.ts'
import { makeAskDns } from './dnsForChecks.ts'
import type { AskDns } from './dnsForChecks.ts'
import { limitSignatures } from './limitSignatures.ts'

export type AuthenticateSettings = Pick<Config['inbound'], 'checkTimeoutMs' | 'checkMaxDnsQuestions' | 'checkMaxSignatures' | 'checkMinKeyBits'>

export interface AuthenticateDeps {
  readonly resolver: Resolver
  readonly clock: Clock
  /** Our own name, for the `%{r}` macro of SPF. */
  readonly hostname: string
  readonly settings: AuthenticateSettings
}

export interface AuthenticateRequest {
  /** The client's IP address. */
  readonly address: string
  readonly hello: string
  readonly mailFrom: string
  readonly message: Uint8Array | AsyncIterable<Uint8Array>
}

export async function authenticate(deps: AuthenticateDeps, request: AuthenticateRequest): Promise<AuthVerdict> {
  const ended = new AbortController()
  const timer = deps.clock.sleep(deps.settings.checkTimeoutMs, ended.signal)
  const ask = makeAskDns(deps.resolver, deps.settings.checkMaxDnsQuestions, timer)
  try {
    const [spfVerdict, signatures] = await Promise.all([checkSpf(deps, ask, request), checkDkim(deps, ask, request)])
    const arcResult = await checkArc(deps, ask, signatures)
    const { dmarc, aligned } = await checkDmarc(ask, spfVerdict, signatures)
    const dkim = signatures.results.filter((result) => result.signingDomain !== undefined).map((result) => dkimVerdict(result, aligned))
    return { spf: spfVerdict, dkim, dmarc, arc: arcVerdict(arcResult) }
  } finally {
    ended.abort()
  }
}

async function checkSpf(deps: AuthenticateDeps, resolver: AskDns, request: AuthenticateRequest): Promise<SpfVerdict> {
  const identity = request.mailFrom === '' ? 'helo' : 'mailfrom'
  const result = await spf({ sender: request.mailFrom, ip: request.address, helo: request.hello, mta: deps.hostname, resolver, strict: true })
  return { result: result.status.result as SpfVerdict['result'], domain: domainName(result.domain === '-' ? '' : result.domain), identity }
}

async function checkDkim(deps: AuthenticateDeps, resolver: AskDns, request: AuthenticateRequest): Promise<DKIMVerifyResult> {
  const options = { resolver, strict: true, minBitLength: deps.settings.checkMinKeyBits, sender: request.mailFrom, curTime: new Date(deps.clock.now()) }
  const message = await limitSignatures(request.message, deps.settings.checkMaxSignatures)
  return await dkimVerify(message instanceof Uint8Array ? message : Readable.from(message), options)
}

async function checkArc(deps: AuthenticateDeps, resolver: AskDns, signatures: DKIMVerifyResult): Promise<ARCResult | undefined> {
  if (signatures.arc === undefined) return undefined
  // arc() is declared with the narrower shape of a chain that was found; it takes what dkimVerify gives.
  return await arc(signatures.arc as Parameters<typeof arc>[0], { resolver, strict: true, minBitLength: deps.settings.checkMinKeyBits })
}

type Aligned = (result: DKIMResult) => boolean
interface DmarcChecked {
  readonly dmarc: DmarcVerdict
  readonly aligned: Aligned
}

// RFC 7489 §6.6.1
/** Of several author domains each is checked, and the strictest policy of those that fail counts: else one more author would undo it. */
async function checkDmarc(resolver: AskDns, spfVerdict: SpfVerdict, signatures: DKIMVerifyResult): Promise<DmarcChecked> {
  const { headerFrom, fromFields } = signatures
  const byDomain = Map.groupBy(headerFrom, domainOfAddress)
  const whole = await checkAuthors(resolver, spfVerdict, signatures, { headerFrom, fromFields })
  if (byDomain.size < 2) return whole
  const each = await Promise.all([...byDomain.values()].map((authors) => checkAuthors(resolver, spfVerdict, signatures, { headerFrom: authors, fromFields: 1 })))
  const failed = each.filter(({ dmarc }) => dmarc.result === 'fail')
  const strictness = ({ dmarc: { policy, percent } }: DmarcChecked) => (policy === 'reject' ? 200 : policy === 'quarantine' ? 100 : 0) + percent / 2
  const [strictest] = failed.sort((a, b) => strictness(b) - strictness(a))
  return strictest ?? whole
}

const noPolicy = { policyDomain: '', policy: 'none', percent: 100, alignment: { spf: false, dkim: false } } as const

async function checkAuthors(resolver: AskDns, spfVerdict: SpfVerdict, signatures: DKIMVerifyResult, authors: { readonly headerFrom: string[]; readonly fromFields: number }): Promise<DmarcChecked> {
  const passed = signatures.results.filter(isWholePass)
  const { response, reason, dkimAligned } = await evaluateDmarc({
    ...authors,
    spfDomains: spfVerdict.result === 'pass' ? [spfVerdict.domain] : [],
    dkimDomains: passed.map(({ signingDomain = '', status }) => ({ domain: signingDomain, aligned: status.aligned ?? false })),
    resolver,
    strict: true,
  })
  const aligned: Aligned = (result) => (dkimAligned === undefined ? typeof result.status.aligned === 'string' : dkimAligned.has(domainName(result.signingDomain ?? '')))
  if (response === false) return { dmarc: { ...noPolicy, result: 'none', domain: '', reason: reason?.replaceAll('-', ' ') ?? 'no author domain' }, aligned }
  const domain = response.status.header?.from ?? ''
  // Without a record mailauth gives neither policy nor alignment, whatever its types say.
  const found = response as Partial<typeof response>
  if (found.alignment === undefined) return { dmarc: { ...noPolicy, result: response.status.result as DmarcVerdict['result'], domain }, aligned }
  const dmarc: DmarcVerdict = {
    result: response.status.result as DmarcVerdict['result'],
    domain,
    policyDomain: response.policyDomain ?? response.domain,
    policy: response.policy as DmarcPolicy,
    percent: readPercent((response as { rr?: string }).rr ?? ''),
    alignment: { spf: found.alignment.spf.result !== undefined, dkim: found.alignment.dkim.result !== undefined },
  }
  return { dmarc, aligned }
}

// RFC 7489 §6.3: "pct". RFC 9989 dropped it; records that carry it still mean it.
function readPercent(record: string): number {
  const given = /(?:^|;)\s*pct\s*=\s*(\d{1,3})\s*(?:;|$)/i.exec(record)?.[1]
  return given === undefined ? 100 : Math.min(100, Number(given))
}

/** A signature with `l=` that leaves part of the body unsigned says nothing about what stands there. */
// RFC 6376 §8.2
function isWholePass(result: DKIMResult): boolean {
  return result.status.result === 'pass' && (result.status.underSized ?? 0) === 0
}

function dkimVerdict(result: DKIMResult, aligned: (result: DKIMResult) => boolean): DkimVerdict {
  const partial = result.status.result === 'pass' && !isWholePass(result)
  const header = result.status.header ?? {}
  const comment = partial ? `${result.status.underSized} octets of the body are not signed` : result.status.comment
  return {
    // RFC 8601 §2.7.1: "policy" is a pass that local policy does not accept.
    result: partial ? 'policy' : (result.status.result as DkimVerdict['result']),
    domain: domainName(result.signingDomain ?? ''),
    selector: result.selector ?? '',
    algorithm: result.algo ?? '',
    identity: textOf(header['i']),
    signature: (result.signature ?? '').slice(0, 8),
    aligned: isWholePass(result) && aligned(result),
    ...(comment === undefined ? {} : { comment }),
  }
}

function arcVerdict(result: ARCResult | undefined): ArcVerdict {
  if (result === undefined || result.status.result === 'none') return { result: 'none', instance: 0 }
  const passed = result.status.result === 'pass'
  const instance = result.i === false ? 0 : result.i
  if (!passed) return { result: 'fail', instance }
  const sealer = result.signature === false ? undefined : result.signature?.signingDomain
  const results = result.authenticationResults as { dmarc?: { result?: unknown } } | undefined
  const dmarcBefore = textOf(results?.dmarc?.result)
  return { result: 'pass', instance, ...(sealer === undefined ? {} : { sealer: domainName(sealer) }), ...(dmarcBefore === '' ? {} : { dmarcBefore }) }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
