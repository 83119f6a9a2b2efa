/**
 * Takes a message in: content into the hand-off, judgement while the client still waits, the note into the queue.
 *
 * Invariants: when `acceptMessage` resolves, the message is durable and will be checked and filed; when it throws,
 * nothing of it is left behind. Called by SMTP (and whoever else receives for local recipients); a refusal carries the reply.
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Blobs, Queue } from '#lib/engine/ports.ts'
import { encodeBinaryParts } from '#lib/formats/smtp/binaryMime.ts'
import { readContent, takeContent } from '#lib/mail/transit/content.ts'
import { fitNote } from '#lib/mail/transit/fit.ts'
import type { ClientInfo, Content, Envelope, InboundNote } from '#lib/mail/transit/note.ts'

export interface ArrivingMessage {
  readonly queueId: string
  readonly envelope: Envelope
  readonly client: ClientInfo
  /** As the client sent it, without dot transparency. */
  readonly content: AsyncIterable<Uint8Array>
  /** What is put before it: the Received field with its CRLF. */
  readonly headerPrefix: string
}

/** Says no while the client is connected, or gives the verdict that travels with the note. */
export type Judge = (message: { readonly queueId: string; readonly envelope: Envelope; readonly client: ClientInfo; readonly content: Content }) => Promise<Judgement>

export interface Judgement {
  readonly refuse?: { readonly code: number; readonly enhancedCode: string; readonly text: string } | undefined
  /** Put into the note as it is, so that the check need not do it again. */
  readonly forNote?: Partial<InboundNote>
}

export interface AcceptDeps {
  readonly queue: Pick<Queue, 'send'>
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
  readonly judge?: Judge | undefined
}

/** The message is not wanted, for good (5xx) or for now (4xx): a reply, not a fault. */
export class MessageRefusal extends Error {
  override readonly name = 'MessageRefusal'
  readonly code: number
  readonly enhancedCode: string
  readonly text: string

  constructor(refuse: { readonly code: number; readonly enhancedCode: string; readonly text: string }) {
    super(refuse.text)
    this.code = refuse.code
    this.enhancedCode = refuse.enhancedCode
    this.text = refuse.text
  }
}

/** @throws {MessageRefusal} when the judge refuses; whatever `content` throws; the engine's errors. */
export async function acceptMessage(deps: AcceptDeps, message: ArrivingMessage): Promise<{ queueId: string }> {
  const { queueId, envelope, client } = message
  const receivedAt = deps.clock.now()
  const held: string[] = []
  const take = async (key: string, source: AsyncIterable<Uint8Array>): Promise<Content> => {
    const content = await takeContent(deps.blobs, key, source, { queueId, receivedAt: new Date(receivedAt).toISOString() })
    if ('blob' in content) held.push(content.blob.key)
    return content
  }
  try {
    const arrived = await take(`transit/${queueId}`, prefixed(message.headerPrefix, message.content))
    const judgement = (await deps.judge?.({ queueId, envelope, client, content: arrived })) ?? {}
    if (judgement.refuse !== undefined) throw new MessageRefusal(judgement.refuse)
    // Mailboxes and most other hosts hold lines of text only. The judge has seen the octets that were signed.
    const binary = envelope.body === 'BINARYMIME'
    const content = binary ? await take(`transit/${queueId}-text`, encodeBinaryParts(readContent(deps.blobs, arrived))) : arrived
    const note: InboundNote = { kind: 'inbound', queueId, receivedAt, envelope: binary ? { ...envelope, body: '8BITMIME' } : envelope, client, content, ...judgement.forNote }
    await deps.queue.send('inbound', [{ id: queueId, body: await fitNote(note, held, deps.blobs) }])
    if (binary && 'blob' in arrived) await forget(deps, [arrived.blob.key])
    return { queueId }
  } catch (error) {
    await forget(deps, held)
    throw error
  }
}

async function* prefixed(prefix: string, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield Buffer.from(prefix, 'utf8')
  yield* content
}

/** A blob without a note is only wasted room: what cannot be deleted now is logged, the message's fate stays as it is. */
async function forget(deps: AcceptDeps, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await deps.blobs.delete(key).catch((error: unknown) => deps.log.warn('blob-left-behind', { key, ...errorFields(error) }))
  }
}
