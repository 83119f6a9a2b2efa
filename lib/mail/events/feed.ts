/**
 * Which accounts have events that a webhook has not got yet, and how far it has come with each.
 *
 *   events/due/<target>    <account id>   msgpack [version, sequence]: its log has grown to here; written with the entry itself
 *   events/sent/<target>   <account id>   msgpack [version, sequence]: all up to here has been sent
 *   events/targets         <target>       msgpack [version, ms]: events from this time on are sent to it
 *
 * Invariants: an entry and its due row are one commit, so that no event is missed, however a process ends; there is one row
 * for an account, whatever waits, so that a dead webhook costs no room and a start looks at accounts with news only.
 */
import { hash } from 'node:crypto'
import { Packr } from 'msgpackr'
import type { Bell, RowKey, Table } from '#lib/engine/ports.ts'
import { decodeEntry } from '#lib/mail/mailbox/entry.ts'
import type { EntryFeed } from '#lib/mail/mailbox/feed.ts'
import { entryKey } from '#lib/mail/mailbox/logKeys.ts'

const rowVersion = 1
const packr = new Packr({ useRecords: false })

/** What a sender listens to instead of an account. */
export const eventsBell = 'events'

/** A URL, in keys. */
export function targetOf(url: string): string {
  return hash('sha256', url).slice(0, 16)
}

export const duePartition = (target: string): string => `events/due/${target}`
const dueKey = (target: string, accountId: string): RowKey => ({ partition: duePartition(target), sort: accountId })
const sentKey = (target: string, accountId: string): RowKey => ({ partition: `events/sent/${target}`, sort: accountId })
const targetKey = (target: string): RowKey => ({ partition: 'events/targets', sort: target })

/** Undefined when nobody is to be told. */
export function makeFeed(urls: readonly string[], { bell, table }: { readonly bell: Pick<Bell, 'ring'>; readonly table: Table }): EntryFeed | undefined {
  if (urls.length === 0) return undefined
  const targets = urls.map(targetOf)
  return {
    heldFrom: async (accountId) => Math.min(...(await Promise.all(targets.map((target) => firstUnsent(table, target, accountId))))),
    rows: (accountId, sequence) => targets.map((target) => ({ put: dueKey(target, accountId), value: writeNumber(sequence) })),
    told: () => bell.ring(eventsBell),
  }
}

export function writeNumber(number: number): Uint8Array {
  return packr.pack([rowVersion, number])
}

export function readNumber(bytes: Uint8Array): number {
  const [version, number] = packr.unpack(bytes) as readonly unknown[]
  if (version !== rowVersion || typeof number !== 'number') throw new Error(`a row of events has version ${String(version)}, this program reads version ${rowVersion}`)
  return number
}

/** From when on a target is told; from now on when it is new. */
export async function beginTarget(table: Table, target: string, now: number): Promise<number> {
  const key = targetKey(target)
  await table.commit([{ put: key, value: writeNumber(now), onlyIf: 'absent' }])
  const found = await table.get(key)
  return found === undefined ? now : readNumber(found)
}

/** The last sequence number that was sent. An account never told of begins with the first entry since the target did. */
export async function readSent(table: Table, target: string, accountId: string, { since, last }: { readonly since: number; readonly last: number }): Promise<number> {
  const found = await table.get(sentKey(target, accountId))
  if (found !== undefined) return readNumber(found)
  let [before, after] = [0, last + 1]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    const value = await table.get(entryKey(accountId, middle))
    // Rows of a deleted account are gone: what is left is at the end.
    if (value === undefined || decodeEntry(middle, value).at < since) before = middle
    else after = middle
  }
  return before
}

async function firstUnsent(table: Table, target: string, accountId: string): Promise<number> {
  const [due, began] = [await table.get(dueKey(target, accountId)), await table.get(targetKey(target))]
  if (due === undefined) return Infinity
  // A target that no sender has begun with yet is told of what comes after its beginning.
  const since = began === undefined ? Infinity : readNumber(began)
  return (await readSent(table, target, accountId, { since, last: readNumber(due) })) + 1
}

export async function writeSent(table: Table, target: string, accountId: string, sequence: number): Promise<void> {
  await table.commit([{ put: sentKey(target, accountId), value: writeNumber(sequence) }])
}

/** Accounts with events that were not sent yet, as far as `most`. */
export async function readDue(table: Table, url: string, most: number): Promise<string[]> {
  const accounts: string[] = []
  let cursor: string | undefined
  do {
    const page = await table.range({ partition: duePartition(targetOf(url)), limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    accounts.push(...page.items.map(({ sort }) => sort))
    cursor = page.next
  } while (cursor !== undefined && accounts.length < most)
  return accounts
}

/** All was sent up to the due row as it was found; when it has grown since, it stays. */
export async function clearDue(table: Table, target: string, accountId: string, found: Uint8Array): Promise<void> {
  await table.commit([{ delete: dueKey(target, accountId), onlyIf: { equals: found } }])
}

/** A deleted account will have no more events, and its id is never given again. */
export async function forgetAccount(table: Table, target: string, accountId: string): Promise<void> {
  await table.commit([{ delete: dueKey(target, accountId) }, { delete: sentKey(target, accountId) }])
}
