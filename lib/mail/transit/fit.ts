/** A note that its many recipients make too large for its queue hands its content over through Blobs. */
import { portLimits } from '#lib/engine/ports.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { readContent } from './content.ts'
import { encodeNote } from './note.ts'
import type { InboundNote, OutboundNote } from './note.ts'

/** The key of a blob that is made goes to `held` before it is written, so that the caller can delete it should the note not be sent. */
export async function fitNote(note: InboundNote | OutboundNote, held: string[], blobs: Blobs): Promise<Uint8Array> {
  const body = encodeNote(note)
  if (body.length <= portLimits.noteBytes || 'blob' in note.content) return body
  const key = `transit/${note.queueId}-large`
  held.push(key)
  const { sizeBytes } = await blobs.put(key, readContent(blobs, note.content), { queueId: note.queueId, receivedAt: new Date(note.receivedAt).toISOString() })
  return encodeNote({ ...note, content: { blob: { key, offset: 0, length: sizeBytes, codec: 'identity', sizeBytes } } })
}
