/**
 * What follows when an attempt is over: for each recipient an end, a report to the sender, or another try.
 *
 * Invariants: every recipient of the note is accounted for exactly once; all that follows is returned, to be sent in one
 * with the answer; the same findings give the same ids, so that a repeated step replaces what it sent before.
 */
import { hash } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { portLimits } from '#lib/engine/ports.ts'
import type { NewNote, QueueName, Table } from '#lib/engine/ports.ts'
import { outcomeChanges } from '#lib/mail/events/outcomes.ts'
import { recordOutcomes } from '#lib/mail/events/record.ts'
import type { RecordChanges, RecordedChange } from '#lib/mail/mailbox/record.ts'
import { releaseLater, shareContent } from '#lib/mail/transit/lifetime.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { DeliveryNote, OutboundNote, RecipientProgress } from '#lib/mail/transit/note.ts'
import type { Finding } from './outcome.ts'
import type { ReportedNote, SettledRecipient } from './report.ts'
import { expiryOf, nextStep } from './schedule.ts'

/** makeReport (report.ts) with its needs filled in. */
export type Report = (message: ReportedNote, recipients: readonly SettledRecipient[], options: { readonly until?: number }) => Promise<Following[number] | undefined>

export interface SettleDeps {
  readonly table: Table
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly config: { readonly outbound: Pick<Config['outbound'], 'retryMs' | 'expireMs' | 'warnMs' | 'contentMs' | 'maxRecipientsPerDelivery'> }
  readonly report: Report
  /** Into the sender's log. */
  readonly record?: RecordChanges | undefined
}

export type Following = readonly { readonly queue: QueueName; readonly note: NewNote }[]

export interface Settled {
  readonly recipient: RecipientProgress
  readonly finding: Finding
  /** Telling of success is left to the next host. */
  readonly dsnPassedOn?: boolean
  /** Version and cipher of the connection, for the log. */
  readonly tls?: string | undefined
}

export interface SettleOptions {
  /** Notes that go on with the content besides. */
  readonly passedOn?: Following
  /** What the sender's log has to say before it tells of outcomes. */
  readonly before?: readonly RecordedChange[]
}

/**
 * @param retryId the id under which what is deferred goes back to `outbound`; it must not be that of a note in hand there
 */
export async function settle(deps: SettleDeps, noteId: string, note: OutboundNote | DeliveryNote, settled: readonly Settled[], retryId: string, { passedOn = [], before = [] }: SettleOptions = {}): Promise<Following> {
  const now = deps.clock.now()
  const fates = settled.map((each) => stamp(each, now))
  const [deferred, ended] = partition(fates, ({ last }) => last.status === 'deferred')
  const step = nextStep(note, now, deps.config.outbound)
  const failed = [...ended.filter(({ last }) => last.status === 'failed'), ...(step.kind === 'give up' ? deferred.map(expired) : [])]
  const told = await reports(deps, note, failed)
  // Who could not be told of a failure is tried again, and told then: the mail that others got is not sent twice for it.
  const open = [...(step.kind === 'retry' ? deferred : []), ...(told === undefined ? failed : [])]
  const nextAt = step.kind === 'retry' ? step.at : now + untoldMs
  const warning = step.kind === 'retry' && step.warn ? await reports(deps, note, deferred) : undefined
  const relayed = await reports(deps, note, ended.filter(({ last }) => last.status === 'relayed'))
  const retried = retryNotes(deps, note, open, warning === undefined ? undefined : now, retryId).map((each) => ({ queue: 'outbound' as const, note: { ...each, notBefore: nextAt } }))
  const all: Fates = { delivered: ended.filter(({ last }) => last.status !== 'failed'), failed: told === undefined ? [] : failed, open, nextAt }
  logFates(deps.log, note, all, settled.find(({ tls }) => tls !== undefined)?.tls)
  const unrecorded = await recordOutcomes(deps, note, [...before, ...fateChanges(noteId, note, all)])
  const holders = [...passedOn, ...retried].map((each) => each.note.id)
  if (holders.some((id) => id !== noteId)) await shareContent(deps.table, note.content, holders)
  const released = holders.includes(noteId) ? [] : releaseLater(note.content, noteId, now, deps.config.outbound.contentMs)
  return [...passedOn, ...(told ?? []), ...(relayed ?? []), ...(warning ?? []), ...retried, ...released, ...unrecorded]
}

/** After this time a report is tried again that could not be made. */
const untoldMs = 5 * 60_000

/** The part of an id that stays through all deliveries of one outbound note. */
export function deliveryId(noteId: string, ...words: readonly string[]): string {
  const base = noteId.split('.', 1)[0] ?? noteId
  return `${base}.${hash('sha256', words.join('\n')).slice(0, 12).toUpperCase()}`
}

