/**
 * Gives back what removed messages and broken-off writings have left.
 *
 * Content of a message that left the account is kept for `mailbox.retentionMs`. Then its blobs are deleted, its metadata
 * is taken out of the entry that filed it, and an entry says that it is given up - in this order, so that a sweep which
 * breaks off is done again from what the log still names.
 *
 * Invariants:
 * - only what the fold counts as departed is deleted, and that never comes back: no live message loses anything;
 * - several processes may sweep one account: deleting twice is no error, and the log says it once;
 * - a slice of messages is in memory, and other work goes on between slices.
 */
import type { MailDeps } from './accountLog.ts'
import { withoutMetadata } from './entry.ts'
import { readFiled } from './filed.ts'
import { entryKey, isPackKey } from './logKeys.ts'
import type { Origin } from './origin.ts'
import type { AccountMail } from './store.ts'
import { blobKeysOf, findStrays, strayBefore } from './strays.ts'

export interface SweptAccount {
  /** Whose content was given up. */
  readonly messages: number
  /** Blobs nobody referred to. */
  readonly strays: number
}

/** Messages read together. */
const sliceMessages = 256
/** Messages after which an entry is written, where their times allow it. */
const entryMessages = 4096
/** Calls of the engine side by side. */
const atOnce = 8

/** Looking for strays reads the whole log. Stops between slices when the signal says so. @throws {EntryFormatError} when the log cannot be read, and then no stray is deleted */
export async function sweepAccount(account: AccountMail, options: { readonly strays: boolean; readonly signal?: AbortSignal }): Promise<SweptAccount> {
  const messages = await sweepDeparted(account, options.signal)
  const strays = options.strays && options.signal?.aborted !== true ? await sweepStrays(account) : 0
  return { messages, strays }
}

async function sweepDeparted(account: AccountMail, signal: AbortSignal | undefined): Promise<number> {
  const { clock, settings } = account.log.deps
  const before = clock.now() - settings.retentionMs
  if ((account.state.departed.since ?? Infinity) >= before) return 0
  let slice: Origin[] = []
  let sinceEntry = 0
  let messages = 0
  let last = 0
  const giveUpSlice = async () => {
    await giveUp(account, slice)
    sinceEntry += slice.length
    messages += slice.length
    slice = []
  }
  // Sweeps of others give the state new segments; these stay as they were.
  for (const { origin, at } of account.state.departed.all()) {
    if (at >= before) break
    if (signal?.aborted === true) return messages
    if (sinceEntry >= entryMessages && at > last) {
      await giveUpSlice()
      await say(account, at)
      sinceEntry = 0
    }
    slice.push(origin)
    last = at
    if (slice.length === sliceMessages) await giveUpSlice()
  }
  await giveUpSlice()
  await say(account, before)
  return messages
}

async function say(account: AccountMail, before: number): Promise<void> {
  await account.log.change((draft) => {
    if ((draft.state.departed.since ?? Infinity) < before) draft.add({ kind: 'sweep', before })
  })
}

async function giveUp(account: AccountMail, origins: readonly Origin[]): Promise<void> {
  const { table, blobs } = account.log.deps
  const filed = await readFiled(table, account.accountId, origins)
  // Others may live in the same pack: it goes as a stray when nothing in it is wanted any more.
  await inGroups([...filed.values()].flatMap(blobKeysOf).filter((key) => !isPackKey(key)), (key) => blobs.delete(key))
  const entries = new Map<number, number[]>()
  for (const { sequence, index } of origins) entries.set(sequence, [...(entries.get(sequence) ?? []), index])
  await inGroups([...entries], ([sequence, indexes]) => forgetMetadata(account, sequence, indexes))
}

/** The fold never looks at metadata. Who came in between does the same. */
async function forgetMetadata({ accountId, log }: AccountMail, sequence: number, indexes: readonly number[]): Promise<void> {
  const { table } = log.deps
  const key = entryKey(accountId, sequence)
  for (;;) {
    const value = await table.get(key)
    // The account is being deleted.
    if (value === undefined) return
    const { committed } = await table.commit([{ put: key, value: withoutMetadata(sequence, value, indexes), onlyIf: { equals: value } }])
    if (committed) return
  }
}

async function sweepStrays({ accountId, log, state }: AccountMail): Promise<number> {
  const deps: MailDeps = log.deps
  const found: string[] = []
  let strays = 0
  const deleteFound = async () => {
    for (const key of found) deps.log.info('stray-deleted', { account: accountId, key })
    await inGroups(found.splice(0), (key) => deps.blobs.delete(key))
  }
  for await (const { key } of findStrays(deps, accountId, state, strayBefore(deps))) {
    found.push(key)
    strays++
    if (found.length >= sliceMessages) await deleteFound()
  }
  await deleteFound()
  return strays
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) await Promise.all(items.slice(at, at + atOnce).map(work))
}
