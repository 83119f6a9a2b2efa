/**
 * Filing a message whose content is stored already: the one entry, decided on the newest state.
 * Called by append.ts alone.
 */
import type { FileChange } from './entry.ts'
import type { Draft } from './draft.ts'
import { demandFlagBytes, demandKeywords } from './keywords.ts'
import type { MailboxState } from './mailboxState.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'
import type { AccountState } from './state.ts'

export interface FilingTarget {
  readonly mailboxId?: string
  /** Instead of the id. */
  readonly mailboxName?: string
  readonly flags: readonly string[]
  /** One delivery is filed once, however often it comes. */
  readonly deliveryId?: string
  /** Octets the account may hold; absent for any number. */
  readonly quotaBytes?: number
  /** The same in messages. */
  readonly quotaMessages?: number
  /** Of a delivery: the reverse path, and the recipient that led to this account. */
  readonly envelope?: NonNullable<FileChange['envelope']>
}

export interface FilingOutcome {
  /** 0 for a duplicate, which stands somewhere under the UID it got then. */
  readonly uid: number
  readonly uidValidity: number
  /** This delivery had been filed before; nothing was changed. */
  readonly duplicate: boolean
}

export type StoredMessage = Pick<FileChange, 'internalDate' | 'sizeBytes' | 'blob' | 'hash' | 'metadata'>

/** Octets an entry has for each filed message besides metadata, names and flags. */
const fixedBytes = 180

export async function fileStored(account: AccountMail, target: FilingTarget, stored: StoredMessage): Promise<FilingOutcome> {
  const deliveryId = target.deliveryId ?? null
  // What decides is in memory then.
  if (deliveryId !== null && !account.log.whole) await account.log.show(({ deliveries }) => deliveries.has(deliveryId))
  return await account.log.change((draft) => decide(draft, account, target, { ...stored, deliveryId }), sizeInEntry(target, stored))
}

function sizeInEntry({ deliveryId, flags, envelope }: FilingTarget, { metadata, blob }: StoredMessage): number {
  const metadataBytes = metadata !== null && 'inline' in metadata ? metadata.inline.length : 200
  return fixedBytes + metadataBytes + blob.key.length + 3 * ((deliveryId?.length ?? 0) + flags.reduce((sum, flag) => sum + flag.length + 2, 0) + (envelope?.from.length ?? 0) + (envelope?.to.length ?? 0))
}

/** A message of several that are filed together. */
export interface Filing {
  readonly target: FilingTarget
  readonly stored: StoredMessage
}

/** A message that makes way for another. */
export interface Replaced {
  readonly mailboxId: string
  readonly uid: number
}

/** What one commit to the log takes, with room to spare. */
const togetherLimitBytes = 2 * 1024 * 1024

/** All into the mailbox of the first, in their order, or none (RFC 3502 §6.3); what they replace goes at the same instant (RFC 8508 §3.4). */
export async function fileTogether(account: AccountMail, filings: readonly Filing[], replaced: Replaced | undefined): Promise<FilingOutcome[]> {
  const bytes = filings.reduce((sum, { target, stored }) => sum + sizeInEntry(target, stored), 0)
  if (bytes > togetherLimitBytes) throw new MailboxRefusal('LIMIT', 'So many messages cannot be taken together')
  return await account.log.change((draft) => decideTogether(draft, account, filings, replaced), replaced === undefined ? bytes : undefined)
}

