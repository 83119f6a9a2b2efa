/**
 * How a note travels in SQS and lies in the due-time index: a line of JSON that says whose it is and how it fared, then the body.
 *
 * Invariants: what goes through SQS is ASCII, for SQS takes no other octets than those of XML's characters; the body is
 * base64 there and raw in the index. A program refuses what a newer one wrote instead of misreading it.
 */
import type { NoteState } from '../ports.ts'

const version = 1
const reasonChars = 1000

/** A note on its way, with what it has been through before. */
export interface TravelNote {
  readonly id: string
  readonly body: Uint8Array
  readonly sentAt: number
  /** Hand-outs before it was put where it is now. */
  readonly receives: number
  /** Those of them that failed. */
  readonly failures: number
  /** Why it failed last; '' when it never did. */
  readonly reason: string
}

/** A note in the index. */
export interface RestingNote extends Omit<TravelNote, 'body'> {
  readonly state: Exclude<NoteState, 'in-hand'>
  readonly dueAt: number
  /** The body, or the key of the blob that holds it. */
  readonly body: Uint8Array | string
}

/** What was read is not of this program. */
export class NoteTextError extends Error {
  override readonly name = 'NoteTextError'
}

interface Head {
  readonly v: number
  readonly id: string
  readonly at: number
  readonly receives?: number
  readonly failures?: number
  readonly reason?: string
  readonly state?: RestingNote['state']
  readonly due?: number
  readonly blob?: string
}

export function noteToText(note: TravelNote): string {
  const head = JSON.stringify(headOf(note)).replace(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `${head}\n${base64(note.body)}`
}

/** @throws {NoteTextError} */
export function noteOfText(text: string): TravelNote {
  const end = text.indexOf('\n')
  return { ...readHead(text.slice(0, end)).travel, body: Buffer.from(text.slice(end + 1), 'base64') }
}

export function packResting(note: RestingNote): Uint8Array {
  const { state, dueAt, body } = note
  const head: Head = { ...headOf(note), state, due: dueAt, ...(typeof body === 'string' ? { blob: body } : {}) }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), typeof body === 'string' ? new Uint8Array() : body])
}

/** @throws {NoteTextError} */
export function unpackResting(value: Uint8Array): RestingNote {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const end = bytes.indexOf('\n')
  const { head, travel } = readHead(bytes.toString('utf8', 0, end))
  return { ...travel, state: head.state ?? 'waiting', dueAt: head.due ?? 0, body: head.blob ?? bytes.subarray(end + 1) }
}

function headOf({ id, sentAt, receives, failures, reason }: Omit<TravelNote, 'body'>): Head {
  return { v: version, id, at: sentAt, ...(receives === 0 ? {} : { receives }), ...(failures === 0 ? {} : { failures }), ...(reason === '' ? {} : { reason: reason.slice(0, reasonChars).toWellFormed() }) }
}

function readHead(line: string): { readonly head: Head; readonly travel: Omit<TravelNote, 'body'> } {
  let head: unknown
  try {
    head = JSON.parse(line)
  } catch (error) {
    throw new NoteTextError('a note does not begin with a line of JSON', { cause: error })
  }
  if (!isHead(head)) throw new NoteTextError(`a note begins with what this program does not know: ${line.slice(0, 100)}`)
  return { head, travel: { id: head.id, sentAt: head.at, receives: head.receives ?? 0, failures: head.failures ?? 0, reason: head.reason ?? '' } }
}

function isHead(value: unknown): value is Head {
  return typeof value === 'object' && value !== null && 'v' in value && value.v === version && 'id' in value && typeof value.id === 'string' && 'at' in value && typeof value.at === 'number'
}

const base64 = (body: Uint8Array): string => Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64')
