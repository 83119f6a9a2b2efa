/**
 * One kind of index of one account: segments that follow each other along the log, each a stretch of its entries.
 *
 * It grows when someone asks: what the log has since then becomes a segment in memory; when that holds enough messages it
 * goes to the Blobs, and the row that names all segments is put only if it still is what this process read. Several small
 * neighbours become a larger one, so that there are few. Who loses the race for the row takes his blob back and begins
 * from what the winner wrote.
 *
 * Invariants: the index is a cache, told apart from damage by building it anew; a message without a place in it is looked
 * at by whoever searches, so it may lag and leave out, never lie; a batch of messages is in memory while it is built.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { errorFields } from '#lib/base/log.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { packBytes, unpackBytes } from '#lib/mail/transit/content.ts'
import type { MailDeps } from '../accountLog.ts'
import type { FileChange } from '../entry.ts'
import type { Origin } from '../origin.ts'
import { OriginSet } from '../originSet.ts'
import type { AccountState } from '../state.ts'
import { readEntries } from '../tail.ts'
import { indexPrefix } from '../logKeys.ts'
import type { SegmentCache } from './cache.ts'
import type { Docs } from './docs.ts'
import { packPointer, pointerKey, unpackPointer } from './pointer.ts'
import type { IndexKind, SegmentInfo } from './pointer.ts'

export interface SegmentKind<S, P> {
  readonly name: IndexKind
  /** Messages after which a segment is written. */
  readonly batchDocs: number
  /** Segments of so many are not joined any more. */
  readonly mostDocs: number
  /** What of a message goes into the segment; undefined when it cannot be had. */
  prepare(deps: MailDeps, change: FileChange): Promise<P | undefined>
  builder(): { readonly count: number; add(origin: Origin, prepared: P): void; finish(): S }
  pack(segment: S): Uint8Array
  unpack(bytes: Uint8Array): S
  merge(segments: readonly S[], keep: (sequence: number, index: number) => boolean): Promise<S>
  /** About, in memory. */
  bytesOf(segment: S): number
}

interface Tail<S> {
  readonly segment: S
  readonly first: number
  readonly last: number
}

/** Messages prepared side by side. */
const atOnce = 8
/** Messages after which other work gets its turn. */
const inARow = 64
/** Neighbours of like size that become one. */
const mergeCount = 4
/** New entries up to which messages are taken as they come. */
const fewEntries = 1000
/** Segments in memory that become one. */
const tailCount = 8
/** Entries without messages after which the row says that they need not be read again. */
const quietEntries = 4096
const tries = 5

/** Which messages the account has, worked out when first asked for. */
class Living {
  readonly #state: AccountState
  #origins: OriginSet | undefined

  constructor(state: AccountState) {
    this.#state = state
  }

  readonly has = (sequence: number, index: number): boolean => {
    this.#origins ??= new OriginSet(this.#state, Infinity)
    return this.#origins.has(sequence, index)
  }
}

class RaceLost extends Error {}

/** A segment is missing or damaged. */
class SegmentUnreadable extends Error {}

export class SegmentSeries<S extends { readonly docs: Docs }, P> {
  readonly #deps: MailDeps
  readonly #accountId: string
  readonly #kind: SegmentKind<S, P>
  readonly #cache: SegmentCache
  #pointer: Uint8Array | undefined
  #infos: readonly SegmentInfo[] = []
  #tails: Tail<S>[] = []
  #covered = 0
  /** Which segment {@link #thin} looks at next. */
  #turn = 0
  #opened = false
  #work: Promise<unknown> = Promise.resolve()

  constructor(deps: MailDeps, accountId: string, kind: SegmentKind<S, P>, cache: SegmentCache) {
    this.#deps = deps
    this.#accountId = accountId
    this.#kind = kind
    this.#cache = cache
  }

  /** Whether it was ever built, by anyone. */
  async exists(): Promise<boolean> {
    if (!this.#opened) await this.#inTurn(() => this.#open())
    return this.#covered > 0
  }

  /**
   * What `take` makes of each segment, in the order of the log; the log folded into `state` is in them. One after the other
   * is in memory, unless `take` keeps it. `onProgress` hears of entries read.
   */
  async collect<T>(state: AccountState, take: (segment: S) => T, onProgress?: (done: number, total: number) => void): Promise<T[]> {
    return await this.#inTurn(async () => {
      for (let left = tries; ; left--) {
        try {
          if (!this.#opened) await this.#open()
          if (this.#covered < state.sequence) await this.#grow(state, onProgress)
          return await this.#collect(take)
        } catch (error) {
          if (left === 0 || !(error instanceof RaceLost || error instanceof SegmentUnreadable)) throw error
          await this.#recover(error)
        }
      }
    })
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work)
    this.#work = turn.catch(() => undefined)
    return await turn
  }

