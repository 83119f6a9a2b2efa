/** Finding what the log says of messages: the changes that filed them, a window of messages at a time. */
import type { Table } from '#lib/engine/ports.ts'
import type { FileChange } from './entry.ts'
import { decodeEntry, EntryFormatError } from './entry.ts'
import { entryKey } from './logKeys.ts'
import { originKey } from './origin.ts'
import type { Origin } from './origin.ts'
import { readEntries } from './tail.ts'

/** Entries this near to each other are read by one range, with what lies between. */
const nearBy = 4
/** Ranges and rows asked for side by side. */
const atOnce = 16

/** The changes of all origins, by {@link originKey}. @throws {EntryFormatError} when one is not in the log */
export async function readFiled(table: Table, accountId: string, origins: readonly Origin[]): Promise<Map<number, FileChange>> {
  const wanted = new Map<number, number[]>()
  for (const { sequence, index } of origins) {
    const indexes = wanted.get(sequence)
    if (indexes === undefined) wanted.set(sequence, [index])
    else indexes.push(index)
  }
  const found = new Map<number, FileChange>()
  const stretches = stretchesOf([...wanted.keys()].sort((a, b) => a - b))
  for (let at = 0; at < stretches.length; at += atOnce) {
    await Promise.all(stretches.slice(at, at + atOnce).map((stretch) => readStretch(table, accountId, stretch, wanted, found)))
  }
  return found
}

type Stretch = readonly [first: number, last: number]

function stretchesOf(sequences: readonly number[]): Stretch[] {
  const stretches: [number, number][] = []
  for (const sequence of sequences) {
    const before = stretches.at(-1)
    if (before !== undefined && sequence - before[1] <= nearBy) before[1] = sequence
    else stretches.push([sequence, sequence])
  }
  return stretches
}

async function readStretch(table: Table, accountId: string, [first, last]: Stretch, wanted: ReadonlyMap<number, readonly number[]>, found: Map<number, FileChange>): Promise<void> {
  const rows = first === last ? readOne(table, accountId, first) : readEntries(table, accountId, first, last + 1)
  for await (const { sequence, entry } of rows) {
    for (const index of wanted.get(sequence) ?? []) {
      const change = entry.changes[index]
      if (change?.kind !== 'file') throw new EntryFormatError(sequence, `its change ${index} files no message`)
      found.set(originKey(sequence, index), change)
    }
  }
}

async function* readOne(table: Table, accountId: string, sequence: number) {
  const value = await table.get(entryKey(accountId, sequence))
  if (value === undefined) throw new EntryFormatError(sequence, 'it is missing')
  yield { sequence, entry: decodeEntry(sequence, value) }
}
