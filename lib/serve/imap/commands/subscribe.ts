/** SUBSCRIBE and UNSUBSCRIBE: RFC 9051 §6.3.7 and §6.3.8. */
import { checkNewMailboxName } from '#lib/formats/imap/mailboxName.ts'
import { subscribeMailbox, unsubscribeMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import type { Answer, Command } from '../command.ts'
import { parseOneMailbox } from './create.ts'

/** RFC 9051 §6.3.7: a name may be subscribed to before its mailbox is made, and stays so after it is deleted. */
export async function subscribe({ session, lexer }: Command): Promise<Answer> {
  const name = parseOneMailbox(lexer, session.nameEncoding)
  checkNewMailboxName(name)
  await subscribeMailbox(session.own, { name })
  session.notify?.caused.subscribed(name, true)
  return {}
}

export async function unsubscribe({ session, lexer }: Command): Promise<Answer> {
  const name = parseOneMailbox(lexer, session.nameEncoding)
  await unsubscribeMailbox(session.own, { name })
  session.notify?.caused.subscribed(name, false)
  return {}
}
