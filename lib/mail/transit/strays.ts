/**
 * Gives back what a crash has left in transit: contents of large messages whose notes were never sent.
 *
 * Invariants: what is younger than `queue.straysAfterMs` is left alone, and what any note names stays, however old (held and
 * dead ones keep theirs); the queues are read twice with a pause, so that a note on its way from one to the other is seen.
 * Only for an engine whose `list` shows every note.
 */
import { runInBackground } from '#lib/base/background.ts'
import type { Background } from '#lib/base/background.ts'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { portLimits } from '#lib/engine/ports.ts'
import type { Blobs, Page, Queue, Table } from '#lib/engine/ports.ts'
import { holdersOf } from './lifetime.ts'
import { decodeAnyNote } from './note.ts'

export interface TransitSweepDeps {
  readonly queue: Pick<Queue, 'list'>
  readonly blobs: Pick<Blobs, 'list' | 'delete'>
  readonly table: Pick<Table, 'range' | 'commit'>
  readonly clock: Clock
  readonly log: Log
  /** queue.straysAfterMs */
  readonly afterMs: number
}

const pauseMs = 30_000
const everyMs = 24 * 3600 * 1000
/** A start has other things to do first. */
const firstMs = 10 * 60 * 1000

/** `stop` resolves when what is in hand is done. */
export function startTransitSweep(deps: TransitSweepDeps): Background {
  return runInBackground((signal) => run(deps, signal))
}

async function run(deps: TransitSweepDeps, signal: AbortSignal): Promise<void> {
  for (let waitMs = firstMs; ; waitMs = everyMs) {
    await deps.clock.sleep(waitMs, signal)
    if (signal.aborted) return
    await sweepTransit(deps, signal).catch((error: unknown) => deps.log.error('sweep-failed', errorFields(error)))
  }
}

/** How many contents were given back. */
export async function sweepTransit(deps: TransitSweepDeps, signal?: AbortSignal): Promise<number> {
  const strays = new Set<string>()
  for await (const { key, metadata } of pages((cursor) => deps.blobs.list('transit/', cursor))) {
    // What does not tell its age is not ours to judge.
    if (Date.parse(metadata['receivedAt'] ?? '') < deps.clock.now() - deps.afterMs) strays.add(key)
  }
  for (const waitMs of [0, pauseMs]) {
    if (strays.size === 0) return 0
    await deps.clock.sleep(waitMs, signal)
    await forgetNamed(deps, strays)
  }
  if (signal?.aborted === true) return 0
  for (const key of strays) await giveBack(deps, key)
  if (strays.size > 0) deps.log.info('swept', { transit: [...strays] })
  return strays.size
}

async function forgetNamed({ queue }: TransitSweepDeps, strays: Set<string>): Promise<void> {
  for (const name of ['inbound', 'outbound', 'delivery'] as const) {
    for await (const { body } of pages((cursor) => queue.list(name, cursor))) {
      // A note that cannot be read may name any of them: then nothing is deleted.
      const note = decodeAnyNote(body)
      if (note.kind === 'release') strays.delete(note.blobKey)
      else if ('content' in note && 'blob' in note.content) strays.delete(note.content.blob.key)
    }
  }
}

/** With the rows of holders that were never sent. */
async function giveBack({ blobs, table }: TransitSweepDeps, key: string): Promise<void> {
  const partition = holdersOf(key)
  for (;;) {
    const { items } = await table.range({ partition, limit: portLimits.commitChanges })
    if (items.length === 0) break
    await table.commit(items.map(({ sort }) => ({ delete: { partition, sort } })))
  }
  await blobs.delete(key)
}

async function* pages<T>(ask: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined
  do {
    const page = await ask(cursor)
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}
