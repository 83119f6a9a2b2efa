/**
 * One attempt at one delivery: the hosts in order, until every recipient is settled or no host is left.
 *
 * Invariants: the result has one finding for each recipient; what a host said of a recipient is final for this attempt;
 * what no host settled gets the finding that most speaks for trying again.
 */
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import { isSendable, needsUtf8 } from '#lib/formats/smtp/transfer.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import type { DeliveryNote, EnvelopeRecipient } from '#lib/mail/transit/note.ts'
import { openSession } from './connect.ts'
import type { ConnectDeps, Target } from './connect.ts'
import type { MessageFacts } from './message.ts'
import { HostRefusal, ownFinding, weightier } from './outcome.ts'
import type { Finding } from './outcome.ts'
import type { ConnectionPool, Place } from './pool.ts'
import type { Session } from './session.ts'
import { transfer } from './transaction.ts'

export interface AttemptDeps extends ConnectDeps {
  readonly pool: ConnectionPool
  readonly maxAddresses: number
}

export interface AttemptRequest {
  readonly note: DeliveryNote
  readonly message: MessageFacts
  readonly smarthost?: Smarthost
  readonly deadline: number
}

/** A finding for each recipient, and what the last connection was like. */
export interface AttemptResult {
  readonly findings: readonly Finding[]
  /** The host that took it offers DSN: success is its to report. */
  readonly dsnPassedOn: readonly boolean[]
  readonly tls?: string
}

export async function attemptDelivery(deps: AttemptDeps, place: Place, request: AttemptRequest): Promise<AttemptResult> {
  return await new Attempt(deps, place, request).run()
}

/** `stale`: an idle connection had died; `used up`: this connection takes no more messages, the host may. */
type Use = 'done' | 'stale' | 'used up'

class Attempt {
  readonly #deps: AttemptDeps
  readonly #place: Place
  readonly #request: AttemptRequest
  readonly #recipients: readonly EnvelopeRecipient[]
  readonly #findings = new Map<number, Finding>()
  readonly #passedOn = new Set<number>()
  /** Sessions of one kind may serve another message that demands the same. */
  readonly #kind: string
  #failure: Finding | undefined
  #tls: string | undefined

  constructor(deps: AttemptDeps, place: Place, request: AttemptRequest) {
    this.#deps = deps
    this.#place = place
    this.#request = request
    this.#recipients = request.note.recipients
    this.#kind = request.note.envelope.requireTls === true ? 'requiretls' : 'any'
  }