  async #open(): Promise<void> {
    this.#pointer = await this.#deps.table.get(pointerKey(this.#accountId, this.#kind.name))
    const pointer = this.#pointer === undefined ? undefined : unpackPointer(this.#pointer)
    this.#infos = pointer?.infos ?? []
    this.#covered = pointer?.covered ?? 0
    this.#tails = []
    this.#opened = true
  }

  /** Another process was faster, or took away what this one was about to read: its row says how things are. What cannot be read is given up. */
  async #recover(error: RaceLost | SegmentUnreadable): Promise<void> {
    this.#opened = false
    if (error instanceof RaceLost) return
    const before = this.#pointer
    await this.#open()
    if (!same(before, this.#pointer)) return
    this.#deps.log.warn('index-unreadable', { account: this.#accountId, index: this.#kind.name, ...errorFields(error) })
    await this.#replace([], 0).catch((lost: unknown) => {
      if (!(lost instanceof RaceLost)) throw lost
      this.#opened = false
    })
  }

  // -------------------------------------------------------------- reading

  async #collect<T>(take: (segment: S) => T): Promise<T[]> {
    const taken: T[] = []
    let next = this.#ahead(0)
    for (let at = 0; at < this.#infos.length; at++) {
      const segment = await next
      if (segment === undefined) break
      next = this.#ahead(at + 1)
      taken.push(take(segment))
    }
    for (const { segment } of this.#tails) taken.push(take(segment))
    return taken
  }

  /** While one segment is used the next is read. */
  #ahead(at: number): Promise<S | undefined> {
    const info = this.#infos[at]
    if (info === undefined) return Promise.resolve(undefined)
    const reading = this.#segment(info)
    // Heard when its turn comes; until then a failure must not count as unheard.
    reading.catch(() => undefined)
    return reading
  }

  async #segment({ key }: SegmentInfo): Promise<S> {
    const known = this.#cache.get(key)
    // Under this key only this kind has put something.
    if (known !== undefined) return known as S
    const stored = await this.#deps.blobs.readBytes(key)
    if (stored === undefined) throw new SegmentUnreadable(`there is no blob ${key}`)
    let segment: S
    try {
      segment = this.#kind.unpack(await unpackBytes(stored.subarray(1), stored[0] === 1 ? 'zstd' : 'identity'))
    } catch (error) {
      throw new SegmentUnreadable(`the blob ${key} cannot be read: ${String(error)}`, { cause: error })
    }
    this.#cache.put(key, segment, this.#kind.bytesOf(segment))
    return segment
  }

  // -------------------------------------------------------------- growing

  async #grow(state: AccountState, onProgress: ((done: number, total: number) => void) | undefined): Promise<void> {
    const end = state.sequence
    const living = new Living(state)
    // Of a few new ones nobody asks whether they are gone again.
    const wants = end - this.#covered > fewEntries ? living.has : () => true
    let builder = this.#kind.builder()
    let first = this.#covered + 1
    let taken = 0
    const preparing: { readonly origin: Origin; readonly prepared: Promise<P | undefined> }[] = []
    const drain = async (down: number) => {
      while (preparing.length > down) {
        const next = preparing.shift()
        const prepared = next === undefined ? undefined : await this.#settled(next.origin, next.prepared)
        if (next !== undefined && prepared !== undefined) builder.add(next.origin, prepared)
      }
    }
    for await (const { sequence, entry } of readEntries(this.#deps.table, this.#accountId, first, end + 1)) {
      for (const [index, change] of entry.changes.entries()) {
        if (change.kind !== 'file' || change.metadata === null || !wants(sequence, index)) continue
        const prepared = this.#kind.prepare(this.#deps, change)
        prepared.catch(() => undefined)
        preparing.push({ origin: { sequence, index }, prepared })
        await drain(atOnce)
        if (++taken % inARow === 0) await turn()
      }
      if (builder.count < this.#kind.batchDocs) continue
      await drain(0)
      await this.#add({ segment: builder.finish(), first, last: sequence }, living)
      onProgress?.(sequence, end)
      first = sequence + 1
      builder = this.#kind.builder()
    }
    await drain(0)
    if (builder.count > 0) await this.#add({ segment: builder.finish(), first, last: end }, living)
    this.#covered = end
    const written = this.#infos.at(-1)?.last ?? 0
    if (this.#tails.length === 0 && end - Math.max(written, this.#pointerCovered()) > quietEntries) await this.#replace(this.#infos, end)
  }

  /** A message that is damaged, or swept away meanwhile, is no reason to leave out all others. Whoever wants it looks for himself. */
  async #settled({ sequence, index }: Origin, prepared: Promise<P | undefined>): Promise<P | undefined> {
    try {
      return await prepared
    } catch (error) {
      if (error instanceof EngineUnavailableError) throw error
      this.#deps.log.warn('message-not-indexed', { account: this.#accountId, sequence, index, ...errorFields(error) })
      return undefined
    }
  }

  #pointerCovered(): number {
    return this.#pointer === undefined ? 0 : (unpackPointer(this.#pointer)?.covered ?? 0)
  }

  async #add(tail: Tail<S>, living: Living): Promise<void> {
    this.#tails.push(tail)
    this.#covered = tail.last
    const docs = this.#tails.reduce((sum, { segment }) => sum + segment.docs.sequence.length, 0)
    if (docs < this.#kind.batchDocs && this.#tails.length < tailCount) return
    const [only] = this.#tails
    const segment = this.#tails.length === 1 && only !== undefined ? only.segment : await this.#kind.merge(this.#tails.map((one) => one.segment), living.has)
    const joined = { segment, first: this.#tails[0]?.first ?? tail.first, last: tail.last }
    this.#tails = segment.docs.sequence.length === 0 ? [] : [joined]
    if (segment.docs.sequence.length < this.#kind.batchDocs) return
    await this.#write(joined, this.#infos)
    this.#tails = []
    await this.#mergeLike(living)
    await this.#thin(living)
  }

  /** Segments that are as small as the newest become one with it. */
  async #mergeLike(living: Living): Promise<void> {
    for (;;) {
      const size = sizeClass(this.#infos.at(-1)?.docs ?? 0, this.#kind.batchDocs)
      let from = this.#infos.length
      while (from > 0 && sizeClass(this.#infos[from - 1]?.docs ?? 0, this.#kind.batchDocs) <= size) from--
      const like = this.#infos.slice(from)
      if (like.length < mergeCount || like.reduce((sum, { docs }) => sum + docs, 0) > this.#kind.mostDocs) return
      const segments = await Promise.all(like.map((info) => this.#segment(info)))
      const segment = await this.#kind.merge(segments, living.has)
      await this.#write({ segment, first: like[0]?.first ?? 0, last: like.at(-1)?.last ?? 0 }, this.#infos.slice(0, from))
      await this.#forget(like.map(({ key }) => key))
      if (segment.docs.sequence.length === 0) return
    }
  }

  /** One segment in turn is written anew when most of its messages are gone. */
  async #thin(living: Living): Promise<void> {
    const place = this.#turn++ % Math.max(this.#infos.length, 1)
    const info = this.#infos[place]
    if (info === undefined) return
    const segment = await this.#segment(info)
    const { sequence, index } = segment.docs
    let gone = 0
    for (let doc = 0; doc < sequence.length; doc++) if (!living.has(sequence[doc] ?? 0, index[doc] ?? 0)) gone++
    if (gone * 2 <= sequence.length) return
    const thinner = await this.#kind.merge([segment], living.has)
    const [before, after] = [this.#infos.slice(0, place), this.#infos.slice(place + 1)]
    if (thinner.docs.sequence.length === 0) await this.#replace([...before, ...after], this.#covered)
    else await this.#write({ segment: thinner, first: info.first, last: info.last }, before, after)
    await this.#forget([info.key])
  }

  /** Puts the segment between these. */
  async #write({ segment, first, last }: Tail<S>, before: readonly SegmentInfo[], after: readonly SegmentInfo[] = []): Promise<void> {
    const { blobs, clock } = this.#deps
    const key = `${indexPrefix(this.#accountId)}${newQueueId(clock.now())}-${this.#kind.name}`
    const packed = await packBytes(this.#kind.pack(segment))
    await blobs.put(key, Buffer.concat([Buffer.from([packed.codec === 'zstd' ? 1 : 0]), packed.bytes]), { account: this.#accountId, kind: 'index', date: new Date(clock.now()).toISOString() })
    try {
      await this.#replace([...before, { key, first, last, docs: segment.docs.sequence.length }, ...after], after.at(-1)?.last ?? last)
    } catch (error) {
      await this.#forget([key])
      throw error
    }
    this.#cache.put(key, segment, this.#kind.bytesOf(segment))
  }

  /** @throws RaceLost */
  async #replace(infos: readonly SegmentInfo[], covered: number): Promise<void> {
    const value = packPointer({ infos, covered })
    const onlyIf = this.#pointer === undefined ? ('absent' as const) : { equals: this.#pointer }
    const { committed } = await this.#deps.table.commit([{ put: pointerKey(this.#accountId, this.#kind.name), value, onlyIf }])
    if (!committed) throw new RaceLost('another process wrote the index')
    this.#pointer = value
    this.#infos = infos
    if (covered === 0) this.#covered = 0
  }

  async #forget(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.#cache.drop(key)
      await this.#deps.blobs.delete(key).catch((error: unknown) => this.#deps.log.warn('index-left-behind', { key, ...errorFields(error) }))
    }
  }
}

function sizeClass(docs: number, batchDocs: number): number {
  return Math.floor(Math.log(Math.max(docs, batchDocs) / batchDocs) / Math.log(mergeCount) + 0.01)
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0
}
