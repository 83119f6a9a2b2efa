/**
 * Takes a message from one of our users: completes its header, signs it, and puts it on its way.
 *
 * Invariants: when `submitMessage` resolves, the message is durable and will be delivered or reported; when it throws,
 * nothing of it is left behind. Nobody sends in the name of another. Of a message of any size only its header section
 * and a bounded stretch of its body are in memory. Called by SMTP submission (and whoever else takes mail from users).
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs, Queue } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import { readFrom, readSender } from '#lib/formats/submission/authors.ts'
import { fixHeader } from '#lib/formats/submission/fix.ts'
import type { HeaderField } from '#lib/formats/submission/header.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { MessageRefusal } from '#lib/mail/inbound/accept.ts'
import type { ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import { fitNote } from '#lib/mail/transit/fit.ts'
import type { Content, Envelope, InboundNote, OutboundNote, Submission } from '#lib/mail/transit/note.ts'
import { makeSign } from './sign.ts'
import type { Sign, SigningDomain } from './sign.ts'
import { readSubmission } from './submission.ts'
import { storeSigned } from './storeSigned.ts'

export interface SubmittedMessage extends ArrivingMessage {
  readonly account: Account
}

export interface SubmitDeps {
  readonly queue: Pick<Queue, 'send'>
  readonly blobs: Blobs
  readonly clock: Pick<Clock, 'now'>
  readonly log: Pick<Log, 'warn'>
  readonly hostname: string
  readonly directory: {
    domain(name: string): Promise<SigningDomain | undefined>
    maySendAs(account: Account, address: string): Promise<boolean>
    resolveRecipient(address: string): Promise<{ readonly kind: 'account' | 'alias' | 'unknown' | 'disabled' | 'remote' }>
  }
  readonly config: { readonly submission: Pick<Config['submission'], 'checkFrom' | 'maxHeaderBytes'> }
  /** Keeps keys from one message to the next. */
  readonly sign?: Sign | undefined
}

/** @throws {MessageRefusal} for a header section that cannot be read, or in another's name; whatever `content` throws; the engine's errors. */
export async function submitMessage(deps: SubmitDeps, message: SubmittedMessage): Promise<{ queueId: string }> {
  const { queueId, envelope, account } = message
  const receivedAt = deps.clock.now()
  const held: string[] = []
  try {
    const { fields, body } = await readSubmission(message.content, deps.config.submission.maxHeaderBytes)
    const from = await demandOwnFrom(deps, account, fields)
    const speaker = from[0] ?? (envelope.mailFrom === '' ? account.address : envelope.mailFrom)
    const fixed = fixHeader(fields, {
      sender: { address: from.length > 0 || envelope.mailFrom === '' ? account.address : envelope.mailFrom, name: account.name },
      messageId: `<${queueId}@${domainOfAddress(speaker) || account.domain}>`,
      at: receivedAt,
      hostname: deps.hostname,
    })
    const domain = await deps.directory.domain(domainOfAddress(speaker))
    const { content, spent } = await storeSigned({ blobs: deps.blobs, sign: deps.sign ?? makeSign() }, { queueId, receivedAt, prefix: message.headerPrefix, fields: fixed, body, domain }, held)
    const client = { ...message.client, accountId: account.id }
    const note = await noteFor(deps, { queueId, receivedAt, envelope, client, content, submission: { messageId: messageIdOf(fixed), told: false } })
    await deps.queue.send(note.kind, [{ id: queueId, body: await fitNote(note, held, deps.blobs) }])
    await forget(deps, spent)
    return { queueId }
  } catch (error) {
    await forget(deps, held)
    throw error
  }
}

/** A blob without a note is only wasted room: what cannot be deleted now is logged, the message's fate stays as it is. */
async function forget({ blobs, log }: SubmitDeps, keys: readonly string[]): Promise<void> {
  for (const key of keys) await blobs.delete(key).catch((error: unknown) => log.warn('blob-left-behind', { key, ...errorFields(error) }))
}

function messageIdOf(fields: readonly HeaderField[]): string | null {
  const value = fields.find(({ name }) => name.toLowerCase() === 'message-id')?.value
  return value === undefined ? null : (/<([^<>\s]+)>/.exec(value)?.[1] ?? value.trim()).slice(0, 500)
}

/** Mail between our own users needs no look-up. */
async function noteFor({ directory }: SubmitDeps, common: { readonly queueId: string; readonly receivedAt: number; readonly envelope: Envelope; readonly client: ArrivingMessage['client']; readonly content: Content; readonly submission: Submission }): Promise<InboundNote | OutboundNote> {
  const { recipients } = common.envelope
  for (const { address } of recipients) {
    if ((await directory.resolveRecipient(address)).kind === 'remote') return { kind: 'outbound', ...common, attempts: 0, recipients }
  }
  return { kind: 'inbound', ...common }
}

/** The addresses of From, all of them the user's. RFC 6409 §6.1 */
async function demandOwnFrom({ directory, config }: SubmitDeps, account: Account, fields: readonly HeaderField[]): Promise<readonly string[]> {
  const from = readFrom(fields)
  // RFC 5322 §3.6: readers would not agree on which of them counts.
  if (from === 'several-fields') throw refusal(554, '5.6.0', 'Message has several From fields')
  if (!config.submission.checkFrom) return from === 'malformed' ? [] : from
  if (from === 'malformed') throw refusal(554, '5.6.0', 'The From field cannot be read, or has an address without a domain')
  for (const address of new Set(from)) {
    if (!(await directory.maySendAs(account, address))) throw refusal(550, '5.7.1', `You may not send as ${address}`)
  }
  const senders = readSender(fields)
  if (senders === 'malformed') throw refusal(554, '5.6.0', 'The Sender field cannot be read, or there are several')
  // A stranger's Sender is the client's affair; another user of ours is shown by many readers as the one who wrote.
  for (const sender of senders) {
    if ((await directory.domain(domainOfAddress(sender))) !== undefined && !(await directory.maySendAs(account, sender))) throw refusal(550, '5.7.1', `You may not send as ${sender}`)
  }
  return from
}

// RFC 6409 §6.3: 554 for what is malformed, 550 for what this user may not do.
function refusal(code: number, enhancedCode: string, text: string): MessageRefusal {
  return new MessageRefusal({ code, enhancedCode, text: text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300) })
}
