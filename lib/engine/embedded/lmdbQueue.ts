/**
 * The Queue in LMDB. Sending and answering share the environment's group commit; handing out costs no write (handOut.ts).
 * What an operator does to a note goes through the process that hands out its queue, for that one knows what is in hand.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import { checkBatch } from '../limits.ts'
import { portLimits } from '../ports.ts'
import type { Page, Queue, QueuedNote, QueueName } from '../ports.ts'
import type { Environment } from './environment.ts'
import { HandOut } from './handOut.ts'
import { noteKey, noteSpan } from './keys.ts'
import { unpackNoteRow } from './noteRow.ts'
import { dropNote, holdNote, packNewNote, putNote, retimeNote } from './noteStore.ts'
import type { BackOff, PackedNote } from './noteStore.ts'
import { Ownership } from './ownership.ts'
import type { Json, Peers } from './peers.ts'

const pageBytes = 1024 * 1024
const pageNotes = 100
const queueNames = ['inbound', 'outbound', 'delivery'] as const

interface Order {
  readonly action: 'retime' | 'hold' | 'drop'
  readonly queue: QueueName
  readonly id: string
  readonly notBefore: number
}

export interface LmdbQueue extends Queue {
  close(): Promise<void>
}

export function lmdbQueue(parts: { environment: Environment; peers: Peers; clock: Clock; log: Log; backOff: BackOff }): LmdbQueue {
  const { environment, peers, clock } = parts
  const ownership = new Ownership(environment, peers, clock)
  const onSent = (notes: readonly PackedNote[]) => {
    for (const note of notes) handOuts[note.queue].arrived(note.id, note.dueAt)
  }
  const makeHandOut = (queue: QueueName) => new HandOut(queue, { ...parts, ownership, onSent })
  const handOuts: Record<QueueName, HandOut> = { inbound: makeHandOut('inbound'), outbound: makeHandOut('outbound'), delivery: makeHandOut('delivery') }

  const obeyHere = async (order: Order): Promise<boolean> => {
    const { queue, id } = order
    const done = await handOuts[queue].whileWaiting(id, async () => environment.commit((rows, writes) => change(order, rows, writes)))
    return done ?? false
  }
  const obey = async (order: Order): Promise<boolean> => {
    noteKey(order.queue, order.id)
    const owner = await ownership.otherOwner(order.queue)
    if (owner === undefined) return await obeyHere(order)
    return (await peers.ask(owner, { kind: 'order', content: { ...order } })) === true
  }
  // Both questions come from this program's own processes.
  peers.onAsked('order', async (content) => obeyHere(content as unknown as Order))
  peers.onAsked('in-hand', async (content) => [...handOuts[content as QueueName].deadlines()])

  /** Ids of the notes in hand, wherever they are in hand, and when they come back. */
  const deadlinesOf = async (queue: QueueName): Promise<Map<string, number>> => {
    const owner = await ownership.otherOwner(queue)
    if (owner === undefined) return handOuts[queue].deadlines()
    return new Map((await peers.ask(owner, { kind: 'in-hand', content: queue })) as readonly Json[] as readonly [string, number][])
  }

  return {
    async send(queue, notes) {
      checkBatch(notes)
      const now = clock.now()
      const packed = notes.map((note) => packNewNote(queue, note, now))
      await environment.commit((rows, writes) => {
        for (const note of packed) putNote(rows, writes, note)
      })
      onSent(packed)
    },
    consume(queue, options, handler) {
      const batchNotes = Math.min(options.batchNotes, portLimits.batchNotes)
      return handOuts[queue].consume({ ...options, batchNotes }, handler)
    },
    list: async (queue, cursor) => listNotes(environment, queue, cursor, await deadlinesOf(queue)),
    async find(queue, id) {
      const key = noteKey(queue, id)
      const deadlines = await deadlinesOf(queue)
      const value = environment.get(key)
      return value && describe(id, value, deadlines.get(id))
    },
    retime: async (queue, id, notBefore) => obey({ action: 'retime', queue, id, notBefore }),
    hold: async (queue, id) => obey({ action: 'hold', queue, id, notBefore: 0 }),
    drop: async (queue, id) => obey({ action: 'drop', queue, id, notBefore: 0 }),
    async close() {
      await Promise.all(queueNames.map((queue) => handOuts[queue].stopAll()))
    },
  }
}

function change(order: Order, ...[rows, writes]: Parameters<Parameters<Environment['commit']>[0]>): boolean {
  const { action, queue, id, notBefore } = order
  if (action === 'hold') return holdNote(rows, writes, queue, id)
  if (action === 'drop') return dropNote(rows, writes, queue, id)
  return retimeNote(rows, writes, queue, id, notBefore) !== undefined
}

function listNotes(environment: Environment, queue: QueueName, cursor: string | undefined, deadlines: Map<string, number>): Page<QueuedNote> {
  const span = noteSpan(queue)
  const first = cursor === undefined ? span.first : `${noteKey(queue, cursor)}\0`
  const items: QueuedNote[] = []
  let bytes = 0
  let more = false
  environment.scan({ first, end: span.end }, (key, value) => {
    more = items.length >= pageNotes || (items.length > 0 && bytes + value.length > pageBytes)
    if (more) return false
    const id = key.slice(span.first.length)
    items.push(describe(id, value, deadlines.get(id)))
    bytes += value.length
    return true
  })
  const last = items.at(-1)
  return more && last !== undefined ? { items, next: last.id } : { items }
}

function describe(id: string, value: Uint8Array, deadline: number | undefined): QueuedNote {
  const row = unpackNoteRow(value)
  const state = deadline === undefined ? row.state : 'in-hand'
  return {
    id,
    body: row.body,
    state,
    sentAt: row.sentAt,
    receives: row.receives + (deadline === undefined ? 0 : 1),
    ...(row.state === 'waiting' ? { dueAt: deadline ?? row.dueAt } : {}),
    ...(row.reason === '' ? {} : { reason: row.reason }),
  }
}
