/**
 * Which messages of an earlier state can be brought back, and what became of the others.
 *
 * Invariants: nothing is changed; a message counts once for each mailbox it was in; whoever was brought back before is followed to
 * where it is now, so that asking twice plans nothing twice.
 */
import type { Blobs } from '#lib/engine/ports.ts'
import type { FileChange } from './entry.ts'
import { readFiled } from './filed.ts'
import { canonicalName } from './mailboxName.ts'
import type { MailboxState } from './mailboxState.ts'
import { originKey, originOfKey } from './origin.ts'
import type { Origin } from './origin.ts'
import { OriginSet } from './originSet.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountState } from './state.ts'
import type { AccountMail } from './store.ts'
import { blobKeysOf } from './strays.ts'
import { readEntries } from './tail.ts'

/** A sweep by a clock that is ahead may be faster than the retention says. */
export const sweepMarginMs = 60 * 60 * 1000

export interface Restorable {
  readonly origin: Origin
  /** Where it was then. */
  readonly mailbox: Pick<MailboxState, 'id' | 'name' | 'specialUse'>
  readonly uid: number
  /** As they were then, without \Deleted: it would go with the next EXPUNGE. */
  readonly flags: readonly string[]
  readonly internalDate: number
  readonly sizeBytes: number
}

export interface RestorePlan {
  readonly messages: readonly Restorable[]
  /** Still where they were. */
  readonly here: number
  /** In other mailboxes now: how many in each. */
  readonly elsewhere: ReadonlyMap<string, number>
  /** Removed longer ago than the retention. */
  readonly tooOld: number
  /** Not that old, but their content is not there. */
  readonly lost: number
  /** Came after that time and were removed since: a later time brings them back. */
  readonly later: number
}

export interface PlanRequest {
  readonly past: AccountState
  /** ms, of which `past` is. */
  readonly time: number
  /** Only what was in the mailbox that had this name then. */
  readonly mailbox?: string
}

/** `account` is up to date. @throws {MailboxRefusal} NONEXISTENT when there was no such mailbox; {EntryFormatError}; the engine's errors */
export async function planRestore(account: AccountMail, { past, time, mailbox }: PlanRequest): Promise<RestorePlan> {
  const { state } = account
  const { clock, settings } = account.log.deps
  const renewed = await readRenewed(account, past.sequence)
  const living = new OriginSet(state, Infinity)
  const departed = new Map([...state.departed.all()].map(({ origin, at }) => [originKey(origin.sequence, origin.index), at]))
  const before = clock.now() - settings.retentionMs + sweepMarginMs
  const found: Restorable[] = []
  const moved = new Set<number>()
  let [here, tooOld] = [0, 0]
  for (const then of chosen(past, mailbox)) {
    // One that was deleted and made again is the same to its user.
    const still = keysIn(state.mailboxById(then.id) ?? state.mailbox(then.name))
    for (let place = 0; place < then.count; place++) {
      const { sequence, index } = then.originAt(place)
      const key = newest(renewed, originKey(sequence, index))
      const origin = originOfKey(key)
      if (still.has(key)) here++
      else if (living.has(origin.sequence, origin.index)) moved.add(key)
      else if ((departed.get(key) ?? 0) <= before) tooOld++
      else found.push({ origin, mailbox: then, uid: then.uidAt(place), flags: then.flagsAt(place).filter((flag) => flag !== '\\Deleted'), internalDate: then.internalDateAt(place), sizeBytes: then.sizeAt(place) })
    }
  }
  const messages = await withContent(account, found)
  return { messages, here, elsewhere: whereAre(state, moved), tooOld, lost: found.length - messages.length, later: laterOnes(past, renewed, departed, { time, before }) }
}

function chosen(past: AccountState, name: string | undefined): readonly MailboxState[] {
  if (name === undefined) return past.mailboxes()
  const mailbox = past.mailbox(canonicalName(name))
  if (mailbox === undefined) throw new MailboxRefusal('NONEXISTENT', `there was no mailbox ${name} then`)
  return [mailbox]
}

/** What filings since then have taken back: the new origin of each. */
async function readRenewed({ accountId, state, log }: AccountMail, since: number): Promise<Map<number, number>> {
  const renewed = new Map<number, number>()
  for await (const { sequence, entry } of readEntries(log.deps.table, accountId, since + 1, state.sequence + 1)) {
    for (const [index, change] of entry.changes.entries()) if (change.kind === 'file' && change.restores !== undefined) renewed.set(originKey(change.restores.sequence, change.restores.index), originKey(sequence, index))
  }
  return renewed
}

function newest(renewed: ReadonlyMap<number, number>, key: number): number {
  let last = key
  for (let next = renewed.get(last); next !== undefined; next = renewed.get(last)) last = next
  return last
}

function keysIn(mailbox: MailboxState | undefined): Set<number> {
  const keys = new Set<number>()
  for (const { columns, count } of mailbox?.messages.segments ?? []) for (let row = 0; row < count; row++) keys.add(originKey(columns.originSequence[row] ?? 0, columns.originIndex[row] ?? 0))
  return keys
}

function whereAre(state: AccountState, keys: ReadonlySet<number>): Map<string, number> {
  const places = new Map<string, number>()
  if (keys.size === 0) return places
  for (const mailbox of state.mailboxes()) {
    let count = 0
    for (const key of keysIn(mailbox)) if (keys.has(key)) count++
    if (count > 0) places.set(mailbox.name, count)
  }
  return places
}

function laterOnes(past: AccountState, renewed: ReadonlyMap<number, number>, departed: ReadonlyMap<number, number>, { time, before }: { readonly time: number; readonly before: number }): number {
  const known = new Set<number>()
  for (const mailbox of past.mailboxes()) for (const key of keysIn(mailbox)) known.add(newest(renewed, key))
  return [...departed].filter(([key, at]) => at > time && at > before && !known.has(key)).length
}

// ---------------------------------------------------------------- contents

const windowMessages = 256
const atOnce = 8

async function withContent({ accountId, log }: AccountMail, found: readonly Restorable[]): Promise<Restorable[]> {
  const there: Restorable[] = []
  for (let from = 0; from < found.length; from += windowMessages) {
    const window = found.slice(from, from + windowMessages)
    const filed = await readFiled(log.deps.table, accountId, window.map(({ origin }) => origin))
    const missing = await missingBlobs(log.deps.blobs, [...filed.values()])
    there.push(...window.filter(({ origin }) => {
      const change = filed.get(originKey(origin.sequence, origin.index))
      return change !== undefined && change.metadata !== null && !blobKeysOf(change).some((key) => missing.has(key))
    }))
  }
  return there
}

async function missingBlobs(blobs: Blobs, filed: readonly FileChange[]): Promise<Set<string>> {
  const keys = [...new Set(filed.flatMap(blobKeysOf))]
  const missing = new Set<string>()
  for (let from = 0; from < keys.length; from += atOnce) {
    await Promise.all(keys.slice(from, from + atOnce).map(async (key) => (await blobs.info(key)) === undefined && missing.add(key)))
  }
  return missing
}