  async run(): Promise<AttemptResult> {
    this.#settleUnsendable()
    for (let session = this.#open.length > 0 ? this.#place.idle(this.#kind) : undefined; session !== undefined; session = this.#place.idle(this.#kind)) {
      session.deadline = this.#request.deadline
      if ((await this.#use(session, true)) !== 'stale') break
    }
    for (const target of this.#targets()) {
      // The same host goes on on a fresh connection when one was used up by its limits.
      for (let again = true; again && this.#open.length > 0 && !this.#deps.pool.closed; ) {
        const session = await this.#connect(target)
        again = session !== undefined && (await this.#use(session, false)) === 'used up'
      }
    }
    const rest = this.#failure ?? ownFinding('deferred', '4.4.1', 'no host could be tried')
    return {
      findings: this.#recipients.map((_, index) => this.#findings.get(index) ?? rest),
      dsnPassedOn: this.#recipients.map((_, index) => this.#passedOn.has(index)),
      ...(this.#tls === undefined ? {} : { tls: this.#tls }),
    }
  }

  get #open(): number[] {
    return [...this.#recipients.keys()].filter((index) => !this.#findings.has(index))
  }

  /** No host uses up all tries of those behind it by its many addresses. */
  #targets(): Target[] {
    const { hosts } = this.#request.note.destination
    const each = Math.ceil(this.#deps.maxAddresses / Math.max(1, hosts.length))
    return hosts.flatMap(({ name, addresses, port }) => addresses.slice(0, each).map((address) => ({ host: name, address, port }))).slice(0, this.#deps.maxAddresses)
  }

  /** What is no path never goes out as one: RFC 3463 §3.2, 5.1.3 and 5.1.7. */
  #settleUnsendable(): void {
    const { mailFrom } = this.#request.note.envelope
    for (const [index, { address }] of this.#recipients.entries()) {
      if (!isSendable(mailFrom)) this.#findings.set(index, ownFinding('failed', '5.1.7', 'the reverse path is malformed'))
      else if (!isSendable(address)) this.#findings.set(index, ownFinding('failed', '5.1.3', 'the address is malformed'))
    }
  }

  async #connect(target: Target): Promise<Session | undefined> {
    const { pool, clock } = this.#deps
    const { note, smarthost, deadline } = this.#request
    const down = pool.whyDown(target) ?? (clock.now() >= deadline ? ownFinding('deferred', '4.4.7', 'the attempt took too long', target.host) : undefined)
    if (down !== undefined) return void this.#failed(down)
    try {
      const session = await openSession(this.#deps, target, { requireTls: note.envelope.requireTls === true, deadline, signal: pool.closing, ...(smarthost === undefined ? {} : { smarthost }) })
      this.#place.opened(session)
      return session
    } catch (error) {
      if (!(error instanceof HostRefusal)) throw error
      if (error.unreachable && !pool.closed && clock.now() < deadline) pool.setDown(target, error.finding)
      return void this.#failed(error.finding)
    }
  }

  #failed(finding: Finding): void {
    this.#failure = weightier(this.#failure, finding)
  }

  /** Sends to all that are open, as far as this connection goes. */
  async #use(session: Session, reused: boolean): Promise<Use> {
    try {
      const unfit = await this.#request.message.unfit(session, this.#request.note.envelope)
      if (unfit === undefined) return await this.#transactions(session, reused)
      this.#failed(unfit)
      return 'done'
    } catch (error) {
      session.break()
      throw error
    } finally {
      this.#place.handBack(session, this.#kind)
    }
  }

  async #transactions(session: Session, reused: boolean): Promise<Use> {
    const { note, message } = this.#request
    const before = session.messages
    if (session.tls !== undefined) this.#tls = `${session.tls.version} ${session.tls.cipher}`
    if (!session.offers.smtpUtf8) this.#settleUtf8(session.host)
    const groups = this.#groups(session)
    for (let indexes = groups.shift(); indexes !== undefined; indexes = groups.shift()) {
      if (session.messages > before && (!session.usable || session.messages >= (session.offers.limits.mailMax ?? Infinity))) return 'used up'
      const recipients = indexes.flatMap((index) => this.#recipients[index] ?? [])
      const { findings, surplus, failure, stale } = await transfer(session, { facts: message.facts(note.envelope, recipients), recipients, content: message.content })
      for (const [at, finding] of findings.entries()) this.#settle(indexes[at], finding, session)
      // A surplus comes only beside somebody who was taken, so this ends.
      if (surplus.size > 0 && failure === undefined) groups.unshift(indexes.filter((_, at) => surplus.has(at)))
      if (failure === undefined) continue
      if (stale && reused) return 'stale'
      this.#failed(failure)
      return 'done'
    }
    return 'done'
  }

  #settle(index: number | undefined, finding: Finding | undefined, session: Session): void {
    if (index === undefined || finding === undefined) return
    this.#findings.set(index, finding)
    if (session.offers.dsn) this.#passedOn.add(index)
  }

  /** RFC 6531 §3.5: an address in UTF-8 cannot be said to this host. */
  #settleUtf8(host: string): void {
    for (const index of this.#open) {
      if (needsUtf8(this.#recipients[index]?.address ?? '')) this.#findings.set(index, ownFinding('failed', '5.6.7', `${host} takes no addresses beyond ASCII (SMTPUTF8)`, host))
    }
  }

  /** As many in one transaction as the host allows. RFC 9422 §4 */
  #groups({ offers: { limits } }: Session): number[][] {
    const byDomain = limits.rcptDomainMax === undefined ? [this.#open] : [...Map.groupBy(this.#open, (index) => domainOfAddress(this.#recipients[index]?.address ?? '')).values()]
    return byDomain.flatMap((indexes) => {
      const most = Math.max(1, Math.min(limits.rcptMax ?? Infinity, indexes.length))
      return Array.from({ length: Math.ceil(indexes.length / most) }, (_, n) => indexes.slice(n * most, (n + 1) * most))
    })
  }
}
