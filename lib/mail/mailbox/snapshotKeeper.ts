/**
 * When and where snapshots are written.
 *
 * A row beside the entries points to the latest head. Whoever has folded enough since then writes the next one, unless another
 * process has done so: first the changed segments, then the head, then the pointer, put only if it still is what this process read.
 * Who loses that race takes his blobs back and goes over to the winner's, who may have deleted those of before: a segment with the
 * same rows counts as written there.
 *
 * Invariants: the log does not depend on snapshots, so a failure here is logged and nothing else; blobs of the snapshot
 * before are deleted only when the pointer no longer leads to them.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import { errorFields } from '#lib/base/log.ts'
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import { BlobMissingError } from '#lib/engine/ports.ts'
import type { Blobs, RowKey, Table } from '#lib/engine/ports.ts'
import type { Config } from '#lib/config.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { partitionOf, snapshotPrefix, snapshotSort } from './logKeys.ts'
import { lendSealed, sealBytes, unseal } from './seal.ts'
import type { Lend } from './seal.ts'
import { listedSegments } from './segments.ts'
import type { AnySegment } from './segments.ts'
import { fillUnread, freezeState, partKeys, rowsName, savedRows, thawState, unpackHead } from './snapshot.ts'
import type { FrozenState } from './snapshot.ts'
import type { AccountState } from './state.ts'

export interface SnapshotDeps {
  readonly table: Table
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
  readonly settings: Config['mailbox']
}

const packr = new Packr({ useRecords: false })
const pointerVersion = 1
/** Blobs read or written side by side. */
const atOnce = 8

interface Pointer {
  readonly sequence: number
  readonly headKey: string
}

export class SnapshotKeeper {
  readonly #deps: SnapshotDeps
  readonly #accountId: string
  /** The pointer row as last seen. */
  #pointer: Uint8Array | undefined
  /** Keys of all blobs it leads to. */
  #keys: ReadonlySet<string> = new Set()
  /** It was another process that wrote the pointer, and it could be read. */
  #followed = false
  #entries = 0
  #bytes = 0
  #work: Promise<void> | undefined

  constructor(deps: SnapshotDeps, accountId: string) {
    this.#deps = deps
    this.#accountId = accountId
  }

