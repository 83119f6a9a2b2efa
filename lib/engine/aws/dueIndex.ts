/**
 * The due-time index: notes that wait longer than SQS can delay them, are held, or are dead, as rows of the Table.
 *
 *   ~queue/<queue>   <id>             the note (noteText.ts); a body beyond `rowBodyBytes` lies in a blob, which is cheaper
 *   ~due/<shard>     <due time><queue><id>   that it is to be sent then
 *
 * Invariants: the due row is written before the note's row, so a note that waits always has one; a due row without its note
 * counts for nothing and goes once it is `staleMs` overdue. A row is taken away only as it was read, so a note replaced
 * meanwhile stays. A crash leaves a due row or a blob behind, or sends a note twice; it never loses one.
 */
import { randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { Clock } from '#lib/base/clock.ts'
import { checkNoteId, dueTime } from '../limits.ts'
import { EngineUnavailableError } from '../ports.ts'
import type { Blobs, Page, QueuedNote, QueueName, RowKey, Table } from '../ports.ts'
import type { TableParts } from './dynamoTable.ts'
import { packResting, unpackResting } from './noteText.ts'
import type { RestingNote, TravelNote } from './noteText.ts'
import { calling, pauseBefore } from './unavailable.ts'

/** Each takes a thousand writes a second. Every one is asked once in a sweep. */
const dueShards = 2
const dueDigits = 16
const staleMs = 60_000
const pageNotes = 100

const letters: Record<QueueName, string> = { inbound: 'i', outbound: 'o', delivery: 'd' }
const queueOf = new Map(Object.entries(letters).map(([queue, letter]) => [letter, queue as QueueName]))

export interface IndexParts extends TableParts {
  readonly clock: Clock
  readonly rows: Table
  readonly blobs: Blobs
  readonly rowBodyBytes: number
}

/** A note of the index with the row it was read from. */
export interface FoundNote {
  readonly queue: QueueName
  readonly note: RestingNote
  readonly row: Uint8Array
}

export type Rest = Pick<RestingNote, 'state' | 'dueAt'>

export class DueIndex {
  readonly #parts: IndexParts

  constructor(parts: IndexParts) {
    this.#parts = parts
  }

  /** Durable when it resolves. Replaces a note of the same id. */
  async put(queue: QueueName, note: TravelNote, rest: Rest): Promise<void> {
    const { dynamo, table } = this.#parts
    checkNoteId(note.id)
    const resting: RestingNote = { ...note, ...rest, dueAt: dueTime(rest.dueAt), body: await this.#keepBody(queue, note.body) }
    if (resting.state === 'waiting') await this.#putDue(queue, resting)
    const { partition, sort } = noteKey(queue, note.id)
    const { Attributes } = await calling(dynamo.send(new PutItemCommand({ TableName: table, Item: { pk: { S: partition }, sk: { S: sort }, v: { B: packResting(resting) } }, ReturnValues: 'ALL_OLD' })))
    const replaced = Attributes?.['v']?.B
    if (replaced !== undefined) await this.#forgetParts(queue, unpackResting(replaced), resting)
  }

  async find(queue: QueueName, id: string): Promise<FoundNote | undefined> {
    checkNoteId(id)
    const row = await this.#parts.rows.get(noteKey(queue, id))
    return row && { queue, note: unpackResting(row), row }
  }

  async list(queue: QueueName, cursor: string | undefined): Promise<Page<QueuedNote>> {
    const page = await this.#parts.rows.range({ partition: partitionOf(queue), limit: pageNotes, ...(cursor === undefined ? {} : { cursor }) })
    const items = await Promise.all(page.items.map(async ({ value }) => this.describe(unpackResting(value))))
    return { ...page, items: items.filter((item) => item !== undefined) }
  }

  /** Undefined when its body went with it meanwhile. */
  async describe(note: RestingNote): Promise<QueuedNote | undefined> {
    const { id, state, sentAt, dueAt, receives, reason } = note
    const body = await this.bodyOf(note)
    return body && { id, body, state, sentAt, receives, ...(state === 'waiting' ? { dueAt } : {}), ...(reason === '' ? {} : { reason }) }
  }

  async bodyOf({ body }: RestingNote): Promise<Uint8Array | undefined> {
    return typeof body === 'string' ? await this.#parts.blobs.readBytes(body) : body
  }

  /** False when it is not as it was found. */
  async change({ queue, note, row }: FoundNote, rest: Rest & Partial<Pick<RestingNote, 'failures'>>): Promise<boolean> {
    const changed: RestingNote = { ...note, ...rest, dueAt: dueTime(rest.dueAt) }
    if (changed.state === 'waiting') await this.#putDue(queue, changed)
    const { committed } = await this.#parts.rows.commit([{ put: noteKey(queue, note.id), value: packResting(changed), onlyIf: { equals: row } }])
    if (committed) await this.#forgetParts(queue, note, changed)
    return committed
  }

  /** False when it is not as it was found. */
  async remove({ queue, note, row }: FoundNote): Promise<boolean> {
    const { committed } = await this.#parts.rows.commit([{ delete: noteKey(queue, note.id), onlyIf: { equals: row } }])
    if (committed) await this.#forgetParts(queue, note, undefined)
    return committed
  }

  /** Looks and changes until nobody else changes the note in between. False when there is no such note. */
  async alter(queue: QueueName, id: string, step: (found: FoundNote) => Promise<boolean>): Promise<boolean> {
    for (let tried = 1; tried <= this.#parts.tries; tried++) {
      const found = await this.find(queue, id)
      if (found === undefined) return false
      if (await step(found)) return true
      await pauseBefore(this.#parts.clock, tried)
    }
    throw new EngineUnavailableError(`note ${id} of ${queue} is being changed by others`)
  }

  /** What is due before this time, soonest first in each shard, in pages; rows that count for nothing are tidied away. */
  async *due(before: number): AsyncGenerator<readonly FoundNote[]> {
    for (let shard = 0; shard < dueShards; shard++) {
      let cursor: string | undefined
      do {
        const page = await this.#parts.rows.range({ partition: duePartition(shard), to: dueText(before), limit: pageNotes, ...(cursor === undefined ? {} : { cursor }) })
        const found = await Promise.all(page.items.map(async ({ sort }) => this.#findDue(duePartition(shard), sort)))
        yield found.filter((note) => note !== undefined)
        cursor = page.next
      } while (cursor !== undefined)
    }
  }

  async #findDue(partition: string, sort: string): Promise<FoundNote | undefined> {
    const dueAt = Number(sort.slice(0, dueDigits))
    const queue = queueOf.get(sort.slice(dueDigits, dueDigits + 1))
    const found = queue && (await this.find(queue, sort.slice(dueDigits + 1)))
    if (found?.note.state === 'waiting' && found.note.dueAt === dueAt) return found
    // Its note may be on its way into the Table.
    if (dueAt + staleMs < this.#parts.clock.now()) await this.#parts.rows.commit([{ delete: { partition, sort } }])
    return undefined
  }

  async #putDue(queue: QueueName, { id, dueAt }: Pick<RestingNote, 'id' | 'dueAt'>): Promise<void> {
    await this.#parts.rows.commit([{ put: dueKey(queue, id, dueAt), value: new Uint8Array() }])
  }

  async #keepBody(queue: QueueName, body: Uint8Array): Promise<Uint8Array | string> {
    if (body.length <= this.#parts.rowBodyBytes) return body
    const key = `queue/${queue}/${randomUUID()}`
    await this.#parts.blobs.put(key, body)
    return key
  }

  /** What the note had and does not have any more. */
  async #forgetParts(queue: QueueName, before: RestingNote, now: RestingNote | undefined): Promise<void> {
    if (before.state === 'waiting' && (now?.state !== 'waiting' || now.dueAt !== before.dueAt)) await this.#parts.rows.commit([{ delete: dueKey(queue, before.id, before.dueAt) }])
    if (typeof before.body === 'string' && before.body !== now?.body) await this.#parts.blobs.delete(before.body)
  }
}

const partitionOf = (queue: QueueName): string => `~queue/${queue}`

const noteKey = (queue: QueueName, id: string): RowKey => ({ partition: partitionOf(queue), sort: id })

const duePartition = (shard: number): string => `~due/${shard}`

const dueText = (dueAt: number): string => String(dueAt).padStart(dueDigits, '0')

const dueKey = (queue: QueueName, id: string, dueAt: number): RowKey => ({ partition: duePartition(crc32(id) % dueShards), sort: `${dueText(dueAt)}${letters[queue]}${id}` })
