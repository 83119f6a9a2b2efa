/**
 * The seam between the mail system and the place where things are kept.
 *
 * Invariants of every engine:
 * - a promise resolves only when its effect survives the loss of power;
 * - nothing here knows a mail word: keys are text, values are octets;
 * - limits are those of the weaker engine, and every engine enforces them.
 *
 * Only entry points choose an engine; rooms of lib/mail receive the ports as arguments.
 */

/** Limits that every engine enforces by throwing {@link PortLimitError}. */
export const portLimits = {
  /** Changes in one commit (DynamoDB TransactWriteItems). */
  commitChanges: 100,
  /** Octets of keys and values in one commit; the names of attributes count too where the limit comes from. */
  commitBytes: 4 * 1024 * 1024 - 1024,
  /** Octets of one value in the Table. */
  valueBytes: 350 * 1024,
  /** UTF-8 octets of a partition key, and of a sort key. */
  partitionBytes: 1024,
  sortBytes: 512,
  /** Octets of the body of one note: as base64 beside its head it must fit into the 1 MiB of an SQS message. */
  noteBytes: 700 * 1024,
  /** Notes in one batch of send, and the largest batch a consumer gets. */
  batchNotes: 10,
} as const

/** A caller went beyond {@link portLimits}: a bug or a missing split, never a passing fault. */
export class PortLimitError extends Error {
  override readonly name = 'PortLimitError'
}

/**
 * The engine cannot do this now (throttled, disk full, network): the caller may try again. Nothing was changed, as far as the
 * engine knows: when AWS's answer is lost, the change may have been made, so what is tried again must bear being done twice.
 */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError'
}

// ---------------------------------------------------------------- Table

/** Sort keys are ordered by their UTF-8 octets inside one partition. Both parts are non-empty. */
export interface RowKey {
  readonly partition: string
  readonly sort: string
}

export interface Row {
  readonly sort: string
  readonly value: Uint8Array
}

/** What must hold for a change to be made: no row there, a row there, or a row with exactly these octets. */
export type Condition = 'absent' | 'present' | { readonly equals: Uint8Array }

export type Change =
  | { readonly put: RowKey; readonly value: Uint8Array; readonly onlyIf?: Condition }
  | { readonly delete: RowKey; readonly onlyIf?: Condition }

/** `failed` is the index of a change whose condition did not hold; then nothing was changed. */
export type CommitOutcome = { readonly committed: true } | { readonly committed: false; readonly failed: number }

export interface RangeRequest {
  readonly partition: string
  /** First sort key wanted, inclusive. */
  readonly from?: string
  /** End of the sort keys wanted, exclusive. */
  readonly to?: string
  /** From the end towards the beginning. */
  readonly backward?: boolean
  /** Most rows in one page; an engine may return fewer and still have more. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page begins; absent on the last one. */
  readonly next?: string
}

export interface Table {
  get(key: RowKey): Promise<Uint8Array | undefined>
  /** One page, at most about 1 MB. Strongly consistent. */
  range(request: RangeRequest): Promise<Page<Row>>
  /**
   * All of the changes or none. A key may stand in one change only. A lost answer makes the AWS engine write again: a single
   * change counts as made when the row then is exactly as it should be, so writers who must be told apart write different octets.
   */
  commit(changes: readonly Change[]): Promise<CommitOutcome>
}

// ---------------------------------------------------------------- Blobs

export interface BlobInfo {
  readonly key: string
  readonly sizeBytes: number
  /** Short text values, so that a blob explains itself when the Table is lost. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface Blobs {
  /** Where each blob is billed: the size up to which it pays to put several small things that are kept together into one. */
  readonly packBytes?: number
  /** Compresses what it is given, at less cost than its callers could: then they leave small things as they are. */
  readonly compresses?: boolean
  /** Writes the whole blob or, when the source fails, nothing. Replaces a blob of the same key. */
  put(key: string, source: Uint8Array | AsyncIterable<Uint8Array>, metadata?: Readonly<Record<string, string>>): Promise<BlobInfo>
  /** The octets from `offset` on, at most `length`; undefined when there is no such blob. For small reads. */
  readBytes(key: string, offset?: number, length?: number): Promise<Uint8Array | undefined>
  /** The same as a stream of chunks, for large reads. Throws {@link BlobMissingError} at the first chunk. */
  readStream(key: string, offset?: number, length?: number): AsyncIterable<Uint8Array>
  info(key: string): Promise<BlobInfo | undefined>
  /** In the order of their keys. */
  list(prefix: string, cursor?: string): Promise<Page<BlobInfo>>
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>
}

