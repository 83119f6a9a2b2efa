/** Where an account's things lie in the Table and the Blobs. */
import type { RowKey } from '#lib/engine/ports.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'

/** Undefined for a partition that is no account's. */
export function accountOf(partition: string): string | undefined {
  return partition.startsWith('mail/') ? partition.slice('mail/'.length) : undefined
}

/** Digits of a sequence number in a sort key, so that text order is number order. */
const digits = 12

export function partitionOf(accountId: string): string {
  return `mail/${accountId}`
}

export function entrySort(sequence: number): string {
  return `e${String(sequence).padStart(digits, '0')}`
}

/** After every entry. */
export const entriesEnd = 'f'

export function entryKey(accountId: string, sequence: number): RowKey {
  return { partition: partitionOf(accountId), sort: entrySort(sequence) }
}

/** Undefined for a row that is no entry. */
export function sequenceOf(sort: string): number | undefined {
  return sort.startsWith('e') ? Number(sort.slice(1)) : undefined
}

/** How far compaction has come (compact.ts); sorts before the entries, so that looks at their end never meet it. */
export const compactedSort = 'compacted'

/** Sorts after the entries, so that one look at the end of the partition finds both. */
export const snapshotSort = 'snapshot'

export function blobPrefix(accountId: string): string {
  return `mail/${accountId}/`
}

const packEnd = '-pack'

/** Of a blob that holds the contents of several messages (bodyPacker.ts). */
export function newPackKey(accountId: string, now: number): string {
  return newBlobKey(accountId, now) + packEnd
}

export function isPackKey(key: string): boolean {
  return key.endsWith(packEnd)
}

/** Never the same twice: the time and 40 random bits. */
export function newBlobKey(accountId: string, now: number): string {
  return blobPrefix(accountId) + newQueueId(now)
}

export function snapshotPrefix(accountId: string): string {
  return `snapshot/${accountId}/`
}

export function indexPrefix(accountId: string): string {
  return `index/${accountId}/`
}
