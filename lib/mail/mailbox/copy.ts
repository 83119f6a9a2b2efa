/** Copying messages to a mailbox: RFC 9051 §6.4.7, all of them or none. */
import { demandMailbox } from './mailboxes.ts'
import type { MailboxState } from './mailboxState.ts'
import { demandFlagBytes, demandKeywords } from './keywords.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'
import type { Draft } from './draft.ts'
import type { Config } from '#lib/config.ts'
import { demandFits, inParts } from './uidRuns.ts'

export interface CopyRequest {
  /** Mailbox ids. */
  readonly from: string
  readonly to: string
  readonly uids: readonly number[]
  /** Octets the account may hold; absent for any number. A move never needs more. */
  readonly quotaBytes?: number
  /** The same in messages. */
  readonly quotaMessages?: number
  /** Which flags go along; absent: all. */
  readonly mayKeep?: (flag: string) => boolean
}

/** `source[i]` has become `destination[i]`. UIDs that were not there are in neither. */
export interface CopyOutcome {
  /** Of the destination. */
  readonly uidValidity: number
  readonly source: number[]
  readonly destination: number[]
}

/** @throws {MailboxRefusal} NONEXISTENT, OVERQUOTA */
export async function copyMessages(account: AccountMail, request: CopyRequest): Promise<CopyOutcome> {
  return await transfer(account, request, 'copy')
}

/** @throws {MailboxRefusal} */
export async function transfer(account: AccountMail, request: CopyRequest, kind: 'copy' | 'move'): Promise<CopyOutcome> {
  const { settings } = account.log.deps
  const parts = await inParts(request.uids, (uids) => account.log.change((draft) => decide(draft, { ...request, uids }, kind, settings)))
  return { uidValidity: parts.at(-1)?.uidValidity ?? 0, source: parts.flatMap((part) => part.source), destination: parts.flatMap((part) => part.destination) }
}

function decide(draft: Draft, { from, to, uids, quotaBytes = Infinity, quotaMessages = Infinity, mayKeep }: CopyRequest, kind: 'copy' | 'move', settings: Config['mailbox']): CopyOutcome {
  const { state } = draft
  const source = demandMailbox(state, from)
  const target = demandMailbox(state, to)
  const places = source.placesOf(uids)
  const outcome: CopyOutcome = { uidValidity: target.uidValidity, source: places.map((place) => source.uidAt(place)), destination: places.map((_, at) => target.uidNext + at) }
  if (places.length === 0) return outcome
  const flags = flagsOf(source, places)
  const dropped = mayKeep === undefined ? [] : flags.filter((flag) => !mayKeep(flag))
  demandFlagBytes(dropped)
  demandKeywords(target, flags.filter((flag) => !dropped.includes(flag)), settings)
  if (kind === 'copy') {
    const bytes = places.reduce((sum, place) => sum + source.sizeAt(place), 0)
    if (state.usedBytes + bytes > quotaBytes || state.messageCount + places.length > quotaMessages) throw new MailboxRefusal('OVERQUOTA', 'The account is full')
  }
  draft.add({ kind, from, to, uids: demandFits(source.runsOf(places)) })
  // In the same entry: nobody sees them with these flags.
  if (dropped.length > 0) draft.add({ kind: 'flags', mailbox: to, uids: [target.uidNext, target.uidNext + places.length - 1], action: 'remove', flags: dropped })
  return outcome
}

function flagsOf(mailbox: MailboxState, places: readonly number[]): string[] {
  const sets = new Set(places.map((place) => mailbox.flagsAt(place)))
  return [...new Set([...sets].flat())]
}
