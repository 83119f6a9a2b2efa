/** Removing messages for good: RFC 9051 §6.4.3 and §6.4.9. Their content waits for the sweep. */
import type { Draft } from './draft.ts'
import type { MailboxState } from './mailboxState.ts'
import { demandMailbox } from './mailboxes.ts'
import type { AccountMail } from './store.ts'
import { demandFits, inParts } from './uidRuns.ts'

export interface ExpungeRequest {
  readonly mailboxId: string
  /** Absent: all of the mailbox. */
  readonly uids?: readonly number[]
  /** Also those without \Deleted (POP3). */
  readonly regardless?: boolean
}

/** UIDs that were removed, ascending. @throws {MailboxRefusal} NONEXISTENT */
export async function expungeMessages(account: AccountMail, { mailboxId, uids, regardless = false }: ExpungeRequest): Promise<number[]> {
  const wanted = uids ?? everyUid(demandMailbox(account.state, mailboxId), regardless)
  const parts = await inParts(wanted, (part) => account.log.change((draft) => decide(draft, mailboxId, part, regardless)))
  return parts.flat()
}

function everyUid(mailbox: MailboxState, regardless: boolean): number[] {
  const all = Array.from({ length: mailbox.count }, (_, place) => mailbox.uidAt(place))
  return regardless ? all : all.filter((_, place) => mailbox.flagsAt(place).includes('\\Deleted'))
}

function decide(draft: Draft, mailboxId: string, uids: readonly number[], regardless: boolean): number[] {
  const mailbox = demandMailbox(draft.state, mailboxId)
  const places = removable(mailbox, uids, regardless)
  if (places.length > 0) draft.add({ kind: 'expunge', mailbox: mailboxId, uids: demandFits(mailbox.runsOf(places)) })
  return places.map((place) => mailbox.uidAt(place))
}

function removable(mailbox: MailboxState, uids: readonly number[], regardless: boolean): number[] {
  if (regardless) return mailbox.placesOf(uids)
  return mailbox.deletedCount === 0 ? [] : mailbox.placesOf(uids).filter((place) => mailbox.flagsAt(place).includes('\\Deleted'))
}
