/** GETMETADATA and SETMETADATA: RFC 5464 §4.2 and §4.3. Who may do what: ../metadata.ts. */
import { parseGetMetadata, parseSetMetadata, writeMetadata } from '#lib/formats/imap/metadata.ts'
import type { SetMetadata } from '#lib/formats/imap/metadata.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { readSpecialUse } from '#lib/formats/imap/create.ts'
import { annotate } from '#lib/mail/mailbox/annotate.ts'
import { specialUseName } from '#lib/mail/mailbox/annotations.ts'
import type { Answer, Command } from '../command.ts'
import { maySeeMetadata, readMailboxMetadata, readMetadata, userOf } from '../metadata.ts'
import type { MetadataValue } from '../metadata.ts'
import { demandRights } from '../places.ts'
import type { FoundMailbox, Place } from '../places.ts'
import type { Session } from '../session.ts'

export async function getMetadata({ session, lexer }: Command): Promise<Answer> {
  const { mailbox, entries, maxSize = Infinity, depth } = parseGetMetadata(lexer, session.nameEncoding)
  await session.own.refresh()
  const values: MetadataValue[] = []
  if (mailbox === '') {
    for (const entry of entries) values.push(...(await readServer(session, entry, depth)))
  } else values.push(...readMailboxMetadata(session, await findAnnotated(session, mailbox), entries, depth))
  const told = values.filter(({ value }) => (value?.length ?? 0) <= maxSize)
  if (told.length > 0) session.output.text(writeMetadata(mailbox, told, session.nameEncoding))
  // RFC 5464 §4.2.1
  const longest = Math.max(0, ...values.map(({ value }) => value?.length ?? 0))
  return longest > maxSize ? { code: `METADATA LONGENTRIES ${longest}` } : {}
}

export async function setMetadata({ session, lexer }: Command): Promise<Answer> {
  const { mailbox, changes } = parseSetMetadata(lexer, session.nameEncoding)
  demandSizes(session, changes)
  if (mailbox === '') await setServer(session, changes)
  else await setMailbox(session, await findAnnotated(session, mailbox), changes)
  for (const { scope, name, value } of changes) session.notify?.caused.annotated(mailbox, `/${scope}${name}`, value)
  return {}
}

/** RFC 5464 §4.3 */
function demandSizes({ own }: Session, changes: SetMetadata['changes']): void {
  const { maxAnnotationBytes } = own.log.deps.settings
  if (changes.some(({ value }) => (value?.length ?? 0) > maxAnnotationBytes)) throw no('A value is too large', `METADATA MAXSIZE ${maxAnnotationBytes}`)
}

async function change(session: Session, { mail, account }: Place, mailboxId: string | null, changes: SetMetadata['changes']): Promise<void> {
  const { annotationBytes } = session.deps.limitsOf(account)
  await annotate(mail, {
    mailboxId,
    changes: changes.map(({ scope, name, value }) => ({ user: userOf(session, scope), name, value })),
    ...(annotationBytes === undefined ? {} : { quotaBytes: annotationBytes }),
  })
}

// ---------------------------------------------------------------- of a mailbox

/** RFC 5464 §3.3: the right `l` and one of those that have to do with its messages. */
async function findAnnotated(session: Session, name: string): Promise<FoundMailbox> {
  const found = await session.find(name, 'l')
  if (!maySeeMetadata(found)) throw no('You may not see what is noted there', 'NOPERM')
  return found
}

async function setMailbox(session: Session, found: FoundMailbox, changes: SetMetadata['changes']): Promise<void> {
  if (changes.some(({ scope }) => scope === 'shared')) demandRights(found, 'w')
  // Who can change nothing in a mailbox of somebody else does not fill its owner's account with notes either.
  if (changes.some(({ scope }) => scope === 'private') && !/[swite]/.test(found.rights)) throw no('You cannot keep notes of your own there', 'METADATA NOPRIVATE')
  await change(session, found.place, found.mailbox.id, changes.map((one) => (one.scope === 'private' && one.name === specialUseName ? { ...one, value: specialUseValue(session, found, one.value) } : one)))
}

/** RFC 6154 §4: what is no use is not taken; nothing at all takes it away. */
function specialUseValue(session: Session, { place, mailbox }: FoundMailbox, value: Uint8Array | null): Uint8Array {
  if (place !== session.places.own || mailbox.name === 'INBOX') throw no('This mailbox has no special use', 'USEATTR')
  const text = value === null ? '' : Buffer.from(value).toString('latin1').trim()
  return Buffer.from(text === '' ? '' : readSpecialUse(text))
}

// ---------------------------------------------------------------- of the server

async function readServer(session: Session, entry: SetMetadata['changes'][number] | { scope: 'shared' | 'private'; name: string }, depth: number): Promise<MetadataValue[]> {
  if (entry.scope === 'private') return readMetadata(session, session.own.state.annotations, [entry], depth)
  const { shared, postmaster } = await session.places.serverPlace()
  const values = shared === undefined ? [] : readMetadata(session, shared.mail.state.annotations, [entry], depth).filter(({ name }) => name !== '/admin')
  // RFC 5464 §6.2.2: said by the server, never set.
  const admin = entry.name === '/admin' || (entry.name === '' && depth > 0)
  return admin && postmaster !== undefined ? [...values, { scope: 'shared', name: '/admin', value: Buffer.from(`mailto:${postmaster}`) }] : values
}

async function setServer(session: Session, changes: SetMetadata['changes']): Promise<void> {
  const shared = changes.filter(({ scope }) => scope === 'shared')
  // One account cannot be changed together with another.
  if (shared.length > 0 && shared.length < changes.length) throw no('Shared and private entries of the server are set one after the other', 'CANNOT')
  if (shared.length === 0) return await change(session, session.places.own, null, changes)
  if (shared.some(({ name }) => name === '/admin')) throw no('This entry cannot be changed', 'NOPERM')
  const { shared: place } = await session.places.serverPlace()
  if (place?.full !== true) throw no('Only the postmaster of a domain that has a shared account sets this', 'NOPERM')
  await change(session, place, null, changes)
}
