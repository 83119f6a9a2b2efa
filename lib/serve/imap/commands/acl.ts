/** SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS: RFC 4314 §3. */
import { parseIdentified, parseSetAcl, writeAcl, writeListRights, writeMyRights } from '#lib/formats/imap/acl.ts'
import type { SetAcl } from '#lib/formats/imap/acl.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { changeAcl } from '#lib/mail/mailbox/acl.ts'
import { readIdentifier, showIdentifier } from '#lib/mail/mailbox/identifiers.ts'
import { allRights } from '#lib/mail/mailbox/rights.ts'
import type { Answer, Command } from '../command.ts'
import type { FoundMailbox, Place } from '../places.ts'
import type { Session } from '../session.ts'
import { parseOneMailbox } from './create.ts'

export async function setAcl({ session, lexer }: Command): Promise<Answer> {
  await change(session, parseSetAcl(lexer, session.nameEncoding), true)
  return {}
}

export async function deleteAcl({ session, lexer }: Command): Promise<Answer> {
  await change(session, { ...parseIdentified(lexer, session.nameEncoding), action: 'replace', rights: '' }, false)
  return {}
}

async function change(session: Session, { name, identifier, action, rights }: SetAcl, mustExist: boolean): Promise<void> {
  const { place, mailbox } = await session.find(name, 'a')
  const stored = await demandIdentifier(session, place, identifier, mustExist)
  // The owner has every right, which nobody can take.
  if (stored.replace(/^-/, '') === place.account.id) {
    if (stored === place.account.id && (action === 'add' || (action === 'replace' && [...allRights].every((right) => rights.includes(right))))) return
    throw no('The owner keeps every right', 'CANNOT')
  }
  const now = await changeAcl(place.mail, { mailboxId: mailbox.id, identifier: stored, action, rights, domain: place.account.domain })
  session.log.info('shared', { account: place.account.address, mailbox: mailbox.name, with: identifier, rights: now, by: session.loggedIn.account.address })
}

export async function getAcl({ session, lexer }: Command): Promise<Answer> {
  const { place, mailbox, name } = await session.find(parseOneMailbox(lexer, session.nameEncoding), 'a')
  const acl: [string, string][] = [[place.account.address, allRights]]
  for (const [identifier, rights] of mailbox.acl) acl.push([await showIdentifier(session.deps.directory, identifier), rights])
  session.output.text(writeAcl(name, acl, session.nameEncoding))
  return {}
}

export async function listRights({ session, lexer }: Command): Promise<Answer> {
  const { name, identifier } = parseIdentified(lexer, session.nameEncoding)
  const found = await session.find(name, 'a')
  const stored = await demandIdentifier(session, found.place, identifier, true)
  session.output.text(writeListRights(found.name, identifier, stored === found.place.account.id ? allRights : '', session.nameEncoding))
  return {}
}

export async function myRights({ session, lexer }: Command): Promise<Answer> {
  const { name, rights }: FoundMailbox = await session.find(parseOneMailbox(lexer, session.nameEncoding), '')
  session.output.text(writeMyRights(name, rights, session.nameEncoding))
  return {}
}

/**
 * What no user has is taken as it stands where `mustExist` is not asked for: as the id of a user who is gone.
 * @throws no
 */
async function demandIdentifier({ deps }: Session, { account }: Place, identifier: string, mustExist: boolean): Promise<string> {
  const stored = await readIdentifier(deps.directory, identifier, account.domain)
  if (stored === undefined && mustExist) throw no('There is no such user', 'CANNOT')
  return stored ?? identifier
}
