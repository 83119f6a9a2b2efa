/**
 * Hands out the due notes of one queue to the consumers of this process.
 *
 * Invariants:
 * - a hand-out writes nothing: which notes are in hand is known here alone, and after a crash they are simply handed out again;
 * - so a note is in hand or in `#ready` at most once, and its row is read afresh when it is handed out;
 * - after the death of an owner, notes that are older than the take-over are counted durably before each hand-out, those
 *   counted before one at a time: a note that ends the process ends among the dead letters, its neighbours do not.
 */
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { ConsumeOptions, Consumer, Note, NoteAnswer, NoteHandler, QueueName } from '../ports.ts'
import type { Environment } from './environment.ts'
import { Gathering } from './gathering.ts'
import { dueBefore, dueStart, idOfDueKey, noteKey } from './keys.ts'
import type { NoteRow } from './noteRow.ts'
import { answerNote, isCurrent, packAnswers, putNote, readRow } from './noteStore.ts'
import type { BackOff, PackedNote } from './noteStore.ts'
import type { Ownership } from './ownership.ts'
import { countHandOuts } from './suspects.ts'
import type { GivenNote, InHand } from './suspects.ts'

/** Ids of due notes kept at hand; the others wait in LMDB. */
const readyNotes = 1000
/** How soon notes are seen that another process sent or that became due. */
const lookEveryMs = 150
/** How long an answer waits for another try when it cannot be written. */
const answerAgainMs = 1000

interface ReadyNote {
  readonly id: string
  readonly row: NoteRow
}

interface Taker {
  readonly options: ConsumeOptions
  readonly handler: NoteHandler
  readonly gathering: Gathering
  /** Each resolves when the batch is answered or given up. */
  readonly batches: Set<Promise<void>>
  /** Batches that count against the concurrency. */
  active: number
  stopping: boolean
}

export interface HandOutParts {
  readonly environment: Environment
  readonly ownership: Ownership
  readonly clock: Clock
  readonly log: Log
  readonly backOff: BackOff
  /** Notes sent by an answer are now durable. */
  readonly onSent: (notes: readonly PackedNote[]) => void
}

export class HandOut {
  readonly #queue: QueueName
  readonly #parts: HandOutParts
  readonly #takers: Taker[] = []
  readonly #ready = new Set<string>()
  readonly #inHand = new Map<string, InHand>()
  /** Notes an operator's command is changing. */
  readonly #changing = new Set<string>()
  /** LMDB may hold due notes that are neither ready nor in hand. */
  #more = true
  #owned = false
  /** Notes sent up to this time are counted before they are handed out. */
  #suspectUntil = -Infinity
  #pumpAsked = false
  /** Notes gather; then it is looked whether they go out. */
  #pumpTimer: NodeJS.Timeout | undefined
  #watching: AbortController | undefined
  /** The watch before has ended and given up the queue. */
  #watchEnded: Promise<void> = Promise.resolve()

  constructor(queue: QueueName, parts: HandOutParts) {
    this.#queue = queue
    this.#parts = parts
  }