/** All is looked at before anything is added: a draft has no way back. */
function decideTogether(draft: Draft, account: AccountMail, filings: readonly Filing[], replaced: Replaced | undefined): FilingOutcome[] {
  const { state } = draft
  const [first] = filings
  if (first === undefined) return []
  const mailbox = findTarget(state, first.target)
  const source = replaced === undefined ? undefined : state.mailboxById(replaced.mailboxId)
  const place = replaced === undefined ? -1 : (source?.indexOf(replaced.uid) ?? -1)
  if (replaced !== undefined && place < 0) throw new MailboxRefusal('NONEXISTENT', 'The message to replace is gone')
  const freed = source === undefined ? 0 : source.sizeAt(place)
  const sizeBytes = filings.reduce((sum, { stored }) => sum + stored.sizeBytes, 0)
  // RFC 8508 §3.4: what is replaced makes room.
  demandRoom(state, first.target, draft.filedBytes + sizeBytes - freed, draft.filedMessages + filings.length - (replaced === undefined ? 0 : 1))
  const flags = filings.map(({ target }) => state.flagSets.spell(target.flags))
  flags.forEach(demandFlagBytes)
  demandKeywords(mailbox, [...new Set(flags.flat())], account.log.deps.settings)
  const outcomes = filings.map(({ stored }, at) => {
    const uid = draft.file({ kind: 'file', mailbox: mailbox.id, flags: flags[at] ?? [], deliveryId: null, ...stored }, mailbox.uidNext)
    return { uid, uidValidity: mailbox.uidValidity, duplicate: false }
  })
  if (replaced !== undefined) draft.add({ kind: 'expunge', mailbox: replaced.mailboxId, uids: [replaced.uid, replaced.uid] })
  return outcomes
}

function decide(draft: Draft, account: AccountMail, target: FilingTarget, stored: StoredMessage & { readonly deliveryId: string | null }): FilingOutcome {
  const mailbox = findTarget(draft.state, target)
  if (stored.deliveryId !== null && draft.knowsDelivery(stored.deliveryId)) return duplicateOf(mailbox)
  demandRoom(draft.state, target, draft.filedBytes + stored.sizeBytes, draft.filedMessages + 1)
  const flags = draft.state.flagSets.spell(target.flags)
  demandFlagBytes(flags)
  demandKeywords(mailbox, flags, account.log.deps.settings)
  const { envelope } = target
  const uid = draft.file({ kind: 'file', mailbox: mailbox.id, flags, ...stored, ...(envelope === undefined ? {} : { envelope }) }, mailbox.uidNext)
  return { uid, uidValidity: mailbox.uidValidity, duplicate: false }
}

/** What can be known before anything is stored. @throws {MailboxRefusal} */
export async function foresee(account: AccountMail, target: FilingTarget, sizeBytes: number): Promise<FilingOutcome | undefined> {
  try {
    return await account.log.show((state) => look(state, target, sizeBytes))
  } catch (error) {
    if (!(error instanceof MailboxRefusal)) throw error
    await account.refresh()
    return await account.log.show((state) => look(state, target, sizeBytes))
  }
}

function look(state: AccountState, target: FilingTarget, sizeBytes: number): FilingOutcome | undefined {
  const mailbox = findTarget(state, target)
  if (target.deliveryId !== undefined && state.deliveries.has(target.deliveryId)) return duplicateOf(mailbox)
  demandRoom(state, target, sizeBytes, 1)
  return undefined
}

function duplicateOf({ uidValidity }: MailboxState): FilingOutcome {
  return { uid: 0, uidValidity, duplicate: true }
}

function findTarget(state: AccountState, { mailboxId, mailboxName }: FilingTarget): MailboxState {
  const mailbox = mailboxId === undefined ? state.mailbox(mailboxName ?? '') : state.mailboxById(mailboxId)
  if (mailbox === undefined) throw new MailboxRefusal('NONEXISTENT', `There is no mailbox ${mailboxName ?? mailboxId ?? ''}`)
  return mailbox
}

function demandRoom(state: AccountState, { quotaBytes, quotaMessages }: FilingTarget, bytes: number, messages: number): void {
  if (quotaBytes !== undefined && state.usedBytes + bytes > quotaBytes) throw new MailboxRefusal('OVERQUOTA', 'The account is full')
  if (quotaMessages !== undefined && state.messageCount + messages > quotaMessages) throw new MailboxRefusal('OVERQUOTA', 'The account has as many messages as it may')
}
