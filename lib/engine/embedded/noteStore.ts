/**
 * What happens to notes inside a transaction: each function is one step of a note's life.
 * The legal ways: sent -> waiting; waiting -> gone (done), waiting (again, failed), dead (failed too often);
 * waiting <-> held; dead -> waiting (retimed); any -> gone (dropped).
 */
import { randomBytes } from 'node:crypto'
import { checkNote, dueTime } from '../limits.ts'
import type { NewNote, NoteAnswer, QueueName } from '../ports.ts'
import type { Rows, Writes } from './environment.ts'
import { dueKey, noteKey } from './keys.ts'
import { packNoteRow, revisionBytes, unpackNoteRow } from './noteRow.ts'
import type { NoteRow } from './noteRow.ts'

/** How long a failed note rests: `firstMs` after the first failure, twice as long after each further one, at most `mostMs`. */
export interface BackOff {
  readonly firstMs: number
  readonly mostMs: number
}

/** A note as it was handed out. */
export interface HandedNote {
  readonly id: string
  readonly dueAt: number
  readonly revision: Uint8Array
  /** The row's `failures` already counts this hand-out. */
  readonly counted: boolean
}

/** A note ready to be written. */
export interface PackedNote {
  readonly key: string
  readonly queue: QueueName
  readonly id: string
  readonly dueAt: number
  readonly revision: Uint8Array
  readonly value: Uint8Array
}

const processPart = randomBytes(4)
let revisions = 0

/** Differs from every other one, of this process and others. */
function nextRevision(): Uint8Array {
  const revision = Buffer.allocUnsafe(revisionBytes)
  revision.set(processPart)
  revision.writeUInt32LE(revisions++ >>> 0, processPart.length)
  return revision
}

/** @throws {PortLimitError} */
export function packNewNote(queue: QueueName, note: NewNote, now: number): PackedNote {
  checkNote(note)
  const key = noteKey(queue, note.id)
  const dueAt = dueTime(note.notBefore ?? now)
  const revision = nextRevision()
  const value = packNoteRow({ state: 'waiting', failures: 0, receives: 0, sentAt: now, dueAt, revision, reason: '', body: note.body })
  return { key, queue, id: note.id, dueAt, revision, value }
}

/** An answer whose notes cannot be sent (a {@link PortLimitError}) is a failure of the handler. */
export function packAnswers(given: readonly NoteAnswer[], now: number): { answers: readonly NoteAnswer[]; sent: readonly PackedNote[] } {
  const sent: PackedNote[] = []
  const answers = given.map((answer): NoteAnswer => {
    if (answer.kind !== 'done' || answer.then === undefined) return answer
    try {
      sent.push(...answer.then.map(({ queue, note }) => packNewNote(queue, note, now)))
      return answer
    } catch (error) {
      return { kind: 'failed', reason: String(error) }
    }
  })
  return { answers, sent }
}

export function putNote(rows: Rows, writes: Writes, note: PackedNote): void {
  // Nearly every note is new: asking first spares the copy of a body.
  const old = rows.has(note.key) ? readRow(rows, note.key) : undefined
  if (old?.state === 'waiting') writes.remove(dueKey(note.queue, old.dueAt, note.id))
  writes.put(note.key, note.value)
  writes.put(dueKey(note.queue, note.dueAt, note.id), note.revision)
}

/** False when the note was dropped or sent again since it was handed out: then the answer changes nothing. */
export function isCurrent(rows: Rows, queue: QueueName, handed: HandedNote): boolean {
  const revision = rows.get(dueKey(queue, handed.dueAt, handed.id))
  return revision !== undefined && Buffer.compare(revision, handed.revision) === 0
}

export interface AnswerRules {
  readonly now: number
  readonly maxReceives: number
  readonly backOff: BackOff
}

/** Where the note stands after the answer; undefined when it is gone. */
export function answerNote(rows: Rows, writes: Writes, queue: QueueName, handed: HandedNote, answer: NoteAnswer, rules: AnswerRules): NoteRow | undefined {
  const key = noteKey(queue, handed.id)
  if (answer.kind === 'done') {
    writes.remove(key)
    writes.remove(dueKey(queue, handed.dueAt, handed.id))
    return undefined
  }
  const row = readRow(rows, key)
  if (row === undefined) throw new Error(`a due row has no note: ${key}`)
  const before = handed.counted ? row.failures - 1 : row.failures
  const receives = row.receives + 1
  if (answer.kind === 'again') return rewrite(writes, queue, handed.id, row, { ...row, receives, failures: before, dueAt: dueTime(answer.notBefore) })
  const failures = before + 1
  const state = failures >= rules.maxReceives ? 'dead' : 'waiting'
  const dueAt = dueTime(rules.now + Math.min(rules.backOff.mostMs, rules.backOff.firstMs * 2 ** (failures - 1)))
  return rewrite(writes, queue, handed.id, row, { ...row, receives, failures, state, dueAt, reason: answer.reason })
}

/**
 * Counts a hand-out before it happens, for a note that may be the one that ends the process.
 * Undefined when it was handed out too often already: then it is dead now.
 */
export function countHandOut(writes: Writes, queue: QueueName, id: string, row: NoteRow, maxReceives: number): NoteRow | undefined {
  if (row.failures < maxReceives) return rewrite(writes, queue, id, row, { ...row, failures: row.failures + 1 })
  rewrite(writes, queue, id, row, { ...row, state: 'dead', reason: row.reason === '' ? `handed out ${row.failures} times and never answered` : row.reason })
  return undefined
}

export function retimeNote(rows: Rows, writes: Writes, queue: QueueName, id: string, notBefore: number): NoteRow | undefined {
  const row = readRow(rows, noteKey(queue, id))
  // A dead note begins anew: an operator wants it tried as often as a fresh one.
  return row && rewrite(writes, queue, id, row, { ...row, state: 'waiting', dueAt: dueTime(notBefore), failures: row.state === 'dead' ? 0 : row.failures })
}

export function holdNote(rows: Rows, writes: Writes, queue: QueueName, id: string): boolean {
  const row = readRow(rows, noteKey(queue, id))
  if (row !== undefined) rewrite(writes, queue, id, row, { ...row, state: 'held' })
  return row !== undefined
}

export function dropNote(rows: Rows, writes: Writes, queue: QueueName, id: string): boolean {
  const key = noteKey(queue, id)
  const row = readRow(rows, key)
  if (row === undefined) return false
  writes.remove(key)
  if (row.state === 'waiting') writes.remove(dueKey(queue, row.dueAt, id))
  return true
}

export function readRow(rows: Pick<Rows, 'get'>, key: string): NoteRow | undefined {
  const value = rows.get(key)
  return value && unpackNoteRow(value)
}

/** Keeps note row and due row in step. */
function rewrite(writes: Writes, queue: QueueName, id: string, from: NoteRow, to: NoteRow): NoteRow {
  const fresh = { ...to, revision: nextRevision() }
  if (from.state === 'waiting') writes.remove(dueKey(queue, from.dueAt, id))
  writes.put(noteKey(queue, id), packNoteRow(fresh))
  if (fresh.state === 'waiting') writes.put(dueKey(queue, fresh.dueAt, id), fresh.revision)
  return fresh
}
