/** Setting annotations of a mailbox or an account: RFC 5464 §4.3, all of them or none. */
import { sizeOf, specialUseName } from './annotations.ts'
import type { Annotations } from './annotations.ts'
import type { Draft } from './draft.ts'
import { entryLimitBytes } from './entry.ts'
import { demandMailbox } from './mailboxes.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'

export interface AnnotateRequest {
  /** null: the account itself. */
  readonly mailboxId: string | null
  readonly changes: readonly AnnotationChange[]
  /** Octets of all annotations the account may hold; absent for any number. */
  readonly quotaBytes?: number
}

export interface AnnotationChange {
  /** The account whose own it is; null for all. */
  readonly user: string | null
  /** As in annotations.ts. */
  readonly name: string
  /** null takes it away. */
  readonly value: Uint8Array | null
}

/** Leaves room for what an entry has besides. */
const togetherLimitBytes = entryLimitBytes - 8 * 1024

/** @throws {MailboxRefusal} NONEXISTENT, TOOBIG (one value), TOOMANY, OVERQUOTA, LIMIT (all values together) */
export async function annotate(account: AccountMail, request: AnnotateRequest): Promise<void> {
  const { maxAnnotationBytes, maxAnnotations } = account.log.deps.settings
  const together = request.changes.reduce((sum, { name, value }) => sum + sizeOf({ name, value: value ?? new Uint8Array(0) }) + 64, 0)
  for (const { value } of request.changes) if (value !== null && value.length > maxAnnotationBytes) throw new MailboxRefusal('TOOBIG', `An annotation can have ${maxAnnotationBytes} octets`)
  if (together > togetherLimitBytes) throw new MailboxRefusal('LIMIT', 'These annotations are too large together')
  await account.log.change((draft) => decide(draft, request, maxAnnotations))
}

function decide(draft: Draft, { mailboxId, changes, quotaBytes }: AnnotateRequest, maxAnnotations: number): void {
  const { annotations } = mailboxId === null ? draft.state : demandMailbox(draft.state, mailboxId)
  const news: AnnotationChange[] = []
  let grown = 0
  for (const { user, name, value } of changes) {
    if (mailboxId !== null && user !== null && name === specialUseName && value !== null) demandFreeUse(draft, mailboxId, Buffer.from(value).toString())
    const before = annotations.get(user, name)
    if (value === null && before === undefined) continue
    if (value !== null && before !== undefined && Buffer.compare(before.value, value) === 0) continue
    grown += (value === null ? 0 : sizeOf({ name, value })) - (before === undefined ? 0 : sizeOf(before))
    news.push({ user, name, value })
  }
  if (grown > 0) {
    demandNumber(annotations, news, maxAnnotations)
    if (quotaBytes !== undefined && draft.state.annotationBytes + grown > quotaBytes) throw new MailboxRefusal('OVERQUOTA', 'The account has no room for this annotation')
  }
  for (const change of news) draft.add({ kind: 'annotate', mailbox: mailboxId, ...change })
}

/** RFC 6154 §3: one mailbox for one use, so that clients of one account agree. */
function demandFreeUse({ state }: Draft, mailboxId: string, use: string): void {
  if (use !== '' && state.mailboxes().some((mailbox) => mailbox.id !== mailboxId && mailbox.specialUse === use)) throw new MailboxRefusal('CANNOT', `There is a mailbox for ${use} already`)
}

/** Each user's own are counted by themselves, so that nobody takes the places of others. */
function demandNumber(annotations: Annotations, changes: readonly AnnotationChange[], most: number): void {
  if (most === 0) return
  for (const user of new Set(changes.map((change) => change.user))) {
    const names = new Set(annotations.of(user).map(({ name }) => name))
    for (const change of changes) {
      if (change.user !== user) continue
      if (change.value === null) names.delete(change.name)
      else names.add(change.name)
    }
    if (names.size > most) throw new MailboxRefusal('TOOMANY', `There can be ${most} annotations here`)
  }
}
