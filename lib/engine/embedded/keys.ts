/**
 * How the keys of all ports lie in one ordered key space.
 *
 * Invariants: the first character names the space; no part given by a caller holds a NUL, so NUL ends a part and
 * sorts before anything that may follow; LMDB compares keys octet by octet, which is the order of UTF-8.
 */
import { checkBlobKey, checkNoteId, checkPartition, checkRowKey } from '../limits.ts'
import type { QueueName, RowKey } from '../ports.ts'

/** Digits of a due time: enough for every date JavaScript knows. */
const dueDigits = 16

const queueLetters: Record<QueueName, string> = { inbound: 'i', outbound: 'o', delivery: 'd' }

export const formatKey = 'vformat'

export function tableKey(key: RowKey): string {
  checkRowKey(key)
  return `t${key.partition}\0${key.sort}`
}

/** What all keys of a partition begin with, and the first key after them. */
export function partitionSpan(partition: string): { first: string; end: string } {
  checkPartition(partition)
  return { first: `t${partition}\0`, end: `t${partition}\x01` }
}

export function blobKey(key: string): string {
  checkBlobKey(key)
  return `b${key}`
}

export const blobSpan = { first: 'b', end: 'c' }

/** Files that no blob row names (any more), under the process that must remove them. */
export function strayKey(peer: string, file: string): string {
  return `x${peer}\0${file}`
}

export const straySpan = { first: 'x', end: 'y' }

export function noteKey(queue: QueueName, id: string): string {
  checkNoteId(id)
  return `n${queueLetters[queue]}${id}`
}

export function noteSpan(queue: QueueName): { first: string; end: string } {
  const first = `n${queueLetters[queue]}`
  return { first, end: nextAfter(first) }
}

/** Due rows stand in the order in which notes are handed out: by time, then by id. */
export function dueKey(queue: QueueName, dueAt: number, id: string): string {
  return `${dueBefore(queue, dueAt)}${id}`
}

/** Sorts before every due row of this time. */
export function dueBefore(queue: QueueName, dueAt: number): string {
  return `d${queueLetters[queue]}${String(dueAt).padStart(dueDigits, '0')}`
}

export function dueStart(queue: QueueName): string {
  return `d${queueLetters[queue]}`
}

export function idOfDueKey(key: string): string {
  return key.slice(2 + dueDigits)
}

export function ownerKey(queue: QueueName): string {
  return `o${queueLetters[queue]}`
}

function nextAfter(prefix: string): string {
  const last = prefix.length - 1
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)
}