  consume(options: ConsumeOptions, handler: NoteHandler): Consumer {
    const taker: Taker = { options, handler, gathering: new Gathering(options.gatherMs ?? 0), batches: new Set(), active: 0, stopping: false }
    this.#takers.push(taker)
    if (this.#watching === undefined) this.#watch()
    this.#askPump()
    return { stop: () => this.#stop(taker) }
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#takers.map((taker) => this.#stop(taker)))
  }

  isInHand(id: string): boolean {
    return this.#inHand.has(id)
  }

  /** When each note in hand comes back should nobody answer for it. */
  deadlines(): Map<string, number> {
    return new Map([...this.#inHand].map(([id, { deadline }]) => [id, deadline]))
  }

  /** Keeps a note from being handed out while `change` is being written; undefined when it is in hand already. */
  async whileWaiting<T>(id: string, change: () => Promise<T>): Promise<T | undefined> {
    if (this.#inHand.has(id) || this.#changing.has(id)) return undefined
    this.#changing.add(id)
    try {
      return await change()
    } finally {
      this.#changing.delete(id)
      this.#more = true
      this.#askPump()
    }
  }

  /** A note was written whose time may have come. */
  arrived(id: string, dueAt: number): void {
    if (!this.#owned || dueAt > this.#parts.clock.now()) return
    if (this.#more || this.#ready.size >= readyNotes || this.#inHand.has(id)) this.#more = true
    else this.#ready.add(id)
    const now = this.#parts.clock.now()
    for (const { gathering } of this.#takers) gathering.arrived(now)
    this.#askPump()
  }

  async #stop(taker: Taker): Promise<void> {
    taker.stopping = true
    await Promise.all(taker.batches)
    const place = this.#takers.indexOf(taker)
    if (place >= 0) this.#takers.splice(place, 1)
    if (this.#takers.length > 0) return
    this.#watching?.abort()
    this.#watching = undefined
    await this.#watchEnded
  }

  #watch(): void {
    this.#watching = new AbortController()
    this.#watchEnded = this.#watchUntil(this.#watching.signal, this.#watchEnded)
  }

  async #watchUntil(signal: AbortSignal, before: Promise<void>): Promise<void> {
    const { ownership, clock, log } = this.#parts
    await before
    while (!signal.aborted && !this.#owned) {
      try {
        await this.#own(signal)
      } catch (error) {
        log.error('queue-claim-failed', { queue: this.#queue, ...errorFields(error) })
        await clock.sleep(answerAgainMs, signal)
      }
    }
    while (!signal.aborted) {
      await this.#expire()
      this.#more = true
      this.#pump()
      await clock.sleep(lookEveryMs, signal)
    }
    if (!this.#owned) return
    this.#owned = false
    this.#ready.clear()
    clearTimeout(this.#pumpTimer)
    this.#pumpTimer = undefined
    await ownership.release(this.#queue).catch((error: unknown) => log.error('queue-release-failed', { queue: this.#queue, ...errorFields(error) }))
  }

  async #own(signal: AbortSignal): Promise<void> {
    const claim = await this.#parts.ownership.claim(this.#queue, signal)
    if (!claim.owned) return
    this.#owned = true
    if (claim.afterDeath) this.#suspectUntil = this.#parts.clock.now()
  }

  /** Notes that arrive in one turn of the event loop go out together. */
  #askPump(): void {
    if (this.#pumpAsked) return
    this.#pumpAsked = true
    setImmediate(() => {
      this.#pumpAsked = false
      this.#pump()
    })
  }

  #pump(): void {
    if (!this.#owned) return
    const now = this.#parts.clock.now()
    for (let taker = this.#freeTaker(now); taker !== undefined; taker = this.#freeTaker(now)) {
      if (this.#ready.size === 0) this.#refill()
      const batch = this.#nextBatch(taker.options.batchNotes)
      if (batch.length === 0) return taker.gathering.emptied()
      this.#give(taker, batch)
    }
  }

  #freeTaker(now: number): Taker | undefined {
    return this.#takers.find((taker) => !taker.stopping && taker.active < taker.options.concurrency && !this.#gathers(taker, now))
  }

  /** Looks again when its time may have come. */
  #gathers({ gathering }: Taker, now: number): boolean {
    if (this.#ready.size >= readyNotes) gathering.release()
    const waitMs = gathering.waitMs(now)
    if (waitMs === 0) return false
    this.#pumpTimer ??= setTimeout(() => {
      this.#pumpTimer = undefined
      this.#pump()
    }, waitMs)
    return true
  }

  #refill(): void {
    if (!this.#more) return
    this.#more = false
    const span = { first: dueStart(this.#queue), end: dueBefore(this.#queue, this.#parts.clock.now() + 1) }
    this.#parts.environment.scanKeys(span, (key) => {
      const id = idOfDueKey(key)
      if (!this.#inHand.has(id) && !this.#changing.has(id)) this.#ready.add(id)
      this.#more = this.#ready.size >= readyNotes
      return !this.#more
    })
  }

  #nextBatch(most: number): ReadyNote[] {
    const batch: ReadyNote[] = []
    const now = this.#parts.clock.now()
    for (const id of this.#ready) {
      if (batch.length >= most) break
      const row = this.#waitingRow(id, now)
      if (row !== undefined && this.#isSuspect(row)) {
        if (batch.length > 0) break
        this.#ready.delete(id)
        if (this.#suspectInHand()) continue
        return [{ id, row }]
      }
      this.#ready.delete(id)
      if (row !== undefined) batch.push({ id, row })
    }
    return batch
  }

  /** Undefined when it was dropped, held or moved to a later time since it became ready. */
  #waitingRow(id: string, now: number): NoteRow | undefined {
    if (this.#inHand.has(id) || this.#changing.has(id)) return undefined
    const row = readRow(this.#parts.environment, noteKey(this.#queue, id))
    return row?.state === 'waiting' && row.dueAt <= now ? row : undefined
  }

  #isSuspect(row: NoteRow): boolean {
    return row.sentAt <= this.#suspectUntil && row.failures > 0
  }

  #suspectInHand(): boolean {
    return this.#suspectUntil > -Infinity && [...this.#inHand.values()].some((note) => note.suspect)
  }

  #give(taker: Taker, batch: ReadyNote[]): void {
    const deadline = this.#parts.clock.now() + taker.options.visibilityMs
    const ended = Promise.withResolvers<void>()
    const end = () => {
      if (!taker.batches.delete(ended.promise)) return
      taker.active--
      ended.resolve()
      this.#askPump()
    }
    taker.active++
    taker.batches.add(ended.promise)
    const given = batch.map(({ id, row }) => ({ row, note: { id, dueAt: row.dueAt, revision: row.revision, counted: false, deadline, maxReceives: taker.options.maxReceives, suspect: this.#isSuspect(row), expire: end } }))
    for (const { note } of given) this.#inHand.set(note.id, note)
    void this.#work(taker, given).finally(end)
  }

  async #work(taker: Taker, batch: readonly GivenNote[]): Promise<void> {
    const given = batch.some(({ row }) => row.sentAt <= this.#suspectUntil) ? await this.#countFirst(batch) : batch
    if (given.length === 0) return
    const notes = given.map(({ note, row }) => ({ id: note.id, body: row.body, receives: row.receives + 1, sentAt: row.sentAt }))
    const answers = await this.#askHandler(taker.handler, notes)
    await this.#answer(
      given.map(({ note }) => note),
      answers,
    )
  }

  /** The batch without those that were handed out too often already. */
  async #countFirst(batch: readonly GivenNote[]): Promise<readonly GivenNote[]> {
    let counted: readonly GivenNote[] = []
    try {
      counted = await countHandOuts(this.#parts.environment, this.#queue, batch)
    } catch (error) {
      this.#parts.log.error('hand-out-failed', { queue: this.#queue, ...errorFields(error) })
    }
    for (const { note } of batch) this.#inHand.delete(note.id)
    for (const { note } of counted) this.#inHand.set(note.id, note)
    return counted
  }

  async #askHandler(handler: NoteHandler, notes: readonly Note[]): Promise<readonly NoteAnswer[]> {
    try {
      return await handler(notes)
    } catch (error) {
      this.#parts.log.error('note-handler-failed', { queue: this.#queue, notes: notes.map((note) => note.id), ...errorFields(error) })
      return notes.map(() => ({ kind: 'failed', reason: String(error) }))
    }
  }

  /** Writes the answers of a batch in one commit; tries again while they cannot be written and the deadline has not passed. */
  async #answer(handed: readonly InHand[], given: readonly NoteAnswer[]): Promise<void> {
    const { clock, log } = this.#parts
    for (;;) {
      try {
        const now = clock.now()
        const { answers, sent } = packAnswers(given, now)
        const remain = await this.#writeAnswers(handed, answers, sent, now)
        this.#letGo(handed, remain)
        this.#parts.onSent(sent)
        return
      } catch (error) {
        log.error('note-answer-failed', { queue: this.#queue, notes: handed.map((note) => note.id), ...errorFields(error) })
        if (clock.now() > (handed[0]?.deadline ?? 0)) return
        await clock.sleep(answerAgainMs)
      }
    }
  }

  /** True when a note of the batch is still there: not done, or sent again meanwhile. */
  async #writeAnswers(handed: readonly InHand[], answers: readonly NoteAnswer[], sent: readonly PackedNote[], now: number): Promise<boolean> {
    return await this.#parts.environment.commit((rows, writes) => {
      let remain = false
      handed.forEach((note, place) => {
        const answer = answers[place] ?? { kind: 'failed', reason: 'the handler gave no answer' }
        // A batch that let its deadline pass may still say that it did its work, nothing else.
        const late = this.#inHand.get(note.id) !== note && answer.kind !== 'done'
        const current = !late && isCurrent(rows, this.#queue, note)
        if (current) answerNote(rows, writes, this.#queue, note, answer, { now, maxReceives: note.maxReceives, backOff: this.#parts.backOff })
        remain ||= !current || answer.kind !== 'done'
      })
      for (const note of sent) putNote(rows, writes, note)
      return remain
    })
  }

  #letGo(handed: readonly InHand[], remain: boolean): void {
    for (const note of handed) if (this.#inHand.get(note.id) === note) this.#inHand.delete(note.id)
    // Looking again costs a step for every note in hand, so only when there is something to find.
    this.#more ||= remain || this.#suspectUntil > -Infinity
  }

  /** Takes notes back whose consumer let the deadline pass. */
  async #expire(): Promise<void> {
    const { environment, clock, log } = this.#parts
    const now = clock.now()
    const late = [...this.#inHand.values()].filter((note) => note.deadline < now)
    if (late.length === 0) return
    log.warn('notes-not-answered', { queue: this.#queue, notes: late.map((note) => note.id) })
    try {
      await environment.commit((rows, writes) => {
        for (const note of late) {
          if (!isCurrent(rows, this.#queue, note)) continue
          answerNote(rows, writes, this.#queue, note, { kind: 'failed', reason: 'not answered in time' }, { now, maxReceives: note.maxReceives, backOff: { firstMs: 0, mostMs: 0 } })
        }
      })
      this.#letGo(late, true)
      for (const note of late) note.expire()
    } catch (error) {
      log.error('notes-not-taken-back', { queue: this.#queue, ...errorFields(error) })
    }
  }
}
