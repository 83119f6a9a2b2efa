/** RENAME: RFC 9051 §6.3.6. */
import type { Lexer } from '#lib/formats/imap/lexer.ts'
import { writeListLine } from '#lib/formats/imap/list.ts'
import type { NameEncoding } from '#lib/formats/imap/mailboxName.ts'
import { checkNewMailboxName, parseMailbox } from '#lib/formats/imap/mailboxName.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { renameMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import type { Answer, Command } from '../command.ts'
import type { PlacedName } from '../places.ts'
import type { Session } from '../session.ts'
import { placeForNew } from './create.ts'
import { listAttributes } from './list.ts'

export async function rename({ session, lexer }: Command): Promise<Answer> {
  const { from, to } = parseRename(lexer, session.nameEncoding)
  checkNewMailboxName(to)
  const source = await placeForOld(session, from)
  const target = await placeForNew(session, to)
  if (source.place.account.id !== target.place.account.id) throw no('A mailbox cannot go to another account', 'CANNOT')
  const subscribed = new Set(session.own.state.subscriptions)
  await renameMailbox(source.place.mail, { from: source.inner, to: target.inner })
  if (session.notify !== undefined) noteCaused(session, from, target, subscribed)
  const { rev2, output, nameEncoding } = session
  const renamed = source.inner === 'INBOX' ? undefined : target.place.mail.state.mailbox(target.inner)
  // RFC 9051 §6.3.6: those who speak IMAP4rev2 are told of the new name. What comes out of INBOX is a new mailbox.
  if (rev2 && renamed !== undefined) output.text(writeListLine({ word: 'LIST', attributes: listAttributes(session, target.place, target.place.prefix + renamed.name), name: target.place.prefix + renamed.name, oldName: from }, nameEncoding))
  return {}
}

/** RFC 5465 §5: what the client need not be told. Subscriptions go with the mailboxes. */
function noteCaused({ notify, own }: Session, from: string, { place, inner }: PlacedName, subscribed: ReadonlySet<string>): void {
  notify?.caused.renamed(from, place.prefix + inner)
  const { subscriptions } = own.state
  for (const name of [...subscribed, ...subscriptions]) if (subscribed.has(name) !== subscriptions.has(name)) notify?.caused.subscribed(name, subscriptions.has(name))
}

/** RFC 4314 §4: the right `x`. A level that only mailboxes below it make has no rights: of one's own it can be renamed. */
async function placeForOld(session: Session, name: string): Promise<PlacedName> {
  const placed = await session.places.place(name)
  if (placed?.place.full === true) return placed
  const { place, mailbox } = await session.find(name, 'x')
  return { place, inner: mailbox.name }
}

function parseRename(lexer: Lexer, encoding: NameEncoding): { from: string; to: string } {
  lexer.space()
  const from = parseMailbox(lexer, encoding)
  lexer.space()
  const to = parseMailbox(lexer, encoding)
  lexer.end()
  return { from, to }
}