  /** The state of the latest snapshot; undefined when there is none. For `filing`, rows stay unread ({@link readRows}). @throws when it cannot be read */
  async load(pointer: Uint8Array | undefined, filing = false): Promise<AccountState | undefined> {
    this.#pointer = pointer
    if (pointer === undefined) return undefined
    const { headKey } = readPointer(pointer)
    const head = unpackHead(await this.#read(headKey))
    const keys = partKeys(head)
    const parts = new Map<string, Lend>()
    if (!filing) await inGroups(keys, async (key) => parts.set(key, lendSealed(await this.#readSealed(key))))
    this.#keys = new Set([headKey, ...keys])
    return thawState(head, parts)
  }

  /** Reads rows that were left unread. @throws {BlobMissingError} when another process has replaced them */
  async readRows(state: AccountState, segments: readonly AnySegment[]): Promise<void> {
    await inGroups(segments, async (segment) => {
      const { savedKey } = segment
      if (segment.unread !== undefined && savedKey !== undefined) fillUnread(state, segment, await this.#read(savedKey))
    })
  }

  /** Of all blobs that the snapshot consists of which was loaded or written last. */
  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** Counts entries; starts a snapshot when there have been `enough`. */
  folded(state: AccountState, sizeBytes: number, entries = 1, enough = Infinity): void {
    this.#entries += entries
    this.#bytes += sizeBytes
    const { snapshotEntries, snapshotBytes } = this.#deps.settings
    if (snapshotEntries === 0 || (this.#entries < Math.min(enough, snapshotEntries) && this.#bytes < snapshotBytes)) return
    this.#work ??= this.#writeSoon(state)
  }

  async settle(): Promise<void> {
    await this.#work
  }

  /** Writes a snapshot now. @throws the engine's errors */
  async write(state: AccountState): Promise<void> {
    await this.#work
    await this.#write(state)
  }

  /** Another process has written one since, so near that another is not wanted yet. */
  async #isOvertaken(state: AccountState): Promise<boolean> {
    const pointer = await this.#deps.table.get(pointerOf(this.#accountId))
    if (pointer === undefined || this.#pointer === undefined) return false
    // Who is behind must not put back what another process has written: between the two the log may have been compacted.
    if (Buffer.compare(pointer, this.#pointer) === 0) return this.#followed && readPointer(pointer).sequence > state.sequence
    await this.#follow(state, pointer)
    const since = state.sequence - readPointer(pointer).sequence
    if (since >= this.#deps.settings.snapshotEntries) return false
    this.#entries = since
    this.#bytes = 0
    return true
  }

  async #writeSoon(state: AccountState): Promise<void> {
    try {
      // A tail being folded and changes that wait come first.
      await turn()
      if (!(await this.#isOvertaken(state))) await this.#write(state)
    } catch (error) {
      this.#deps.log.warn('snapshot-failed', { account: this.#accountId, ...errorFields(error) })
    } finally {
      this.#work = undefined
    }
  }

  async #write(state: AccountState): Promise<void> {
    this.#entries = 0
    this.#bytes = 0
    this.#demandKept(state)
    const frozen = freezeState(state)
    const written: string[] = []
    try {
      const stands = await this.#put(frozen, written)
      if (stands) return
    } catch (error) {
      await this.#delete(written)
      throw error
    }
    await this.#delete(written)
    await this.#follow(state, await this.#deps.table.get(pointerOf(this.#accountId)))
  }

  async #put(frozen: FrozenState, written: string[]): Promise<boolean> {
    const base = snapshotPrefix(this.#accountId) + newQueueId(this.#deps.clock.now())
    await inGroups([...frozen.parts.entries()], async ([place, part]) => {
      const key = `${base}-${place}`
      written.push(key)
      await this.#store(key, part.bytes, frozen.sequence)
      part.key = key
    })
    const headKey = `${base}-head`
    const head = frozen.head()
    written.push(headKey)
    await this.#store(headKey, head.bytes, frozen.sequence)
    const pointer = packr.pack([pointerVersion, frozen.sequence, headKey])
    const { committed } = await this.#deps.table.commit([{ put: pointerOf(this.#accountId), value: pointer, onlyIf: this.#pointer === undefined ? 'absent' : { equals: this.#pointer } }])
    if (!committed) return false
    for (const { segment, key, revision, facts } of frozen.parts) if (key !== undefined) segment.markSaved({ key, revision, facts })
    const old = [...this.#keys]
    this.#pointer = pointer
    this.#keys = new Set([headKey, ...head.keys])
    await this.#delete(old.filter((key) => !this.#keys.has(key)))
    return true
  }

  /** Another process wrote a snapshot, or none is there any more: only what the pointer leads to is sure to be kept. */
  async #follow(state: AccountState, pointer: Uint8Array | undefined): Promise<void> {
    this.#pointer = pointer
    this.#followed = pointer !== undefined
    this.#keys = new Set()
    const segments = [...listedSegments(state)]
    // What was never read has nowhere to be written from: it keeps its old key.
    for (const { segment } of segments) if (segment.unread === undefined) segment.markSaved()
    if (pointer === undefined) return
    const { headKey } = readPointer(pointer)
    const head = unpackHead(await this.#read(headKey))
    const saved = savedRows(head)
    for (const { list, segment, facts } of segments) {
      const known = segment.outline ?? facts()
      const key = saved.get(rowsName(list, segment.count, known))
      if (key !== undefined) segment.markSaved({ key, revision: segment.revision, facts: known })
    }
    this.#keys = new Set([headKey, ...partKeys(head)])
  }

  /** A head must not lead to what another process has deleted. */
  #demandKept(state: AccountState): void {
    for (const { segment } of listedSegments(state)) {
      if (segment.unread !== undefined && !this.#keys.has(segment.savedKey ?? '')) throw new Error('another process has replaced rows that were not read')
    }
  }

  async #store(key: string, bytes: Uint8Array, sequence: number): Promise<void> {
    await this.#deps.blobs.put(key, await sealBytes(bytes), {
      account: this.#accountId, kind: 'snapshot', sequence: String(sequence), date: new Date(this.#deps.clock.now()).toISOString(),
    })
  }

  async #read(key: string): Promise<Uint8Array> {
    return unseal(await this.#readSealed(key))
  }

  async #readSealed(key: string): Promise<Uint8Array> {
    const stored = await this.#deps.blobs.readBytes(key)
    if (stored === undefined) throw new BlobMissingError(`there is no blob ${key}`)
    return stored
  }

  async #delete(keys: readonly string[]): Promise<void> {
    await inGroups(keys, async (key) => {
      await this.#deps.blobs.delete(key).catch((error: unknown) => this.#deps.log.warn('snapshot-left-behind', { key, ...errorFields(error) }))
    })
  }
}

function pointerOf(accountId: string): RowKey {
  return { partition: partitionOf(accountId), sort: snapshotSort }
}

/** Of the entry that a snapshot stands for. @throws for another version */
export function snapshotSequence(pointer: Uint8Array): number {
  return readPointer(pointer).sequence
}

/** @throws for another version */
function readPointer(bytes: Uint8Array): Pointer {
  const [version, sequence, headKey] = packr.unpack(bytes) as readonly unknown[]
  if (version !== pointerVersion || typeof sequence !== 'number' || typeof headKey !== 'string') throw new Error(`the pointer to a snapshot has version ${String(version)}, this program reads version ${pointerVersion}`)
  return { sequence, headKey }
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) await Promise.all(items.slice(at, at + atOnce).map(work))
}
