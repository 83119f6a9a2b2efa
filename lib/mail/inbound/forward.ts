/**
 * Mail that leaves again: aliases with remote targets, and bounces that go back through a rewritten reverse path.
 *
 * Invariants: one note for each distinct reverse path and alias, under an id made of both, so that a repeat replaces it; nobody is told
 * of a failed forward whose sender is not proven (`silent`). The alias stands in Delivered-To, so that mail which comes
 * back to it is seen as a loop before anyone gets it twice.
 */
import { hash } from 'node:crypto'
import type { Blobs, NewNote } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import { toldOf } from '#lib/mail/events/outcomes.ts'
import { forwardingSender } from '#lib/mail/rules/srs.ts'
import type { SrsDeps } from '#lib/mail/rules/srs.ts'
import { contentOf, readContent, takeContent } from '#lib/mail/transit/content.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { Content, EnvelopeRecipient, InboundNote, NotifyOption, OutboundNote } from '#lib/mail/transit/note.ts'
import { composeDeliveredTo } from './mailHead.ts'
import type { PlannedRemote } from './plan.ts'

export interface ForwardDeps {
  readonly srs: SrsDeps
  readonly blobs: Blobs
}

export interface Forward {
  readonly note: NewNote
  readonly mailFrom: string
  readonly to: readonly string[]
}

export async function forwardAll(deps: ForwardDeps, note: InboundNote, remotes: readonly PlannedRemote[], silent: boolean): Promise<Forward[]> {
  const groups = new Map<string, PlannedRemote[]>()
  for (const remote of remotes) {
    const alias = remote.alias ?? remote.recipient.address
    groups.set(alias, [...(groups.get(alias) ?? []), remote])
  }
  return await Promise.all([...groups].map(([alias, group]) => forward(deps, note, alias, group, silent)))
}

async function forward(deps: ForwardDeps, note: InboundNote, alias: string, remotes: readonly PlannedRemote[], silent: boolean): Promise<Forward> {
  const mailFrom = await forwardingSender(deps.srs, note.envelope.mailFrom, domainOfAddress(alias))
  // The stamp of a rewritten path changes by the day, the id must not.
  const id = `${note.queueId}-f${hash('sha256', alias.toLowerCase(), 'hex').slice(0, 12)}`
  const recipients = remotes.map(forwardedRecipient)
  const { queueId, receivedAt, client } = note
  const content = await prefixed(deps.blobs, `transit/${id}`, composeDeliveredTo(alias), note.content, { queueId, receivedAt: new Date(receivedAt).toISOString() })
  const outbound: OutboundNote = { kind: 'outbound', queueId, receivedAt, envelope: { ...note.envelope, mailFrom, recipients }, client, content, attempts: 0, recipients, ...(silent ? { silent } : {}), ...toldOf(note) }
  return { note: { id, body: encodeNote(outbound) }, mailFrom, to: recipients.map(({ address }) => address) }
}

/**
 * RFC 3461 §5.2.7: the sender's wishes go on to the target, except that success of an address with several targets is
 * told here ("expanded") and by none of them.
 */
function forwardedRecipient({ address, recipient, expanded }: PlannedRemote): EnvelopeRecipient {
  const { notify, orcpt = originalRecipient(recipient.address) } = recipient
  const wanted: readonly NotifyOption[] | undefined = expanded ? withoutSuccess(notify) : notify
  return { address, ...(wanted === undefined ? {} : { notify: wanted }), ...(orcpt === undefined ? {} : { orcpt }) }
}

function withoutSuccess(notify: readonly NotifyOption[] | undefined): readonly NotifyOption[] | undefined {
  const left = notify?.filter((option) => option !== 'SUCCESS')
  return left?.length === 0 ? ['NEVER'] : left
}

/** So that a bounce names the address the sender knows. Only where it needs no encoding. */
function originalRecipient(address: string): string | undefined {
  return /^[A-Za-z0-9._@-]{1,400}$/.test(address) ? `rfc822;${address}` : undefined
}

async function prefixed(blobs: Blobs, key: string, prefix: string, content: Content, metadata: Record<string, string>): Promise<Content> {
  async function* whole() {
    yield Buffer.from(prefix)
    yield* readContent(blobs, content)
  }
  if ('blob' in content) return await takeContent(blobs, key, whole(), metadata)
  const chunks: Uint8Array[] = []
  for await (const chunk of whole()) chunks.push(chunk)
  return await contentOf(blobs, key, Buffer.concat(chunks), metadata)
}
