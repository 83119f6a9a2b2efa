/**
 * Deliver: one attempt for each note of the queue `delivery`, and what follows from it.
 *
 * Invariants: a note is answered `done` only together with all that follows (reports, the next try); nothing of one note can
 * harm another of its batch; a server that stops steps back from what it has not begun, without counting a try.
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs, Note, NoteAnswer, NoteHandler } from '#lib/engine/ports.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import { decodeNote } from '#lib/mail/transit/note.ts'
import type { DeliveryNote } from '#lib/mail/transit/note.ts'
import { attemptDelivery } from './attempt.ts'
import type { AttemptDeps, AttemptResult } from './attempt.ts'
import { dial as dialSocket } from './dial.ts'
import type { Dial } from './dial.ts'
import { MessageFacts } from './message.ts'
import { ownFinding } from './outcome.ts'
import { ConnectionPool } from './pool.ts'
import type { Place } from './pool.ts'
import { settle } from './settle.ts'
import type { SettleDeps } from './settle.ts'

export interface DeliverOutboundDeps extends SettleDeps {
  readonly directory: { domain(name: string): Promise<{ readonly smarthost: Smarthost | null } | undefined> }
  readonly blobs: Blobs
  readonly clock: Clock
  /** What we call ourselves in EHLO. */
  readonly hostname: string
  readonly config: { readonly outbound: Config['outbound']; readonly queue: Pick<Config['queue'], 'deliveryAtOnce'> }
  readonly dial?: Dial
}

/** `close` hangs up, also on deliveries in hand; their notes stay in the queue. Call it when the consumer was told to stop. */
export function makeDeliverOutbound(deps: DeliverOutboundDeps): { readonly handle: NoteHandler; close(): Promise<void> } {
  const settings = deps.config.outbound
  const pool = new ConnectionPool(settings, deps.clock, deps.config.queue.deliveryAtOnce)
  const attempt: AttemptDeps = { dial: deps.dial ?? dialSocket, clock: deps.clock, hostname: deps.hostname, settings, pool, maxAddresses: settings.maxAddresses }
  const answer = async (note: Note): Promise<NoteAnswer> => {
    try {
      return await deliver(deps, attempt, note)
    } catch (error) {
      deps.log.error('delivery-failed', { note: note.id, ...errorFields(error) })
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
  }
  return { handle: async (notes) => await Promise.all(notes.map(answer)), close: () => pool.close() }
}

async function deliver(deps: DeliverOutboundDeps, attempt: AttemptDeps, note: Note): Promise<NoteAnswer> {
  const delivery = decodeNote(note.body, 'delivery')
  const place = await attempt.pool.place(delivery.destination.key)
  // No try was made, so none is counted: others use all the connections that this destination may have.
  if (place === undefined) return { kind: 'again', notBefore: attempt.pool.timeToReturn(delivery.destination.key) }
  try {
    const result = await tryDelivery(deps, attempt, place, delivery)
    if (attempt.pool.closed && result.findings.every(({ status }) => status === 'deferred')) return { kind: 'again', notBefore: deps.clock.now() }
    const settled = delivery.recipients.flatMap((recipient, index) => {
      const finding = result.findings[index]
      return finding === undefined ? [] : [{ recipient, finding, dsnPassedOn: result.dsnPassedOn[index] === true, tls: result.tls }]
    })
    return { kind: 'done', then: await settle(deps, note.id, delivery, settled, note.id) }
  } finally {
    place.leave()
  }
}

async function tryDelivery(deps: DeliverOutboundDeps, attempt: AttemptDeps, place: Place, note: DeliveryNote): Promise<AttemptResult> {
  const smarthost = await smarthostOf(deps, note)
  if (smarthost === 'gone') {
    const finding = ownFinding('deferred', '4.3.5', `the smarthost of ${note.destination.domain} was changed; the way is looked up anew`)
    return { findings: note.recipients.map(() => finding), dsnPassedOn: [] }
  }
  const deadline = deps.clock.now() + deps.config.outbound.attemptMs
  return await attemptDelivery(attempt, place, { note, message: new MessageFacts(deps.blobs, note.content), deadline, ...(smarthost === undefined ? {} : { smarthost }) })
}

/** Credentials never stand in a note: they are read when they are needed. */
async function smarthostOf({ directory }: DeliverOutboundDeps, { destination }: DeliveryNote): Promise<Smarthost | 'gone' | undefined> {
  if (destination.via !== 'smarthost') return undefined
  const smarthost = (await directory.domain(destination.domain))?.smarthost
  const [host] = destination.hosts
  return smarthost && host && smarthost.host === host.name && smarthost.port === host.port ? smarthost : 'gone'
}
