/**
 * How a note lies in LMDB.
 *
 * A note row holds header, last reason and body; while the note waits, a due row names it in the order of due times.
 * The due row carries the note's revision: a consumer's answer counts only for the revision it was handed,
 * so a note sent again while its forerunner is in hand survives that one's answer.
 */
import type { NoteState } from '../ports.ts'

const version = 1
const headerBytes = 34
const reasonBytes = 1000
export const revisionBytes = 8

const states = ['waiting', 'held', 'dead'] as const
/** In hand is not kept in the row: who holds the note knows it. */
export type StoredState = Exclude<NoteState, 'in-hand'>

export interface NoteRow {
  readonly state: StoredState
  /** Hand-outs that were answered `failed` or not at all. */
  readonly failures: number
  /** Hand-outs answered so far. */
  readonly receives: number
  readonly sentAt: number
  readonly dueAt: number
  readonly revision: Uint8Array
  /** Why it failed last; '' when it never did. */
  readonly reason: string
  readonly body: Uint8Array
}

export function packNoteRow(row: NoteRow): Uint8Array {
  const reason = row.reason === '' ? undefined : Buffer.from(row.reason).subarray(0, reasonBytes)
  const bytes = Buffer.allocUnsafe(headerBytes + (reason?.length ?? 0) + row.body.length)
  bytes[0] = version
  bytes[1] = states.indexOf(row.state)
  bytes.writeUInt16LE(Math.min(row.failures, 0xffff), 2)
  bytes.writeUInt32LE(row.receives, 4)
  bytes.writeDoubleLE(row.sentAt, 8)
  bytes.writeDoubleLE(row.dueAt, 16)
  bytes.set(row.revision, 24)
  bytes.writeUInt16LE(reason?.length ?? 0, 32)
  if (reason !== undefined) bytes.set(reason, headerBytes)
  bytes.set(row.body, headerBytes + (reason?.length ?? 0))
  return bytes
}

/** The body is a view of `value`. */
export function unpackNoteRow(value: Uint8Array): NoteRow {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const state = states[bytes[1] ?? -1]
  if (bytes[0] !== version || state === undefined) throw new Error(`a note row has version ${bytes[0] ?? 'none'}, this program reads version ${version}`)
  const bodyStart = headerBytes + bytes.readUInt16LE(32)
  return {
    state,
    failures: bytes.readUInt16LE(2),
    receives: bytes.readUInt32LE(4),
    sentAt: bytes.readDoubleLE(8),
    dueAt: bytes.readDoubleLE(16),
    revision: bytes.subarray(24, 24 + revisionBytes),
    reason: bytes.toString('utf8', headerBytes, bodyStart),
    body: bytes.subarray(bodyStart),
  }
}
