/**
 * When and where snapshots are written.
 *
 * A row beside the entries points to the latest head. Whoever has folded enough since then writes the next one: first
 * the changed segments, then the head, then the pointer, put only if it still is what this process read. Who loses that
 * race takes his blobs back and forgets which segments he thought written, for the winner may have deleted them.
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
import type { Blobs, Table } from '#lib/engine/ports.ts'
import type { Config } from '#lib/config.ts'
import { packBytes, unpackBytes } from '#lib/mail/transit/content.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { partitionOf, snapshotPrefix, snapshotSort } from './logKeys.ts'
import { freezeState, partKeys, thawState, unpackHead } from './snapshot.ts'
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
  #entries = 0
  #bytes = 0
  #work: Promise<void> | undefined

  constructor(deps: SnapshotDeps, accountId: string) {
    this.#deps = deps
    this.#accountId = accountId
  }

  /** The state of the latest snapshot; undefined when there is none. @throws when it cannot be read */
  async load(pointer: Uint8Array | undefined): Promise<AccountState | undefined> {
    this.#pointer = pointer
    if (pointer === undefined) return undefined
    const { headKey } = readPointer(pointer)
    const head = unpackHead(await this.#read(headKey))
    const keys = partKeys(head)
    const parts = new Map<string, Uint8Array>()
    await inGroups(keys, async (key) => parts.set(key, await this.#read(key)))
    this.#keys = new Set([headKey, ...keys])
    return thawState(head, parts)
  }

  /** Of all blobs that the snapshot consists of which was loaded or written last. */
  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** Counts entries; starts a snapshot when there have been enough. */
  folded(state: AccountState, sizeBytes: number, entries = 1): void {
    this.#entries += entries
    this.#bytes += sizeBytes
    const { snapshotEntries, snapshotBytes } = this.#deps.settings
    if (snapshotEntries === 0 || (this.#entries < snapshotEntries && this.#bytes < snapshotBytes)) return
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

  async #writeSoon(state: AccountState): Promise<void> {
    try {
      // A tail being folded and changes that wait come first.
      await turn()
      await this.#write(state)
    } catch (error) {
      this.#deps.log.warn('snapshot-failed', { account: this.#accountId, ...errorFields(error) })
    } finally {
      this.#work = undefined
    }
  }

  async #write(state: AccountState): Promise<void> {
    this.#entries = 0
    this.#bytes = 0
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
    await this.#yieldTo(state)
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
    const { committed } = await this.#deps.table.commit([{ put: { partition: partitionOf(this.#accountId), sort: snapshotSort }, value: pointer, onlyIf: this.#pointer === undefined ? 'absent' : { equals: this.#pointer } }])
    if (!committed) return false
    for (const part of frozen.parts) part.segment.markSaved(part.key, part.revision)
    const old = [...this.#keys]
    this.#pointer = pointer
    this.#keys = new Set([headKey, ...head.keys])
    await this.#delete(old.filter((key) => !this.#keys.has(key)))
    return true
  }

  /** Another process wrote a snapshot: only its blobs are sure to be there. */
  async #yieldTo(state: AccountState): Promise<void> {
    for (const segment of allSegments(state)) segment.markSaved(undefined, 0)
    this.#keys = new Set()
    this.#pointer = await this.#deps.table.get({ partition: partitionOf(this.#accountId), sort: snapshotSort })
    if (this.#pointer === undefined) return
    const { headKey } = readPointer(this.#pointer)
    this.#keys = new Set([headKey, ...partKeys(unpackHead(await this.#read(headKey)))])
  }

  async #store(key: string, bytes: Uint8Array, sequence: number): Promise<void> {
    const packed = await packBytes(bytes)
    await this.#deps.blobs.put(key, Buffer.concat([Buffer.from([packed.codec === 'zstd' ? 1 : 0]), packed.bytes]), {
      account: this.#accountId, kind: 'snapshot', sequence: String(sequence), date: new Date(this.#deps.clock.now()).toISOString(),
    })
  }

  async #read(key: string): Promise<Uint8Array> {
    const stored = await this.#deps.blobs.readBytes(key)
    if (stored === undefined) throw new BlobMissingError(`there is no blob ${key}`)
    return await unpackBytes(stored.subarray(1), stored[0] === 1 ? 'zstd' : 'identity')
  }

  async #delete(keys: readonly string[]): Promise<void> {
    await inGroups(keys, async (key) => {
      await this.#deps.blobs.delete(key).catch((error: unknown) => this.#deps.log.warn('snapshot-left-behind', { key, ...errorFields(error) }))
    })
  }
}

/** @throws for another version */
function readPointer(bytes: Uint8Array): Pointer {
  const [version, sequence, headKey] = packr.unpack(bytes) as readonly unknown[]
  if (version !== pointerVersion || typeof sequence !== 'number' || typeof headKey !== 'string') throw new Error(`the pointer to a snapshot has version ${String(version)}, this program reads version ${pointerVersion}`)
  return { sequence, headKey }
}

function* allSegments(state: AccountState) {
  for (const mailbox of state.mailboxes()) {
    yield* mailbox.messages.segments
    yield* mailbox.vanished.segments
  }
  yield* state.deliveries.segments
  yield* state.departed.segments
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += atOnce) await Promise.all(items.slice(at, at + atOnce).map(work))
}
