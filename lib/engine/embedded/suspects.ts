/**
 * Notes that may be what ended the process before this one: their hand-outs are counted before they happen.
 * See docs/decisions/0003-queue-embedded.md.
 */
import type { QueueName } from '../ports.ts'
import type { Environment } from './environment.ts'
import type { NoteRow } from './noteRow.ts'
import { countHandOut, isCurrent } from './noteStore.ts'
import type { HandedNote } from './noteStore.ts'

/** A note that a consumer of this process works on. */
export interface InHand extends HandedNote {
  readonly deadline: number
  readonly maxReceives: number
  /** Was in hand when a process died: goes out alone. */
  readonly suspect: boolean
  /** Frees the place of a batch whose consumer let the deadline pass. */
  readonly expire: () => void
}

export interface GivenNote {
  readonly row: NoteRow
  readonly note: InHand
}

/** Durable when it resolves. Without the notes that were handed out too often (dead now), dropped or sent again meanwhile. */
export async function countHandOuts(environment: Environment, queue: QueueName, batch: readonly GivenNote[]): Promise<readonly GivenNote[]> {
  return await environment.commit((rows, writes) =>
    batch.flatMap(({ row, note }) => {
      if (!isCurrent(rows, queue, note)) return []
      const counted = countHandOut(writes, queue, note.id, row, note.maxReceives)
      return counted === undefined ? [] : [{ row: counted, note: { ...note, revision: counted.revision, counted: true } }]
    }),
  )
}
