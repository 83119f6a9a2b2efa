/**
 * Tells the sender what became of a message: one report for all recipients whose fate was settled together.
 *
 * Invariants: never a report about a report (null reverse path), nor about mail that nothing proves to be the sender's
 * (`silent`), nor one the sender did not want (NOTIFY); the same fate of the same recipients gives the same id, so that a
 * repeated step replaces its report; of a large message only the header is read. Called by every room that gives up on
 * a recipient, is late, or was asked to confirm; the caller sends the note with its answer.
 */
import { hash } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs, NewNote, QueueName } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import { BodyHash } from '#lib/formats/dkim/bodyHash.ts'
import { composeReport } from '#lib/formats/dsn/compose.ts'
import type { ComposedReport } from '#lib/formats/dsn/compose.ts'
import type { Action, ReportedRecipient } from '#lib/formats/dsn/status.ts'
import { contentOf } from '#lib/mail/transit/content.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { DeliveryStatus, Envelope, NotifyOption, Outcome, OutboundNote, RecipientProgress } from '#lib/mail/transit/note.ts'
import { readOriginal } from './original.ts'
import { makeSign } from './sign.ts'
import type { Sign, SigningDomain } from './sign.ts'

export interface ReportDeps {
  readonly directory: { domain(name: string): Promise<SigningDomain | undefined> }
  readonly blobs: Blobs
  readonly clock: Pick<Clock, 'now'>
  readonly hostname: string
  readonly config: { readonly outbound: Pick<Config['outbound'], 'bounceFullBytes' | 'bounceHeaderBytes'> }
  /** Keeps keys from one message to the next. */
  readonly sign?: Sign | undefined
}

export type ReportedNote = Pick<OutboundNote, 'queueId' | 'receivedAt' | 'envelope' | 'content'> & { readonly silent?: boolean }
export type SettledRecipient = RecipientProgress & { readonly last: Outcome }

const actions: Readonly<Record<DeliveryStatus, Action>> = { failed: 'failed', deferred: 'delayed', delivered: 'delivered', relayed: 'relayed', expanded: 'expanded' }
const asked: Readonly<Record<DeliveryStatus, NotifyOption>> = { failed: 'FAILURE', deferred: 'DELAY', delivered: 'SUCCESS', relayed: 'SUCCESS', expanded: 'SUCCESS' }

/**
 * The note to send, or undefined when nobody is to be told. The recipients' `last.status` says what is reported:
 * `failed`, `deferred` (a delay), `delivered`, `relayed` (to a host that knows no DSN; one that does reports itself), `expanded`.
 * `until`: when a delayed message will be given up, ms since 1970.
 */
export async function makeReport(deps: ReportDeps, message: ReportedNote, recipients: readonly SettledRecipient[], options: { readonly until?: number } = {}): Promise<{ readonly queue: QueueName; readonly note: NewNote } | undefined> {
  const { envelope } = message
  const told = recipients.filter(isWanted)
  // RFC 5321 §6.1: no report about what came from the null reverse path.
  if (envelope.mailFrom === '' || message.silent === true || told.length === 0) return undefined
  const id = `${message.queueId}-r${nameOf(told)}`
  const ours = await deps.directory.domain(domainOfAddress(envelope.mailFrom))
  const speaker = ours ?? (await speakingDomain(deps, envelope))
  const now = deps.clock.now()
  const report = composeReport({
    id,
    from: `postmaster@${speaker?.name ?? deps.hostname}`,
    to: envelope.mailFrom,
    date: now,
    message: { reportingMta: deps.hostname, arrivedAt: message.receivedAt, envid: envelope.envid },
    recipients: told.map((recipient) => reported(recipient, options.until)),
    original: await readOriginal(deps.blobs, message.content, { ...deps.config.outbound, full: wantsFull(envelope, told, ours !== undefined) }),
    utf8: envelope.smtpUtf8 !== true ? 'none' : ours === undefined ? 'types' : 'way',
  })
  const fields = report.fields.map(({ name, value }) => ({ name, value: Buffer.from(value).toString('latin1') }))
  const bodyHash = new BodyHash()
  bodyHash.update(report.body)
  const signatures = speaker === undefined ? '' : await (deps.sign ?? makeSign())(speaker, { fields, bodyHash: bodyHash.digest(), at: now })
  const header = `${signatures}${fields.map(({ name, value }) => `${name}:${value}\r\n`).join('')}\r\n`
  const content = await contentOf(deps.blobs, `transit/${id}`, Buffer.concat([Buffer.from(header, 'latin1'), report.body]), { queueId: id, receivedAt: new Date(now).toISOString() })
  const common = { queueId: id, receivedAt: now, envelope: reportEnvelope(envelope, report), client: {}, content }
  if (ours !== undefined) return { queue: 'inbound', note: { id, body: encodeNote({ kind: 'inbound', ...common }) } }
  return { queue: 'outbound', note: { id, body: encodeNote({ kind: 'outbound', ...common, attempts: 0, recipients: common.envelope.recipients }) } }
}

/** RFC 3461 §4.1, §5.2.5, §5.2.6: without NOTIFY the sender hears of failures and delays, not of success. */
function isWanted({ notify, last }: SettledRecipient): boolean {
  const wanted = asked[last.status]
  return notify === undefined || notify.length === 0 ? wanted !== 'SUCCESS' : notify.includes(wanted)
}

/**
 * RFC 3461 §6.2: the whole message comes back with a failure only. RFC 8689 §5: never when its way had to be secure.
 * Our own users get it unless they said no; strangers only when they asked, since their address may be forged.
 */
function wantsFull({ ret, requireTls }: Envelope, recipients: readonly SettledRecipient[], ours: boolean): boolean {
  return (ret === 'FULL' || (ret === undefined && ours)) && requireTls !== true && recipients.some(({ last }) => last.status === 'failed')
}

function reported({ address, orcpt, last }: SettledRecipient, retryUntil: number | undefined): ReportedRecipient {
  const { status, enhancedCode, reply, code, host, at } = last
  return { address, orcpt, action: actions[status], status: enhancedCode, reply, code, host, at, retryUntil }
}

/** When the sender is a stranger: the domain of ours to which the message was written, else the one this host is in, so that its postmaster can be reached. */
async function speakingDomain({ directory, hostname }: ReportDeps, { recipients }: Envelope): Promise<SigningDomain | undefined> {
  const names = new Set([...recipients.map(({ address }) => domainOfAddress(address)), hostname, hostname.slice(hostname.indexOf('.') + 1)])
  for (const name of names) {
    const domain = await directory.domain(name)
    if (domain !== undefined) return domain
  }
  return undefined
}

/** RFC 3461 §6.1: from nobody, and nobody is told of its fate. RFC 8689 §5 */
function reportEnvelope({ mailFrom, requireTls }: Envelope, { eightBit, needsSmtpUtf8 }: ComposedReport): Envelope {
  return {
    mailFrom: '',
    recipients: [{ address: mailFrom, notify: ['NEVER'] }],
    body: eightBit ? '8BITMIME' : '7BIT',
    ...(needsSmtpUtf8 ? { smtpUtf8: true } : {}),
    ...(requireTls === true ? { requireTls } : {}),
  }
}

function nameOf(recipients: readonly SettledRecipient[]): string {
  const fates = recipients.map(({ address, last }) => `${last.status} ${address}`).sort()
  return hash('sha256', fates.join('\n')).slice(0, 12).toUpperCase()
}
