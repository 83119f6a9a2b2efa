/**
 * Bringing removed messages back: each is filed anew, with a UID of its own, and takes its content over from the one that left.
 *
 * Invariants:
 * - an entry that takes a message back is only written while the message waits for the sweep, well before its time is over: one
 *   message comes back once, however many restore, and no sweep deletes what has come back;
 * - several messages of an entry come back together; a restore that breaks off is done again, and brings the rest;
 * - what came back counts for the quota again, and is refused whole when it does not fit.
 */
import { copyMessages } from './copy.ts'
import type { Draft } from './draft.ts'
import type { FileChange } from './entry.ts'
import { readFiled } from './filed.ts'
import { changeFlags } from './flags.ts'
import { createMailbox } from './mailboxes.ts'
import type { MailboxState } from './mailboxState.ts'
import { originKey } from './origin.ts'
import { MailboxRefusal } from './refusal.ts'
import { sweepMarginMs } from './restorePlan.ts'
import type { Restorable } from './restorePlan.ts'
import type { AccountMail } from './store.ts'

export interface RestoreOptions {
  /** The name of the mailbox that gets all; absent: each its own, made again when it is gone. */
  readonly into?: string
  /** What the account may hold; absent for any number. */
  readonly quotaBytes?: number
  readonly quotaMessages?: number
}

export interface Restored {
  /** By the name of the mailbox they are in now. */
  readonly mailboxes: ReadonlyMap<string, number>
  /** Mailboxes that had to be made. */
  readonly created: readonly string[]
}

/** Messages taken back by one entry, and octets of their metadata. */
const atOnce = 200
const bytesAtOnce = 1024 * 1024

/** Those that somebody else brought back meanwhile are passed over. @throws {MailboxRefusal} OVERQUOTA, LIMIT, CANNOT; the engine's errors */
export async function restoreMessages(account: AccountMail, messages: readonly Restorable[], options: RestoreOptions = {}): Promise<Restored> {
  demandRoom(account, messages, options)
  const mailboxes = new Map<string, number>()
  const created: string[] = []
  /** Where each message is now, for its copies. */
  const places = new Map<number, Place>()
  for (const [target, group] of await byTarget(account, messages, options.into, created)) {
    // One that was in several mailboxes comes back into the first of them, and is copied to the others.
    const seen = new Set(places.keys())
    const firsts: Restorable[] = []
    const copies: Restorable[] = []
    for (const message of group) {
      const key = originKey(message.origin.sequence, message.origin.index)
      ;(seen.has(key) ? copies : firsts).push(message)
      seen.add(key)
    }
    let count = 0
    for (const batch of await batches(account, firsts)) count += await takeBack(account, target, batch, places)
    for (const copy of copies) count += await copyTo(account, target, copy, places.get(originKey(copy.origin.sequence, copy.origin.index)))
    const name = account.state.mailboxById(target)?.name ?? target
    if (count > 0) mailboxes.set(name, (mailboxes.get(name) ?? 0) + count)
  }
  return { mailboxes, created }
}

interface Place {
  readonly mailbox: string
  readonly uid: number
}

function demandRoom({ state }: AccountMail, messages: readonly Restorable[], { quotaBytes = Infinity, quotaMessages = Infinity }: RestoreOptions): void {
  const bytes = messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (state.usedBytes + bytes > quotaBytes) throw new MailboxRefusal('OVERQUOTA', `The messages have ${bytes} octets, and the account has room for ${Math.max(0, quotaBytes - state.usedBytes)}`)
  if (state.messageCount + messages.length > quotaMessages) throw new MailboxRefusal('OVERQUOTA', `There are ${messages.length} messages, and the account has room for ${Math.max(0, quotaMessages - state.messageCount)}`)
}

