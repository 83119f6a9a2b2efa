/** EXPUNGE and UID EXPUNGE: RFC 9051 §6.4.3 and §6.4.9. */
import type { Lexer } from '#lib/formats/imap/lexer.ts'
import { parseSequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { Answer, Command } from '../command.ts'
import { keepNewest } from '../messageLimit.ts'
import { demandSelectedRights, demandWritable, resolveUids } from '../messages.ts'
import type { Session } from '../session.ts'

export async function expunge(command: Command): Promise<Answer> {
  command.lexer.end()
  return await remove(command.session, undefined)
}

export async function uidExpunge({ session, lexer }: Command): Promise<Answer> {
  const set = parseUids(lexer)
  const { mailbox, deps } = session
  const uids = resolveUids(session.selected, set, true)
  // RFC 9738 §3.1: those that will go count.
  const { kept, limited } = keepNewest(session, deps.settings.messageLimit === 0 ? uids : uids.filter((uid) => isDeleted(mailbox, uid)))
  return { ...(await remove(session, kept)), limited }
}

function parseUids(lexer: Lexer) {
  lexer.space()
  const set = parseSequenceSet(lexer)
  lexer.end()
  return set
}

async function remove(session: Session, uids: number[] | undefined): Promise<Answer> {
  demandWritable(session)
  demandSelectedRights(session, 'e')
  const { mailboxId } = session.selected
  if (session.mailbox.deletedCount > 0) await expungeMessages(session.mail, uids === undefined ? { mailboxId } : { mailboxId, uids })
  // RFC 7162 §3.2.10: the mod-sequence that stands for what is gone. The EXPUNGE lines come as news.
  return session.condstore ? { code: `HIGHESTMODSEQ ${session.mailbox.highestModSeq}` } : {}
}

function isDeleted(mailbox: MailboxState, uid: number): boolean {
  const place = mailbox.indexOf(uid)
  return place >= 0 && mailbox.flagsAt(place).includes('\\Deleted')
}
