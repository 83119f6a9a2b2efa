/**
 * Look up: finds where each recipient's mail goes, and splits the message by destination.
 *
 * Invariants: every recipient of a note goes into exactly one note or report that follows; a note is answered `done` only
 * together with all of them; recipients at our own domains never leave; the ids of what follows depend on the note alone,
 * so that looking up twice sends nothing twice.
 */
import type { Resolver } from '#lib/base/dns.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs, Note, NoteAnswer, NoteHandler } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import { submitChanges, toldOf } from '#lib/mail/events/outcomes.ts'
import { readContent } from '#lib/mail/transit/content.ts'
import { decodeNote, encodeNote } from '#lib/mail/transit/note.ts'
import type { DeliveryNote, Destination, Envelope, InboundNote, OutboundNote, RecipientProgress } from '#lib/mail/transit/note.ts'
import { ownFinding } from './outcome.ts'
import { routeBySmarthost, routeDomain } from './route.ts'
import type { Route, RouteDeps } from './route.ts'
import { deliveryId, encodeFitting, settle } from './settle.ts'
import type { Following, Settled, SettleDeps } from './settle.ts'

export interface LookUpMxDeps extends SettleDeps {
  readonly directory: { domain(name: string): Promise<{ readonly smarthost: Smarthost | null } | undefined> }
  readonly blobs: Blobs
  readonly resolver: Resolver
  /** Our own name, by which we know ourselves among the MX hosts. */
  readonly hostname: string
  readonly config: { readonly outbound: Config['outbound'] }
  /** For tests. */
  readonly random?: () => number
}

export function makeLookUpMx(deps: LookUpMxDeps): NoteHandler {
  const answer = async (note: Note): Promise<NoteAnswer> => {
    try {
      return { kind: 'done', then: await lookUp(deps, note.id, decodeNote(note.body, 'outbound')) }
    } catch (error) {
      deps.log.error('look-up-failed', { note: note.id, ...errorFields(error) })
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
  }
  return async (notes) => await Promise.all(notes.map(answer))
}

interface Routed {
  readonly destination: Destination
  readonly recipients: RecipientProgress[]
}

async function lookUp(deps: LookUpMxDeps, noteId: string, note: OutboundNote): Promise<Following> {
  const local: RecipientProgress[] = []
  const settled: Settled[] = []
  const routed = new Map<string, Routed>()
  const routes = await routesOf(deps, note)
  for (const recipient of note.recipients) {
    const domain = domainKey(recipient.address)
    const route = routes.get(domain) ?? 'local'
    if (route === 'local') local.push(recipient)
    else if ('finding' in route) settled.push({ recipient, finding: route.finding })
    else {
      // One domain in one transaction: hosts of many domains commonly take no more (RFC 9422 §4.3).
      const group = route.destination.via === 'smarthost' ? route.destination.key : `${route.destination.key} ${domain}`
      const entry = routed.get(group) ?? { destination: route.destination, recipients: [] }
      routed.set(group, entry)
      entry.recipients.push(recipient)
    }
  }
  const parts = [...routed.values()].flatMap((group) => partsOf(deps, group))
  const onward = await spareCopies(deps, noteId, { ...note, ...toldOf(note) }, parts.length)
  const passedOn = [...(local.length === 0 ? [] : [inboundNote(noteId, onward, local)]), ...parts.map((part) => deliveryOf(deps, noteId, onward, part))]
  // What is put off here must not bear the id of the note in hand, in the same queue.
  const retryId = deliveryId(noteId, 'look up', String(note.attempts), ...settled.map(({ recipient }) => recipient.address))
  return await settle(deps, noteId, onward, settled, retryId, { passedOn, before: submitChanges(note) })
}

const domainKey = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase()

async function routesOf(deps: LookUpMxDeps, note: OutboundNote): Promise<Map<string, Route | 'local'>> {
  const routing: RouteDeps = { resolver: deps.resolver, hostname: deps.hostname, settings: deps.config.outbound, random: deps.random ?? Math.random }
  const senderDomain = domainOfAddress(note.envelope.mailFrom)
  const smarthost = senderDomain === '' ? undefined : (await deps.directory.domain(senderDomain))?.smarthost
  let bySmarthost: Promise<Route> | undefined
  const routeOf = async (domain: string, address: string): Promise<Route | 'local'> => {
    if (!address.includes('@')) return { finding: ownFinding('failed', '5.1.3', `${address} has no domain`) }
    if ((await deps.directory.domain(domain)) !== undefined) return 'local'
    if (smarthost === null || smarthost === undefined) return await routeDomain(routing, domain)
    bySmarthost ??= routeBySmarthost(routing, senderDomain, smarthost)
    return await bySmarthost
  }
  const domains = new Map(note.recipients.map(({ address }) => [domainKey(address), address]))
  return new Map(await Promise.all([...domains].map(async ([domain, address]) => [domain, await routeOf(domain, address)] as const)))
}

/** Goes by the id of this note: there is but one for it. */
function inboundNote(noteId: string, { queueId, receivedAt, envelope, client, content, submission }: OutboundNote, recipients: readonly RecipientProgress[]): Following[number] {
  const note: InboundNote = { kind: 'inbound', queueId, receivedAt, envelope: envelopeFor(envelope, recipients), client, content, ...(submission === undefined ? {} : { submission }) }
  return { queue: 'inbound', note: { id: noteId, body: encodeNote(note) } }
}

/** As many recipients in one as a transaction may have. */
function partsOf({ config }: LookUpMxDeps, { destination, recipients }: Routed): Routed[] {
  const most = Math.max(1, config.outbound.maxRecipientsPerDelivery)
  return Array.from({ length: Math.ceil(recipients.length / most) }, (_, n) => ({ destination, recipients: recipients.slice(n * most, (n + 1) * most) }))
}

function deliveryOf({ log }: LookUpMxDeps, noteId: string, note: OutboundNote, { destination, recipients }: Routed): Following[number] {
  const addresses = recipients.map(({ address }) => address)
  const delivery: DeliveryNote = { ...note, kind: 'delivery', destination, envelope: envelopeFor(note.envelope, recipients), recipients }
  log.info('routed', { queueId: note.queueId, to: addresses, destination: destination.key, hosts: destination.hosts.map(({ name }) => name) })
  // Each try has an id of its own: the content of a large message is released by it (transit/lifetime.ts), and that of an earlier try may still be to come.
  return { queue: 'delivery', note: { id: deliveryId(noteId, String(note.attempts), note.envelope.mailFrom, destination.key, ...addresses), body: encodeFitting(delivery) } }
}

/** Octets of content that the notes of one message may hold together. */
const copiedBytes = 4 * 1024 * 1024

/** A message for so many destinations that copies of it would fill the memory goes to Blobs, once for all. */
async function spareCopies({ blobs }: LookUpMxDeps, noteId: string, note: OutboundNote, copies: number): Promise<OutboundNote> {
  const { content, queueId, receivedAt } = note
  if ('blob' in content || content.inline.length * copies <= copiedBytes) return note
  const key = `transit/${noteId}-shared`
  const { sizeBytes } = await blobs.put(key, readContent(blobs, content), { queueId, receivedAt: new Date(receivedAt).toISOString() })
  return { ...note, content: { blob: { key, offset: 0, length: sizeBytes, codec: 'identity', sizeBytes } } }
}

function envelopeFor(envelope: Envelope, recipients: readonly RecipientProgress[]): Envelope {
  return { ...envelope, recipients: recipients.map(({ address, notify, orcpt }) => ({ address, ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) })) }
}
