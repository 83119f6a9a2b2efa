/** DELETE: RFC 9051 §6.3.5. */
import { deleteMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import type { Answer, Command } from '../command.ts'
import { parseOneMailbox } from './create.ts'

export async function remove({ session, lexer }: Command): Promise<Answer> {
  const name = parseOneMailbox(lexer, session.nameEncoding)
  const { place, mailbox } = await session.find(name, 'x').catch((error: unknown) => {
    // RFC 9051 §6.3.5: a name that only stands above others goes when these go.
    if (session.own.state.mailbox(name) === undefined && session.own.state.tree(name).length > 0) throw no('There are mailboxes below this name', 'HASCHILDREN')
    throw error
  })
  await deleteMailbox(place.mail, { name: mailbox.name })
  session.notify?.caused.mailbox(place.prefix + mailbox.name, false)
  if (session.state === 'selected' && session.selected.place === place && session.selected.mailboxId === mailbox.id) session.unselect()
  return {}
}