async function byTarget(account: AccountMail, messages: readonly Restorable[], into: string | undefined, created: string[]): Promise<Map<string, Restorable[]>> {
  const targets = new Map<string, string>()
  const groups = new Map<string, Restorable[]>()
  for (const message of messages) {
    const { id } = message.mailbox
    const target = targets.get(id) ?? (await findTarget(account, message.mailbox, into, created))
    targets.set(id, target)
    const group = groups.get(target) ?? []
    groups.set(target, group)
    group.push(message)
  }
  return groups
}

/** A mailbox that was renamed since is the same one. */
async function findTarget(account: AccountMail, then: Restorable['mailbox'], into: string | undefined, created: string[]): Promise<string> {
  const known = into === undefined ? (account.state.mailboxById(then.id) ?? account.state.mailbox(then.name)) : account.state.mailbox(into)
  if (known !== undefined) return known.id
  const name = into ?? then.name
  const isFree = then.specialUse !== null && into === undefined && account.state.mailboxes().every(({ specialUse }) => specialUse !== then.specialUse)
  const { id } = await createMailbox(account, { name, specialUse: isFree ? then.specialUse : null })
  created.push(name)
  return id
}

type Batch = readonly { readonly message: Restorable; readonly filed: FileChange }[]

async function batches({ accountId, log }: AccountMail, messages: readonly Restorable[]): Promise<Batch[]> {
  const all: { message: Restorable; filed: FileChange }[][] = []
  let bytes = Infinity
  for (let from = 0; from < messages.length; from += atOnce) {
    const window = messages.slice(from, from + atOnce)
    const found = await readFiled(log.deps.table, accountId, window.map(({ origin }) => origin))
    for (const message of window) {
      const filed = found.get(originKey(message.origin.sequence, message.origin.index))
      if (filed === undefined) throw new Error(`the entry of message ${message.uid} is missing`)
      const more = 1024 + (filed.metadata !== null && 'inline' in filed.metadata ? filed.metadata.inline.length : 0)
      if (bytes + more > bytesAtOnce || (all.at(-1)?.length ?? 0) >= atOnce) {
        all.push([])
        bytes = 0
      }
      all.at(-1)?.push({ message, filed })
      bytes += more
    }
  }
  return all
}

async function takeBack(account: AccountMail, target: string, batch: Batch, places: Map<number, Place>): Promise<number> {
  const uids = await account.log.change((draft) => {
    const mailbox = draft.state.mailboxById(target)
    if (mailbox === undefined) throw new MailboxRefusal('NONEXISTENT', 'The mailbox is not there any more')
    return batch.map(({ message, filed }) => decideOne(draft, account, mailbox, message, filed))
  })
  for (const [at, { message }] of batch.entries()) {
    const uid = uids[at]
    if (uid !== undefined) places.set(originKey(message.origin.sequence, message.origin.index), { mailbox: target, uid })
  }
  return uids.filter((uid) => uid !== undefined).length
}

/** The UID it has now; undefined when it does not wait for the sweep any more. */
function decideOne(draft: Draft, { log }: AccountMail, mailbox: MailboxState, { origin, flags, internalDate }: Restorable, filed: FileChange): number | undefined {
  const { clock, settings } = log.deps
  const leftAt = draft.state.departed.leftAt(origin)
  if (leftAt === undefined || leftAt <= clock.now() - settings.retentionMs + sweepMarginMs || filed.metadata === null) return undefined
  const { sizeBytes, blob, hash, metadata } = filed
  return draft.file({ kind: 'file', mailbox: mailbox.id, flags: draft.state.flagSets.spell(flags), internalDate, sizeBytes, deliveryId: null, blob, hash, metadata, restores: origin }, mailbox.uidNext)
}

/** Where it is already, no copy is made. */
async function copyTo(account: AccountMail, target: string, { flags }: Restorable, from: Place | undefined): Promise<number> {
  if (from === undefined || from.mailbox === target) return 0
  const { destination } = await copyMessages(account, { from: from.mailbox, to: target, uids: [from.uid] })
  await changeFlags(account, { mailboxId: target, uids: destination, action: 'replace', flags })
  return destination.length
}
