/** STATUS: RFC 9051 §6.3.11. */
import { writeMailbox } from '#lib/formats/imap/mailboxName.ts'
import type { StatusItem } from '#lib/formats/imap/status.ts'
import { parseStatus } from '#lib/formats/imap/status.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { Answer, Command } from '../command.ts'
import type { FoundMailbox } from '../places.ts'
import type { Session } from '../session.ts'

export async function status({ session, lexer }: Command): Promise<Answer> {
  const { name, items } = parseStatus(lexer, session.nameEncoding)
  await session.own.refresh()
  session.output.text(askedStatusLine(session, await session.find(name, 'r'), items))
  return {}
}

/** RFC 7162 §3.1.7: asking for HIGHESTMODSEQ enables CONDSTORE. */
export function askedStatusLine(session: Session, found: Pick<FoundMailbox, 'mailbox' | 'name'>, items: readonly StatusItem[]): string {
  if (items.includes('HIGHESTMODSEQ')) session.enableCondstore()
  return statusLine(session, found, items)
}

export function statusLine(session: Session, { mailbox, name }: Pick<FoundMailbox, 'mailbox' | 'name'>, items: readonly StatusItem[]): string {
  const values = items.map((item) => `${item} ${statusValue(session, mailbox, item)}`)
  return `* STATUS ${writeMailbox(name, session.nameEncoding)} (${values.join(' ')})\r\n`
}

function statusValue(session: Session, mailbox: MailboxState, item: StatusItem): string | number {
  switch (item) {
    case 'MESSAGES':
      return mailbox.count
    case 'RECENT':
      return 0
    case 'UIDNEXT':
      return mailbox.uidNext
    case 'UIDVALIDITY':
      return mailbox.uidValidity
    case 'UNSEEN':
      return mailbox.unseen
    case 'DELETED':
      return mailbox.deletedCount
    case 'SIZE':
      return mailbox.sizeBytes
    case 'HIGHESTMODSEQ':
      return mailbox.highestModSeq
    case 'APPENDLIMIT':
      return session.deps.maxMessageBytes
    case 'MAILBOXID':
      return `(${mailbox.id})`
    case 'DELETED-STORAGE':
      return deletedKiB(mailbox)
  }
}

/** RFC 9208 §5.1: in units of 1024 octets, as STORAGE is. */
function deletedKiB(mailbox: MailboxState): number {
  if (mailbox.deletedCount === 0) return 0
  let bytes = 0
  for (let index = 0; index < mailbox.count; index++) if (mailbox.flagsAt(index).includes('\\Deleted')) bytes += mailbox.sizeAt(index)
  return Math.ceil(bytes / 1024)
}
