/**
 * An account made anew from its blobs alone, when its log is lost or worth nothing any more.
 *
 * In words. With a log there, its end gets one more entry that says that the log begins here (`begin`); with it the pointer to the
 * snapshot goes, then what the entries before it said, indexes and snapshots. Processes that have the account in memory meet that entry at their
 * next look and let go. From there on, or from nothing, every content in the Blobs is filed in the order of its making, where it was
 * filed at first; blobs stay where they are.
 *
 * Invariants: no content is read into memory but one, or a few small ones; nothing is deleted before the new beginning is in the log;
 * one that breaks off is done again.
 * What cannot be known: flags, what was moved, copied or removed since, names given later, subscriptions, rights and annotations.
 */
import { createHash, hash, randomBytes } from 'node:crypto'
import { MessageParser, parseMessage } from '#lib/formats/message/structure.ts'
import type { ParsedMessage } from '#lib/formats/message/structure.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { inlineLimitBytes, unpackBytes } from '#lib/mail/transit/content.ts'
import type { MailDeps } from './accountLog.ts'
import { storeMetadata } from './append.ts'
import { deliveryMemoryMs } from './deliveryMemory.ts'
import { encodeEntry } from './entry.ts'
import { eraseBefore } from './erase.ts'
import { fileStored } from './filing.ts'
import type { StoredMessage } from './filing.ts'
import { readKept } from './keptContents.ts'
import type { KeptContent, UnknownBlob } from './keptContents.ts'
import { readState } from './load.ts'
import { entriesEnd, entryKey, isPackKey, newBlobKey, partitionOf, sequenceOf, snapshotSort } from './logKeys.ts'
import { inbox } from './mailboxName.ts'
import { createMailbox } from './mailboxes.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail, MailStore } from './store.ts'

export interface Rebuilt {
  /** By the names of their mailboxes. */
  readonly mailboxes: ReadonlyMap<string, number>
  /** Of those in INBOX: whose mailbox is not known. */
  readonly homeless: number
  /** The same delivery a second time, which a broken-off writing had left. */
  readonly twice: number
  readonly unreadable: readonly UnknownBlob[]
}

/** Contents read side by side, and filed by few entries. */
const atOnce = 16
const metadataInlineBytes = 2048

/** How many entries its log has had; 0 for none. */
export async function logLength({ table }: Pick<MailDeps, 'table'>, accountId: string): Promise<number> {
  const { items } = await table.range({ partition: partitionOf(accountId), to: entriesEnd, backward: true, limit: 1 })
  return items[0] === undefined ? 0 : (sequenceOf(items[0].sort) ?? 0)
}

/** Forgets the log that is there, readable or not. Nothing happens without one. @throws when somebody else writes to it all the time */
export async function beginAnew(deps: MailDeps, accountId: string): Promise<void> {
  const lastUidValidity = await readLastUidValidity(deps, accountId)
  for (let left = deps.settings.appendTries; left > 0; left--) {
    const last = await logLength(deps, accountId)
    if (last === 0) return
    const at = deps.clock.now()
    const value = encodeEntry({ at, writer: randomBytes(6).toString('base64url'), changes: [{ kind: 'begin', lastUidValidity }], first: 1 })
    const { committed } = await deps.table.commit([{ put: entryKey(accountId, last + 1), value, onlyIf: 'absent' }, { delete: { partition: partitionOf(accountId), sort: snapshotSort } }])
    if (!committed) continue
    deps.bell.ring(accountId)
    return await eraseBefore(deps, accountId, { sequence: last + 1, at })
  }
  throw new Error(`others wrote to account ${accountId} all the time: stop the server first`)
}

/** RFC 9051 §2.3.1.1: no mailbox may get one that it had. Of a log that cannot be read nobody knows: the new ones are those of now. */
async function readLastUidValidity(deps: MailDeps, accountId: string): Promise<number> {
  return await readState(deps, accountId).then(
    ({ lastUidValidity }) => lastUidValidity,
    () => 0,
  )
}

