/**
 * Reading messages: what lists need (metadata) by windows of the log, bodies by their blobs.
 *
 * Invariants: a window of metadata and a chunk of a body is what is in memory; a message that is expunged while it is
 * being read is left out of lists, and its body can still be read to its end.
 */
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { unpackMetadata } from '#lib/formats/message/compact.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { readBlobRef, readWholeBlob, unpackBytes } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import type { FileChange, StoredMetadata } from './entry.ts'
import { readFiled } from './filed.ts'
import { demandMailbox } from './mailboxes.ts'
import { originKey } from './origin.ts'
import type { Origin } from './origin.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'

/** Messages whose metadata is read together. */
const windowMessages = 256
/** After lists up to here the bodies' places are kept, for these are asked for next. */
const notedMessages = 512

export interface OpenBody {
  readonly sizeBytes: number
  /** Octets of the message from `offset` on. */
  read(offset?: number, length?: number): AsyncIterable<Uint8Array>
}

interface Window {
  readonly messages: readonly { readonly uid: number; readonly origin: Origin }[]
  readonly changes: Promise<Map<number, FileChange>>
}

/** In the order of `uids`; those that are not there are left out. The next window is read while this one is used. */
export async function* readMetadata(account: AccountMail, mailboxId: string, uids: readonly number[]): AsyncGenerator<{ uid: number; metadata: MessageMetadata; blob: BlobRef }> {
  const { blobs } = account.log.deps
  for await (const window of readFilingWindows(account, mailboxId, uids)) {
    for (const { uid, change } of window) yield { uid, metadata: metadataAtHand(change.metadata) ?? (await openMetadata(blobs, change.metadata)), blob: change.blob }
  }
}

/** What the log says of a message. */
export interface FoundFiling {
  readonly uid: number
  readonly change: FileChange
}

/** The same without unpacking. */
export async function* readFilings(account: AccountMail, mailboxId: string, uids: readonly number[]): AsyncGenerator<FoundFiling> {
  for await (const window of readFilingWindows(account, mailboxId, uids)) yield* window
}

/** The same by windows: who has many to tell of does not wait for each. */
export async function* readFilingWindows(account: AccountMail, mailboxId: string, uids: readonly number[]): AsyncGenerator<readonly FoundFiling[]> {
  let window = readWindow(account, mailboxId, uids, 0)
  for (let at = windowMessages; window !== undefined; at += windowMessages) {
    const changes = await window.changes
    const { messages } = window
    if (uids.length <= notedMessages) noteAll(account, messages, changes)
    window = at < uids.length ? readWindow(account, mailboxId, uids, at) : undefined
    yield messages.map(({ uid, origin }) => {
      const change = changes.get(originKey(origin.sequence, origin.index))
      if (change === undefined) throw new Error(`the entry of message ${uid} is missing`)
      return { uid, change }
    })
  }
}

function readWindow(account: AccountMail, mailboxId: string, uids: readonly number[], from: number): Window | undefined {
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return undefined
  const messages: { uid: number; origin: Origin }[] = []
  let next = 0
  for (let at = from; at < Math.min(from + windowMessages, uids.length); at++) {
    const uid = uids[at] ?? 0
    const place = next < mailbox.count && mailbox.uidAt(next) === uid ? next : mailbox.indexOf(uid)
    if (place < 0) continue
    messages.push({ uid, origin: mailbox.originAt(place) })
    next = place + 1
  }
  const changes = readFiled(account.log.deps.table, account.accountId, messages.map(({ origin }) => origin))
  // Heard when the window is used; until then a failure must not count as unheard.
  changes.catch(() => undefined)
  return { messages, changes }
}

function noteAll(account: AccountMail, messages: Window['messages'], found: ReadonlyMap<number, FileChange>): void {
  for (const { origin } of messages) {
    const change = found.get(originKey(origin.sequence, origin.index))
    if (change !== undefined) account.log.noteFiled(origin, change)
  }
}

/** What stands in the entry as it is; the rest wants {@link openMetadata}. */
export function metadataAtHand(stored: StoredMetadata): MessageMetadata | undefined {
  return stored !== null && 'inline' in stored && stored.codec === 'identity' ? unpackMetadata(stored.inline) : undefined
}

export async function openMetadata(blobs: Blobs, stored: StoredMetadata): Promise<MessageMetadata> {
  if (stored === null) throw new Error('the content of the message was given up')
  if ('inline' in stored) return unpackMetadata(stored.codec === 'identity' ? stored.inline : await unpackBytes(stored.inline, stored.codec))
  return unpackMetadata(await readWholeBlob(blobs, stored.blob))
}

/** @throws {MailboxRefusal} NONEXISTENT when there is no such message */
export async function openBody(account: AccountMail, mailboxId: string, uid: number): Promise<OpenBody> {
  const { blob } = await findFiled(account, mailboxId, uid)
  return openFiled(account, blob)
}

/** The body of a filing. */
export function openFiled(account: AccountMail, blob: BlobRef): OpenBody {
  const { blobs } = account.log.deps
  return { sizeBytes: blob.sizeBytes, read: (offset, length) => readBlobRef(blobs, blob, offset, length) }
}

/** For small messages: all of it in memory. @throws {MailboxRefusal} NONEXISTENT when there is no such message */
export async function readWhole(account: AccountMail, mailboxId: string, uid: number): Promise<Uint8Array> {
  const { blob } = await findFiled(account, mailboxId, uid)
  return await readWholeBlob(account.log.deps.blobs, blob)
}

async function findFiled(account: AccountMail, mailboxId: string, uid: number): Promise<FileChange> {
  const mailbox = demandMailbox(account.state, mailboxId)
  const place = mailbox.indexOf(uid)
  if (place < 0) throw new MailboxRefusal('NONEXISTENT', 'The message is not there any more')
  const origin = mailbox.originAt(place)
  const known = account.log.filedAt(origin)
  if (known !== undefined) return known
  const change = (await readFiled(account.log.deps.table, account.accountId, [origin])).get(originKey(origin.sequence, origin.index))
  if (change === undefined) throw new Error(`the entry of message ${uid} is missing`)
  account.log.noteFiled(origin, change)
  return change
}
