/**
 * Who sees and sets which annotations: RFC 5464 §3.3.
 *
 * Those of a mailbox lie in its owner's account, a visitor's private ones too. Those of the server are, when private, the
 * client's own account's; when shared, the ones of the domain's shared account, which its postmaster sets.
 */
import type { MetadataEntry } from '#lib/formats/imap/metadata.ts'
import { writeMetadata } from '#lib/formats/imap/metadata.ts'
import type { Annotation, Annotations } from '#lib/mail/mailbox/annotations.ts'
import { specialUseName } from '#lib/mail/mailbox/annotations.ts'
import type { FoundMailbox } from './places.ts'
import type { Session } from './session.ts'

export type MetadataValue = MetadataEntry & { readonly value: Uint8Array | null }

/** RFC 5464 §3.3 */
export function maySeeMetadata({ rights }: Pick<FoundMailbox, 'rights'>): boolean {
  return rights.includes('l') && /[rswip]/.test(rights)
}

/** Whose annotations these are: an account's id, or null for those of all. */
export function userOf(session: Session, scope: MetadataEntry['scope']): string | null {
  return scope === 'private' ? session.loggedIn.account.id : null
}

/** Those of a mailbox. RFC 6154 §4: its special use is one of the owner's, however it got it. */
function annotationsOf(session: Session, { place, mailbox }: FoundMailbox, scope: MetadataEntry['scope']): readonly Pick<Annotation, 'name' | 'value'>[] {
  const all = mailbox.annotations.of(userOf(session, scope))
  if (scope === 'shared' || place !== session.places.own) return all
  const use = mailbox.specialUse === null ? [] : [{ name: specialUseName, value: Buffer.from(mailbox.specialUse) }]
  return [...all.filter(({ name }) => name !== specialUseName), ...use]
}

export function readMailboxMetadata(session: Session, found: FoundMailbox, entries: readonly MetadataEntry[], depth: number): MetadataValue[] {
  return readFrom((scope) => annotationsOf(session, found, scope), entries, depth)
}

/** Of what was asked for, what is there: each name once, with the levels below it that `depth` reaches. */
export function readMetadata(session: Session, annotations: Annotations, entries: readonly MetadataEntry[], depth: number): MetadataValue[] {
  return readFrom((scope) => annotations.of(userOf(session, scope)), entries, depth)
}

function readFrom(annotations: (scope: MetadataEntry['scope']) => readonly Pick<Annotation, 'name' | 'value'>[], entries: readonly MetadataEntry[], depth: number): MetadataValue[] {
  const found = new Map<string, MetadataValue>()
  for (const { scope, name } of entries) {
    for (const annotation of annotations(scope)) {
      if (reaches(annotation, name, depth)) found.set(`/${scope}${annotation.name}`, { scope, name: annotation.name, value: annotation.value })
    }
  }
  return [...found.values()]
}

function reaches({ name }: Pick<Annotation, 'name'>, wanted: string, depth: number): boolean {
  if (name === wanted) return true
  if (depth === 0 || !name.startsWith(`${wanted}/`)) return false
  return name.slice(wanted.length + 1).split('/').length <= depth
}

/** RFC 9590 §3: every entry asked for, NIL where there is none. */
export function metadataLine(session: Session, found: FoundMailbox, entries: readonly MetadataEntry[]): string {
  if (!maySeeMetadata(found)) return ''
  const values = entries.map((entry) => ({ ...entry, value: annotationsOf(session, found, entry.scope).find(({ name }) => name === entry.name)?.value ?? null }))
  return writeMetadata(found.name, values, session.nameEncoding)
}
