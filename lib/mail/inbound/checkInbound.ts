/**
 * The step between the inbound queue and the mailboxes: where each recipient leads, filing, forwarding, and telling the
 * sender what could not be done. The message was judged while its client was connected; here the verdict is obeyed.
 *
 * Invariants: a repeated note changes nothing (filing knows its delivery ids, everything sent on has an id made of the
 * note's); what goes on is sent with the answer, in one transaction where the engine can; a fault fails its own note only; the sender is
 * told only when that hits nobody else (backscatter.ts), else the log is told.
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs, NewNote, Note, NoteAnswer, NoteHandler, QueueName, Table } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import type { Directory, Domain } from '#lib/mail/accounts/directory.ts'
import { outcomeChanges, submitChanges, toldOf } from '#lib/mail/events/outcomes.ts'
import { recordOutcomes } from '#lib/mail/events/record.ts'
import type { RecordChanges, RecordedChange } from '#lib/mail/mailbox/record.ts'
import type { MailStore } from '#lib/mail/mailbox/store.ts'
import type { Resolve } from '#lib/mail/rules/expand.ts'
import { releaseContent, releaseLater, shareContent } from '#lib/mail/transit/lifetime.ts'
import { decodeAnyNote, encodeNote, NoteFormatError } from '#lib/mail/transit/note.ts'
import type { DeliveryStatus, EnvelopeRecipient, InboundNote, OutboundNote, Outcome, RecipientProgress } from '#lib/mail/transit/note.ts'
import { mayTell } from './backscatter.ts'
import type { Told } from './backscatter.ts'
import { DomainRoom } from './domainRoom.ts'
import { fileFor } from './file.ts'
import type { FileDeps, FilingRefusal } from './file.ts'
import { forwardAll } from './forward.ts'
import type { ForwardDeps } from './forward.ts'
import { openMail } from './mailHead.ts'
import type { TransitMail } from './mailHead.ts'
import { planDelivery } from './plan.ts'
import type { Plan, PlanDeps, PlannedAccount, PlannedRemote } from './plan.ts'
import { rememberFor } from './remember.ts'
import { verdictFields } from './verdictFields.ts'

export type Settled = RecipientProgress & { readonly last: Outcome }
export type OnwardNote = { readonly queue: QueueName; readonly note: NewNote }

export interface CheckInboundDeps {
  readonly directory: Pick<Directory, 'domain' | 'limitsOf' | 'domainQuotaOf' | 'recordUsage' | 'domainUsage' | 'listUsers'>
  /** What addresses are, SRS included (rules/recipients.ts). */
  readonly resolve: Resolve
  readonly mail: Pick<MailStore, 'openForFiling'>
  readonly table: Table
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
  readonly hostname: string
  readonly settings: Config['inbound']
  /** Received fields from which on a message is in a loop. */
  readonly maxHops: number
  /** Is it one of `inbound.trusted`? */
  readonly isTrusted: (address: string) => boolean
  /** The report's note, undefined when nobody is to be told. */
  readonly report: (message: Pick<OutboundNote, 'queueId' | 'receivedAt' | 'envelope' | 'content'>, recipients: readonly Settled[]) => Promise<OnwardNote | undefined>
  /** Into the log of the account that sent it. */
  readonly record?: RecordChanges | undefined
}

/** How long what a domain has chosen is believed. */
const domainMs = 5000
/** Accounts that get one message side by side. */
const accountsAtOnce = 16

/** The deps of the steps, made once. */
interface Room {
  readonly deps: CheckInboundDeps
  readonly plan: PlanDeps
  readonly file: FileDeps
  readonly forward: ForwardDeps
}

export function makeCheckInbound(deps: CheckInboundDeps): NoteHandler {
  const { settings, directory, clock, log, mail, hostname } = deps
  const domain = rememberFor<Domain | undefined>(domainMs, clock, (name) => directory.domain(name))
  const room: Room = {
    deps,
    plan: { resolve: deps.resolve, domain, limits: { depth: settings.aliasDepth, targets: settings.aliasTargets }, settings },
    file: { mail, directory, domain, room: new DomainRoom({ directory, mail, clock }), clock, log, hostname, settings },
    forward: { blobs: deps.blobs, srs: { directory: { domain }, clock, maxAgeDays: settings.srsMaxAgeDays } },
  }
  // Side by side, so that filings to one account share an entry and the engine's flushes are shared by all.
  return (notes) => Promise.all(notes.map((note) => answerFor(room, note)))
}