/** RFC 3461 §5.2.2: where the next host does not know DSN, success is told as `relayed`, to whom asked for it. */
function stamp({ recipient, finding, dsnPassedOn }: Settled, at: number): SettledRecipient {
  const relayed = finding.status === 'delivered' && dsnPassedOn !== true && recipient.notify?.includes('SUCCESS') === true
  return { ...recipient, last: { ...finding, ...(relayed ? { status: 'relayed' } : {}), at } }
}

/** RFC 3463 §3.5: 5.4.7 delivery time expired. The last reply stays: it says why. */
function expired(recipient: SettledRecipient): SettledRecipient {
  return { ...recipient, last: { ...recipient.last, status: 'failed', enhancedCode: '5.4.7' } }
}

/** As many recipients in one as a delivery may have, so that each fits into its queue. */
function retryNotes({ config }: SettleDeps, note: OutboundNote | DeliveryNote, recipients: readonly SettledRecipient[], warnedAt: number | undefined, retryId: string): NewNote[] {
  const most = Math.max(1, config.outbound.maxRecipientsPerDelivery)
  const parts = Array.from({ length: Math.ceil(recipients.length / most) }, (_, n) => recipients.slice(n * most, (n + 1) * most))
  return parts.map((part, n) => ({ id: n === 0 ? retryId : deliveryId(retryId, 'retry', String(note.attempts), ...part.map(({ address }) => address)), body: encodeFitting(retryNote(note, part, warnedAt)) }))
}

function retryNote({ queueId, receivedAt, envelope, client, content, silent, attempts, warnedAt: warnedBefore, submission }: OutboundNote | DeliveryNote, recipients: readonly SettledRecipient[], warnedAt: number | undefined): OutboundNote {
  const warned = warnedAt ?? warnedBefore
  const addresses = new Set(recipients.map(({ address }) => address))
  return {
    kind: 'outbound',
    queueId,
    receivedAt,
    envelope: { ...envelope, recipients: envelope.recipients.filter(({ address }) => addresses.has(address)) },
    client,
    content,
    attempts: attempts + 1,
    recipients,
    ...(warned === undefined ? {} : { warnedAt: warned }),
    ...(silent === undefined ? {} : { silent }),
    ...(submission === undefined ? {} : { submission }),
  }
}

/** Long replies give way where all would not fit into a note: what a host said must never keep mail from going on. */
export function encodeFitting(note: OutboundNote | DeliveryNote): Uint8Array {
  const body = encodeNote(note)
  if (body.length <= portLimits.noteBytes) return body
  return encodeNote({ ...note, recipients: note.recipients.map(({ last, ...recipient }) => (last === undefined ? recipient : { ...recipient, last: { ...last, reply: last.reply.slice(0, 80) } })) })
}

/** Undefined when a report could not be made. */
async function reports(deps: SettleDeps, note: OutboundNote | DeliveryNote, recipients: readonly SettledRecipient[]): Promise<Following | undefined> {
  if (recipients.length === 0) return []
  try {
    const report = await deps.report(note, recipients, { until: expiryOf(note, deps.config.outbound) })
    return report === undefined ? [] : [report]
  } catch (error) {
    deps.log.error('report-failed', { queueId: note.queueId, to: recipients.map(({ address }) => address), ...errorFields(error) })
    return undefined
  }
}

interface Fates {
  readonly delivered: readonly SettledRecipient[]
  readonly failed: readonly SettledRecipient[]
  readonly open: readonly SettledRecipient[]
  readonly nextAt: number
}

/** The same as the log lines say, for the log of whoever sent it. */
function fateChanges(noteId: string, note: OutboundNote | DeliveryNote, { delivered, failed, open, nextAt }: Fates): RecordedChange[] {
  const attempt = { noteId, attempt: note.attempts + 1 }
  return [...outcomeChanges(note, attempt, 'delivered', delivered), ...outcomeChanges(note, attempt, 'bounced', failed), ...outcomeChanges(note, attempt, 'deferred', open, nextAt)]
}

/** One line for all recipients of whom the same was said. */
function logFates(log: Log, { queueId }: { readonly queueId: string }, { delivered, failed, open, nextAt }: Fates, tls: string | undefined): void {
  const tell = (event: string, recipients: readonly SettledRecipient[], more: object = {}) => {
    for (const group of Map.groupBy(recipients, ({ last }) => `${last.host ?? ''} ${last.reply}`).values()) {
      const last = group[0]?.last
      log.info(event, { queueId, to: group.map(({ address }) => address), ...(last?.host === undefined ? {} : { host: last.host }), reply: last?.reply, status: last?.enhancedCode, ...more })
    }
  }
  tell('delivered', delivered, tls === undefined ? {} : { tls })
  tell('bounced', failed)
  tell('deferred', open, { nextAt })
}

function partition<T>(items: readonly T[], holds: (item: T) => boolean): [T[], T[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))]
}