/** Into an account whose log is new. @throws {MailboxRefusal}; the engine's errors */
export async function rebuildAccount(deps: MailDeps, store: MailStore, accountId: string, onProgress: (done: number) => void = () => undefined): Promise<Rebuilt> {
  const account = await store.open(accountId)
  const rebuilt = { mailboxes: new Map<string, number>(), homeless: 0, twice: 0, unreadable: [] as UnknownBlob[] }
  let done = 0
  try {
    for await (const group of groups(readKept(deps.blobs, accountId))) {
      const read = await Promise.all(group.map((one) => readStored(account, one)))
      const contents: (ReadContent & { readonly mailboxName: string })[] = []
      for (const one of read) {
        if ('reason' in one) rebuilt.unreadable.push(one)
        else contents.push({ ...one, mailboxName: await makeMailbox(account, one.kept.mailbox) })
      }
      // Begun in their order, so that UIDs ascend as the messages came.
      await Promise.all(contents.map((one) => fileOne(account, one, one.mailboxName, rebuilt)))
      onProgress((done += group.length))
    }
  } finally {
    account.release()
  }
  return rebuilt
}

interface Tally {
  readonly mailboxes: Map<string, number>
  homeless: number
  twice: number
}

interface ReadContent {
  readonly kept: KeptContent
  readonly stored: StoredMessage
}

async function fileOne(account: AccountMail, { kept, stored }: ReadContent, mailboxName: string, tally: Tally): Promise<void> {
  const { mailbox, date, deliveryId } = kept
  // Older ones nobody remembers either.
  const isRecent = date > account.log.deps.clock.now() - deliveryMemoryMs
  const { duplicate } = await fileStored(account, { mailboxName, flags: [], ...(deliveryId === undefined || !isRecent ? {} : { deliveryId }) }, stored)
  if (duplicate) return void tally.twice++
  if (mailbox === '') tally.homeless++
  tally.mailboxes.set(mailboxName, (tally.mailboxes.get(mailboxName) ?? 0) + 1)
}

/** Its name; INBOX where it cannot be made, for long names have been cut. */
async function makeMailbox(account: AccountMail, name: string): Promise<string> {
  const known = account.state.mailbox(name === '' ? inbox : name)
  if (known !== undefined) return known.name
  try {
    await createMailbox(account, { name })
    return name
  } catch (error) {
    if (error instanceof MailboxRefusal) return inbox
    throw error
  }
}

async function* groups(kept: AsyncIterable<KeptContent | UnknownBlob>): AsyncGenerator<(KeptContent | UnknownBlob)[]> {
  let group: (KeptContent | UnknownBlob)[] = []
  for await (const one of kept) {
    group.push(one)
    if (group.length < atOnce) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

// ---------------------------------------------------------------- contents

async function readStored(account: AccountMail, one: KeptContent | UnknownBlob): Promise<ReadContent | UnknownBlob> {
  if ('reason' in one) return one
  const { blobs, clock } = account.log.deps
  const { place, date } = one
  try {
    const { parsed, sizeBytes, digest } = place.codec === 'identity' && place.length > inlineLimitBytes ? await readLarge(blobs, place) : await readSmall(blobs, place)
    const metadata = await storeMetadata(account, parsed, isPackKey(place.key) ? newBlobKey(account.accountId, clock.now()) : place.key, [], metadataInlineBytes)
    return { kept: one, stored: { internalDate: date, sizeBytes, blob: { ...place, sizeBytes }, hash: digest, metadata } }
  } catch (error) {
    return { key: place.key, reason: `cannot be read: ${(error as Error).message}` }
  }
}

interface Read {
  readonly parsed: ParsedMessage
  readonly sizeBytes: number
  /** Of the octets as they are stored. */
  readonly digest: Uint8Array
}

async function readSmall(blobs: Blobs, { key, offset, length, codec }: KeptContent['place']): Promise<Read> {
  const stored = await blobs.readBytes(key, offset, length)
  if (stored === undefined || stored.length !== length) throw new Error(`${stored?.length ?? 0} octets are there where ${length} should be`)
  const whole = await unpackBytes(stored, codec)
  return { parsed: parseMessage(whole), sizeBytes: whole.length, digest: hash('sha256', stored, 'buffer') }
}

async function readLarge(blobs: Blobs, { key, offset, length }: KeptContent['place']): Promise<Read> {
  const parser = new MessageParser()
  const digest = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of blobs.readStream(key, offset, length)) {
    parser.write(chunk)
    digest.update(chunk)
    sizeBytes += chunk.length
  }
  if (sizeBytes !== length) throw new Error(`${sizeBytes} octets are there where ${length} should be`)
  return { parsed: parser.end(), sizeBytes, digest: digest.digest() }
}