async function answerFor(room: Room, note: Note): Promise<NoteAnswer> {
  const { deps } = room
  try {
    const decoded = decodeAnyNote(note.body)
    if (decoded.kind === 'release') {
      await releaseContent(deps, decoded)
      return { kind: 'done' }
    }
    if (decoded.kind === 'record') {
      await deps.record?.(decoded.accountId, decoded.changes)
      return { kind: 'done' }
    }
    if (decoded.kind !== 'inbound') throw new NoteFormatError(`a note of kind ${decoded.kind} stands in the queue inbound`)
    return await check(room, note.id, decoded)
  } catch (error) {
    deps.log.error('check-failed', { note: note.id, receives: note.receives, ...errorFields(error) })
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

async function check(room: Room, id: string, note: InboundNote): Promise<NoteAnswer> {
  const { deps } = room
  if (note.verdict !== undefined) deps.log.info('checked', { queueId: note.queueId, ...verdictFields(note.verdict) })
  const message = await openMail(deps.blobs, note.content, deps.hostname)
  const plan = await planFor(room, note, message)
  const told = await tellable(room, note)
  const refused: Settled[] = plan.refusals.map(({ recipient, address, enhancedCode, text }) => settled(deps, { ...recipient, address }, 'failed', enhancedCode, text))
  const waiting: PlannedAccount[] = []
  const filed: PlannedAccount[] = []
  await eachAtOnce(plan.accounts, async (target) => {
    const refusal = await fileFor(room.file, note, message, target)
    if (refusal === undefined) filed.push(target)
    else if (mayWait(deps, note, refusal)) waiting.push(target)
    else refused.push(settled(deps, { ...target.recipient, address: target.account.address }, 'failed', refusal.enhancedCode, refusal.text))
  })
  const then = [...(await forwards(room, note, plan.remotes, !told.may)), ...(await reports(deps, note, told, refused, successes(deps, plan, filed)))]
  const unrecorded = await recordOutcomes(deps, note, [...submitChanges(note), ...fateChanges(deps, id, note, { filed, refused, waiting })])
  return await conclude(deps, id, note, waiting, [...then, ...unrecorded], filed.length > 0)
}

interface Fates {
  readonly filed: readonly PlannedAccount[]
  readonly refused: readonly Settled[]
  readonly waiting: readonly PlannedAccount[]
}

/** What the log of one of our users says of mail to others of ours. */
function fateChanges(deps: CheckInboundDeps, noteId: string, note: InboundNote, { filed, refused, waiting }: Fates): RecordedChange[] {
  if (note.client.accountId === undefined) return []
  // Full mailboxes are tried again every so often, by the same note.
  const attempt = { noteId, attempt: 1 + Math.max(0, Math.floor((deps.clock.now() - note.receivedAt) / deps.settings.deferEveryMs)) }
  const fate = ({ account }: PlannedAccount, status: DeliveryStatus, enhancedCode: string, reply: string): Settled => settled(deps, { address: account.address }, status, enhancedCode, reply)
  return [
    ...outcomeChanges(note, attempt, 'delivered', filed.map((target) => fate(target, 'delivered', '2.1.5', 'delivered'))),
    ...outcomeChanges(note, attempt, 'bounced', refused),
    ...outcomeChanges(note, attempt, 'deferred', waiting.map((target) => fate(target, 'deferred', '4.2.2', 'mailbox full')), deps.clock.now() + deps.settings.deferEveryMs),
  ]
}

async function planFor({ deps, plan }: Room, { envelope, verdict }: InboundNote, { hops, deliveredTo }: TransitMail): Promise<Plan> {
  if (hops <= deps.maxHops) return await planDelivery(plan, envelope.recipients, verdict, deliveredTo)
  // RFC 5321 §6.3
  const refusals = envelope.recipients.map((recipient) => ({ recipient, address: recipient.address, enhancedCode: '5.4.6', text: `${recipient.address}: received ${hops} times already, mail loops` }))
  return { accounts: [], remotes: [], refusals, expanded: [] }
}

async function tellable({ deps, plan }: Room, note: InboundNote): Promise<Told> {
  const isOurs = note.envelope.mailFrom !== '' && (await plan.domain(domainOfAddress(note.envelope.mailFrom))) !== undefined
  return mayTell(note, deps.isTrusted, isOurs)
}

function settled({ clock }: CheckInboundDeps, recipient: EnvelopeRecipient, status: DeliveryStatus, enhancedCode: string, reply: string): Settled {
  return { ...recipient, last: { status, enhancedCode, reply, at: clock.now() } }
}

/** RFC 3461 §5.2.3, §5.2.7: delivered, or expanded to several, for those who asked to hear of success. */
function successes(deps: CheckInboundDeps, plan: Plan, filed: readonly PlannedAccount[]): Settled[] {
  const delivered = filed.filter(({ expanded }) => !expanded).map(({ recipient }) => settled(deps, recipient, 'delivered', '2.1.5', `${recipient.address}: delivered`))
  const expanded = plan.expanded.map((recipient) => settled(deps, recipient, 'expanded', '2.1.5', `${recipient.address}: passed on to several addresses`))
  return [...delivered, ...expanded].filter(({ notify }) => notify?.includes('SUCCESS') === true)
}

async function forwards({ deps, forward }: Room, note: InboundNote, remotes: readonly PlannedRemote[], silent: boolean): Promise<OnwardNote[]> {
  // What the domain would have refused is not sent on in its name; what it calls junk is the next host's to judge.
  const wanted = remotes.filter(({ disposition }) => disposition.action !== 'refuse')
  const dropped = remotes.filter(({ disposition }) => disposition.action === 'refuse').map(({ address }) => address)
  if (dropped.length > 0) deps.log.info('discarded', { queueId: note.queueId, to: dropped, reason: 'the domain refuses such mail: not forwarded' })
  if (wanted.length === 0) return []
  const made = await forwardAll(forward, note, wanted, silent)
  for (const { mailFrom, to } of made) deps.log.info('forwarded', { queueId: note.queueId, from: mailFrom, to })
  return made.map(({ note: onward }) => ({ queue: 'outbound', note: onward }))
}

async function reports(deps: CheckInboundDeps, note: InboundNote, told: Told, refused: readonly Settled[], succeeded: readonly Settled[]): Promise<OnwardNote[]> {
  const report = told.may && refused.length + succeeded.length > 0 ? await deps.report(note, [...refused, ...succeeded]) : undefined
  for (const { address, last } of refused) {
    const fields = { queueId: note.queueId, from: note.envelope.mailFrom, to: address, reply: `${last.enhancedCode} ${last.reply}` }
    if (report === undefined) deps.log.info('discarded', { ...fields, reason: told.may ? 'the sender wants no report' : told.why })
    else deps.log.info('bounced', fields)
  }
  return report === undefined ? [] : [report]
}

function mayWait({ settings, clock }: CheckInboundDeps, { receivedAt }: InboundNote, { full }: FilingRefusal): boolean {
  return full && settings.deferOverQuota && clock.now() + settings.deferEveryMs <= receivedAt + settings.deferForMs
}

/** Full mailboxes are tried again: by this note when nothing else came of it, else by one of their own. */
async function conclude(deps: CheckInboundDeps, id: string, note: InboundNote, waiting: readonly PlannedAccount[], then: readonly OnwardNote[], anyFiled: boolean): Promise<NoteAnswer> {
  const { clock, settings, log, table } = deps
  const now = clock.now()
  const nextAt = now + settings.deferEveryMs
  if (waiting.length > 0) log.info('deferred', { queueId: note.queueId, to: waiting.map(({ account }) => account.address), reply: '4.2.2 mailbox full', nextAt })
  const unchanged = then.length === 0 && !anyFiled && note.submission?.told !== false
  if (waiting.length > 0 && unchanged) return { kind: 'again', notBefore: nextAt }
  const release = releaseLater(note.content, id, now, settings.releaseAfterMs)
  if (waiting.length === 0) return { kind: 'done', then: [...then, ...release] }
  const recipients = waiting.map(({ recipient, account }) => ({ ...recipient, address: account.address }))
  const waitingId = `${id}-w`
  await shareContent(table, note.content, [waitingId])
  const later: InboundNote = { ...note, ...toldOf(note), envelope: { ...note.envelope, recipients } }
  return { kind: 'done', then: [...then, { queue: 'inbound', note: { id: waitingId, body: encodeNote(later), notBefore: nextAt } }, ...release] }
}

async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  if (items.length === 1) return await work(items[0] as T)
  for (let at = 0; at < items.length; at += accountsAtOnce) await Promise.all(items.slice(at, at + accountsAtOnce).map(work))
}
