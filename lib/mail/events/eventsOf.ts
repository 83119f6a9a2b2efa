/**
 * The events that an entry of an account's log means. Pure: the same entry gives the same events, with the same ids, in
 * every process and for ever; so they can be told again from any position.
 *
 * Invariants: events of one entry stand in the order of its changes; a change that no event type is about gives none;
 * no event is larger than {@link eventLimitBytes}.
 */
import type { EventOf, EventType, MailboxFacts, MailEvent } from '#lib/formats/events/event.ts'
import { declarations } from '#lib/formats/events/event.ts'
import type { Change, Entry, FileChange, OutcomeChange, SubmitChange } from '#lib/mail/mailbox/entry.ts'
import { emailId } from '#lib/mail/mailbox/origin.ts'
import type { UidRuns } from '#lib/mail/mailbox/uidRuns.ts'
import { describeMessage, timeOf } from './message.ts'

/** EventBridge takes 256 KB in one call, and bills every 64 KB as an event of its own. */
export const eventLimitBytes = 64 * 1024
/** Runs of UIDs in one event; of more, several are made. */
const runsInEvent = 1500

interface Place {
  readonly accountId: string
  readonly sequence: number
  readonly entry: Entry
  readonly index: number
}

/** In their order. */
export function eventsOf(accountId: string, sequence: number, entry: Entry): MailEvent[] {
  return entry.changes.flatMap((change, index) => changeEvents({ accountId, sequence, entry, index }, change))
}

function changeEvents(place: Place, change: Change): MailEvent[] {
  switch (change.kind) {
    case 'file':
      return fileEvents(place, change)
    case 'copy': {
      const [from, to] = [mailboxOf(place, change.from), mailboxOf(place, change.to)]
      return parts(change.uids).map((uids, part) => make(place, 'filed', { how: 'copied', mailbox: to, uid: null, flags: [], message: null, copied: { from, uids } }, part))
    }
    case 'flags': {
      const { action, flags } = change
      return parts(change.uids).map((uids, part) => make(place, 'flagged', { mailbox: mailboxOf(place, change.mailbox), uids, action, flags }, part))
    }
    case 'move':
      return parts(change.uids).map((uids, part) => make(place, 'moved', { from: mailboxOf(place, change.from), to: mailboxOf(place, change.to), uids }, part))
    case 'expunge':
      return parts(change.uids).map((uids, part) => make(place, 'deleted', { what: 'messages', mailbox: mailboxOf(place, change.mailbox), uids }, part))
    case 'delete':
      return [make(place, 'deleted', { what: 'mailbox', mailbox: mailboxOf(place, change.mailbox), uids: null })]
    case 'end':
      return [make(place, 'deleted', { what: 'account', mailbox: null, uids: null })]
    case 'submit':
      return [submitEvent(place, change)]
    case 'outcome':
      return [outcomeEvent(place, change)]
    default:
      return []
  }
}

function fileEvents(place: Place, change: FileChange): MailEvent[] {
  const { envelope, flags, deliveryId } = change
  const mailbox = mailboxOf(place, change.mailbox)
  const uid = change.uid ?? null
  const { message, complaint } = describeMessage(change, emailId(place.sequence, place.index))
  // A client's APPEND has no delivery id.
  const delivered = deliveryId !== null
  return [
    ...(delivered ? [make(place, 'received', { queueId: queueIdOf(deliveryId), from: envelope?.from ?? null, to: envelope?.to ?? null, mailbox, uid, message })] : []),
    make(place, 'filed', { how: delivered ? 'delivered' : 'stored', mailbox, uid, flags, message, copied: null }),
    ...(delivered && complaint !== undefined ? [make(place, 'complained', { mailbox, uid, report: message, original: complaint.original })] : []),
  ]
}

/** lib/mail/inbound/file.ts makes it of queue id and account; what is too long is a hash. */
function queueIdOf(deliveryId: string): string | null {
  const [queueId, accountId] = deliveryId.split('/')
  return accountId === undefined ? null : (queueId ?? null)
}

function submitEvent(place: Place, { queueId, messageId, from, recipients, sizeBytes }: SubmitChange): MailEvent {
  return { ...make(place, 'submitted', { queueId, messageId, from, recipients, sizeBytes }), id: `${place.accountId}.${queueId}.submitted.${place.index}` }
}

function outcomeEvent(place: Place, { outcome, key, queueId, messageId, from, recipients, host, reply, code, enhancedCode, attempt, nextAt }: OutcomeChange): MailEvent {
  const id = `${place.accountId}.${key}`
  const detail = { queueId, messageId, from, recipients, host, reply, code, enhancedCode, attempt }
  if (outcome === 'deferred') return { ...make(place, 'deferred', { ...detail, nextAt: timeOf(nextAt ?? place.entry.at) }), id }
  return { ...make(place, outcome, detail), id }
}

function make<T extends EventType>({ accountId, sequence, entry, index }: Place, type: T, detail: EventOf<T>['detail'], part = 0): EventOf<T> {
  const id = `${accountId}.${sequence}.${index}.${type}${part === 0 ? '' : `.${part}`}`
  return { id, type, version: declarations[type].version, time: timeOf(entry.at), account: accountId, sequence, detail }
}

function mailboxOf({ entry }: Place, id: string): MailboxFacts {
  const found = entry.mailboxes?.find((mailbox) => mailbox.id === id)
  return { id, name: found?.name ?? null, use: found?.use ?? null }
}

type Runs = readonly (readonly [number, number])[]

function parts(uids: UidRuns): Runs[] {
  const runs: [number, number][] = []
  for (let at = 0; at < uids.length; at += 2) runs.push([uids[at] ?? 0, uids[at + 1] ?? 0])
  return Array.from({ length: Math.ceil(runs.length / runsInEvent) }, (_, n) => runs.slice(n * runsInEvent, (n + 1) * runsInEvent))
}