export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError'
}

// ---------------------------------------------------------------- Queue

export type QueueName = 'inbound' | 'outbound' | 'delivery'

/** A note on its way into a queue. */
export interface NewNote {
  /**
   * Names the note in lists; unique inside its queue. Sending the id of a waiting note again replaces that note. On AWS only
   * while both wait in the due-time index: what SQS has on its way is not replaced, and both are handed out.
   */
  readonly id: string
  readonly body: Uint8Array
  /** Not handed to a consumer before this time (ms since 1970). Absent: at once. */
  readonly notBefore?: number
}

export interface Note {
  readonly id: string
  readonly body: Uint8Array
  /** How often this note has been handed to a consumer, this time included. */
  readonly receives: number
  readonly sentAt: number
}

/**
 * A consumer's word on one note.
 * - `done`: forget it; `then` are notes sent first, in the same transaction where the engine can.
 * - `again`: hand it out again, not before `notBefore`; does not count towards the dead letters.
 * - `failed`: something went wrong; hand it out again after the queue's back-off, and to the dead letters after too many.
 */
export type NoteAnswer =
  | { readonly kind: 'done'; readonly then?: readonly { readonly queue: QueueName; readonly note: NewNote }[] }
  | { readonly kind: 'again'; readonly notBefore: number }
  | { readonly kind: 'failed'; readonly reason: string }

/** Gets 1 to `batchNotes` notes, answers for each in order. A throw answers `failed` for all of them. */
export type NoteHandler = (notes: readonly Note[]) => Promise<readonly NoteAnswer[]>

export interface ConsumeOptions {
  readonly batchNotes: number
  /** Batches worked on at once. */
  readonly concurrency: number
  /** A batch not answered within this time is handed out again (its consumer died). */
  readonly visibilityMs: number
  /** Receives after which `failed` moves the note to the dead letters. */
  readonly maxReceives: number
  /** While notes keep coming, an engine may let them gather for so long, so that sending goes first; 0 or absent: it never does. */
  readonly gatherMs?: number
}

export interface Consumer {
  /** Takes no more notes and resolves when those in hand are answered. */
  stop(): Promise<void>
}

export type NoteState = 'waiting' | 'in-hand' | 'held' | 'dead'

export interface QueuedNote {
  readonly id: string
  readonly body: Uint8Array
  readonly state: NoteState
  readonly sentAt: number
  /** When it will be handed out next; absent for held and dead notes. */
  readonly dueAt?: number
  readonly receives: number
  /** Why it failed last. */
  readonly reason?: string
}

export interface Queue {
  /** Durable for all of the notes when it resolves; when it rejects, some may have been sent on AWS. At most `batchNotes` notes. */
  send(queue: QueueName, notes: readonly NewNote[]): Promise<void>
  consume(queue: QueueName, options: ConsumeOptions, handler: NoteHandler): Consumer
  /**
   * What an operator sees: notes that wait, are held, or are dead. On AWS a note that SQS has is not seen by this or the
   * calls below: one that is due, due within `aws.sqsDelayMs`, or in hand.
   */
  list(queue: QueueName, cursor?: string): Promise<Page<QueuedNote>>
  find(queue: QueueName, id: string): Promise<QueuedNote | undefined>
  /** Due at this time instead, be it waiting, held or dead. False when the note is in hand or gone. */
  retime(queue: QueueName, id: string, notBefore: number): Promise<boolean>
  /** Keeps the note until it is retimed. False when it is in hand or gone. */
  hold(queue: QueueName, id: string): Promise<boolean>
  /** Forgets the note. False when it is in hand or gone. */
  drop(queue: QueueName, id: string): Promise<boolean>
}

// ---------------------------------------------------------------- Bell

/** A hint that something changed. It may be lost, repeated or late: who hears it looks for himself. */
export interface Bell {
  ring(account: string): void
  /** Returns the function that ends the listening. */
  listen(account: string, listener: () => void): () => void
}

export interface Engine {
  readonly table: Table
  readonly blobs: Blobs
  readonly queue: Queue
  readonly bell: Bell
  /** Finishes what is being written and lets go of files and connections. */
  close(): Promise<void>
}
