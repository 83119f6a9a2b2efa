/** CREATE, DELETE, RENAME: RFC 9051 §6.3.4 to §6.3.6, special use of RFC 6154 §3. */
import { parseCreate } from '#lib/formats/imap/create.ts'
import type { Lexer } from '#lib/formats/imap/lexer.ts'
import type { NameEncoding } from '#lib/formats/imap/mailboxName.ts'
import { checkNewMailboxName, hierarchySeparator, parseMailbox } from '#lib/formats/imap/mailboxName.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { createMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import type { Answer, Command } from '../command.ts'
import { mailboxLimit } from '../limits.ts'
import type { PlacedName } from '../places.ts'
import type { Session } from '../session.ts'

export async function create({ session, lexer }: Command): Promise<Answer> {
  const { name, specialUse } = parseCreate(lexer, session.nameEncoding)
  checkNewMailboxName(name)
  const { place, inner } = await placeForNew(session, name)
  // RFC 6154 §3: a use is of one's own mailboxes.
  if (specialUse !== undefined && place !== session.places.own) throw no('A mailbox of others has no special use', 'USEATTR')
  if (specialUse !== undefined && place.mail.state.mailboxes().some((mailbox) => mailbox.specialUse === specialUse)) throw no('Another mailbox has this special use', 'USEATTR')
  const { id } = await createMailbox(place.mail, { name: inner, ...mailboxLimit(session.deps, place.account), ...(specialUse === undefined ? {} : { specialUse }) })
  session.notify?.caused.mailbox(place.prefix + inner, true)
  // RFC 8474 §4.1
  return { code: `MAILBOXID (${id})` }
}

/** RFC 4314 §4: CREATE and RENAME need the right `k` to the nearest mailbox above. @throws no */
export async function placeForNew({ places }: Session, name: string): Promise<PlacedName> {
  const placed = await places.place(name)
  if (placed === undefined) throw no('There can be no mailbox of this name', 'NOPERM')
  const { place, inner } = placed
  if (place.full) return placed
  for (let at = inner.lastIndexOf(hierarchySeparator); at > 0; at = inner.lastIndexOf(hierarchySeparator, at - 1)) {
    const parent = place.mail.state.mailbox(inner.slice(0, at))
    if (parent === undefined) continue
    if (places.rightsOn(place, parent).includes('k')) return placed
    break
  }
  throw no('You may make no mailbox there', 'NOPERM')
}

export function parseOneMailbox(lexer: Lexer, encoding: NameEncoding): string {
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  lexer.end()
  return name
}
