/**
 * How long a blob in transit lives: as long as one note needs it.
 *
 * Invariants: a holder's row is written before its note is sent, and taken away only by the release note that its
 * holder's end leaves behind; the blob goes with the last row. No id holds a second time once it is to be released. A note that never shared its blob needs no row. Every step may
 * be repeated. Releases come late (`delayMs`), so that a note handed out twice finds its blob the second time too.
 * A crash between the rows and the notes leaves a blob behind, never a note without its blob.
 */
import { portLimits } from '#lib/engine/ports.ts'
import type { Blobs, NewNote, Table } from '#lib/engine/ports.ts'
import { encodeNote } from './note.ts'
import type { Content, ReleaseNote } from './note.ts'

/** Whose rows are the holders of this blob. */
export const holdersOf = (blobKey: string): string => `transit/${blobKey}`
const held = Buffer.from([1])

/** Before several notes, or one of another id, are sent with the content of one: writes down who needs it. */
export async function shareContent(table: Table, content: Content, noteIds: readonly string[]): Promise<void> {
  if (!('blob' in content)) return
  const partition = holdersOf(content.blob.key)
  const ids = [...new Set(noteIds)]
  for (let from = 0; from < ids.length; from += portLimits.commitChanges) {
    await table.commit(ids.slice(from, from + portLimits.commitChanges).map((sort) => ({ put: { partition, sort }, value: held })))
  }
}

/** What a note that is over leaves to be sent: nothing when its content was inside it. */
export function releaseLater(content: Content, noteId: string, now: number, delayMs: number): readonly { readonly queue: 'inbound'; readonly note: NewNote }[] {
  if (!('blob' in content)) return []
  // An id begins with the queue id, which has no dot.
  const queueId = noteId.split('.', 1)[0] ?? noteId
  const release: ReleaseNote = { kind: 'release', queueId, blobKey: content.blob.key, holder: noteId }
  return [{ queue: 'inbound', note: { id: `${noteId}-release`, body: encodeNote(release), notBefore: now + delayMs } }]
}

/** Takes the holder's row away, and the blob when no other is left. */
export async function releaseContent({ table, blobs }: { readonly table: Table; readonly blobs: Pick<Blobs, 'delete'> }, { blobKey, holder }: Pick<ReleaseNote, 'blobKey' | 'holder'>): Promise<void> {
  const partition = holdersOf(blobKey)
  await table.commit([{ delete: { partition, sort: holder } }])
  const others = await table.range({ partition, limit: 1 })
  if (others.items.length === 0) await blobs.delete(blobKey)
}
