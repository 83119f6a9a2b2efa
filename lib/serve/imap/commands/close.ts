/** CLOSE and UNSELECT: RFC 9051 §6.4.1 and §6.4.2. */
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import type { Answer, Command } from '../command.ts'

export async function close({ session, lexer }: Command): Promise<Answer> {
  lexer.end()
  const { mailboxId, readOnly } = session.selected
  // No EXPUNGE responses: the client forgets the mailbox anyway.
  // RFC 4314 §4: without the right to expunge nothing is, and nothing is said.
  const gone = !readOnly && session.rights.includes('e') && session.mailbox.deletedCount > 0 ? await expungeMessages(session.mail, { mailboxId }) : []
  // RFC 7162 §3.2.8
  const code = session.condstore && gone.length > 0 ? { code: `HIGHESTMODSEQ ${session.mailbox.highestModSeq}` } : {}
  session.unselect()
  return code
}

export function unselect({ session, lexer }: Command): Answer {
  lexer.end()
  session.unselect()
  return {}
}
