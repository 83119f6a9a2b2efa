/**
 * The limits of the ports, checked alike by every engine before anything is changed.
 * Each function throws {@link PortLimitError}.
 */
import { PortLimitError, portLimits } from './ports.ts'
import type { Change, NewNote, RowKey } from './ports.ts'

/** S3 allows no longer key (Amazon S3 user guide, "Naming Amazon S3 objects"). */
const blobKeyBytes = 1024
/** Leaves room in a sort key for a due time. */
const noteIdBytes = portLimits.sortBytes - 32
/** S3 keeps no more user-defined metadata (Amazon S3 user guide, "Working with object metadata"). */
const metadataBytes = 2 * 1024
/** The latest time that JavaScript's dates reach. */
const latestDue = 8.64e15

export function checkRowKey(key: RowKey): void {
  checkPartition(key.partition)
  checkPart('sort key', key.sort, portLimits.sortBytes)
}

export function checkPartition(partition: string): void {
  checkPart('partition key', partition, portLimits.partitionBytes)
}

export function checkBlobKey(key: string): void {
  checkPart('blob key', key, blobKeyBytes)
}

export function checkNoteId(id: string): void {
  checkPart('note id', id, noteIdBytes)
}

/** The metadata as JSON. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(metadata))
  if (bytes.length > metadataBytes) throw new PortLimitError(`metadata has ${bytes.length} octets, more than ${metadataBytes}`)
  return bytes
}

export function checkNote(note: NewNote): void {
  if (note.body.length > portLimits.noteBytes) throw new PortLimitError(`a note has ${note.body.length} octets, more than ${portLimits.noteBytes}`)
  checkNoteId(note.id)
}

export function checkBatch(notes: readonly NewNote[]): void {
  if (notes.length > portLimits.batchNotes) throw new PortLimitError(`a batch has ${notes.length} notes, more than ${portLimits.batchNotes}`)
}

export function keyOfChange(change: Change): RowKey {
  return 'put' in change ? change.put : change.delete
}

export function checkChanges(changes: readonly Change[]): void {
  if (changes.length > portLimits.commitChanges) throw new PortLimitError(`a commit has ${changes.length} changes, more than ${portLimits.commitChanges}`)
  let bytes = 0
  for (const change of changes) {
    const key = keyOfChange(change)
    checkRowKey(key)
    const valueBytes = 'put' in change ? change.value.length : 0
    if (valueBytes > portLimits.valueBytes) throw new PortLimitError(`a value has ${valueBytes} octets, more than ${portLimits.valueBytes}`)
    bytes += Buffer.byteLength(key.partition) + Buffer.byteLength(key.sort) + valueBytes
  }
  if (bytes > portLimits.commitBytes) throw new PortLimitError(`a commit has ${bytes} octets, more than ${portLimits.commitBytes}`)
  if (changes.length > 1 && new Set(changes.map(keyText)).size < changes.length) throw new PortLimitError('a key stands in two changes of one commit')
}

const keyText = (change: Change): string => {
  const { partition, sort } = keyOfChange(change)
  return `${partition}\0${sort}`
}

/** A time as due rows can hold it: whole milliseconds that JavaScript's dates reach. */
export function dueTime(at: number): number {
  if (Number.isNaN(at)) throw new PortLimitError('a due time is not a number')
  return Math.floor(Math.min(Math.max(at, 0), latestDue))
}

function checkPart(what: string, part: string, limitBytes: number): void {
  if (part.length === 0) throw new PortLimitError(`a ${what} is empty`)
  // Three octets is the most a UTF-16 unit takes in UTF-8: most keys need no exact count.
  if (part.length * 3 > limitBytes && Buffer.byteLength(part) > limitBytes) throw new PortLimitError(`a ${what} is longer than ${limitBytes} octets: ${part.slice(0, 60)}...`)
  if (part.includes('\0')) throw new PortLimitError(`a ${what} holds a NUL: ${JSON.stringify(part)}`)
  // Lone surrogates all become U+FFFD in UTF-8, so two keys could fall together.
  if (!part.isWellFormed()) throw new PortLimitError(`a ${what} is not well-formed Unicode: ${JSON.stringify(part)}`)
}
