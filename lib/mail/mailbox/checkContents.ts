/**
 * The octets of an account's messages: each blob there, as long as it was and with the hash it had when it was filed.
 * Messages that left are looked for too, as long as they may be brought back.
 */
import { createHash, hash } from 'node:crypto'
import type { Blobs } from '#lib/engine/ports.ts'
import { unpackBytes } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import type { CheckProgress } from './check.ts'
import { messageOf } from './checkLog.ts'
import type { FileChange } from './entry.ts'
import { EntryFormatError } from './entry.ts'
import type { Origin } from './origin.ts'
import { OriginSet } from './originSet.ts'
import type { Problems } from './problems.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import type { AccountState } from './state.ts'
import { applyEntry } from './state.ts'
import { readEntries, readRow, readRows } from './tail.ts'

/** Contents read side by side; packed ones are whole in memory, below the limit of lib/mail/transit/content.ts. */
const atOnce = 4
/** Messages whose time is over within this are not looked for: a sweep may be faster. */
const marginMs = 60 * 60 * 1000

interface Filed {
  readonly origin: Origin
  readonly change: FileChange
}

interface Fault extends Origin {
  readonly sentence: string
}

/** How many contents were read. */
export async function checkContents(deps: SnapshotDeps, accountId: string, state: AccountState, problems: Problems, onProgress: (progress: CheckProgress) => void): Promise<number> {
  const wanted = wantedOf(deps, state)
  const faults: Fault[] = []
  let done = 0
  for await (const group of groups(filedMessages(deps, accountId, wanted))) {
    const sentences = await Promise.all(group.map(({ change }) => faultOf(deps.blobs, change)))
    for (const [at, { origin }] of group.entries()) {
      const sentence = sentences[at]
      if (sentence !== undefined) faults.push({ ...origin, sentence: `The content of ${nameOf(state, origin)} ${sentence}` })
    }
    done += group.length
    onProgress({ stage: 'contents', done, total: wanted.size })
  }
  if (faults.length > 0) await tellLasting(deps, accountId, state, faults, problems)
  if (done < wanted.size) problems.add('content', `${wanted.size - done} messages were filed by entries that are missing or cannot be read`)
  return done
}

function wantedOf({ clock, settings }: SnapshotDeps, state: AccountState): OriginSet {
  return new OriginSet(state, clock.now() - settings.retentionMs + marginMs)
}

/** Entries that cannot be read have been told of. */
async function* filedMessages({ table }: SnapshotDeps, accountId: string, wanted: OriginSet): AsyncGenerator<Filed> {
  for await (const row of readRows(table, accountId, 1)) {
    try {
      const { sequence, entry } = readRow(row)
      for (const [index, change] of entry.changes.entries()) if (change.kind === 'file' && wanted.has(sequence, index)) yield { origin: { sequence, index }, change }
    } catch (error) {
      if (!(error instanceof EntryFormatError)) throw error
    }
  }
}

async function* groups(filed: AsyncIterable<Filed>): AsyncGenerator<Filed[]> {
  let group: Filed[] = []
  for await (const one of filed) {
    group.push(one)
    if (group.length < atOnce) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** A message that was expunged and swept while we looked is no fault. */
async function tellLasting(deps: SnapshotDeps, accountId: string, state: AccountState, faults: readonly Fault[], problems: Problems): Promise<void> {
  try {
    for await (const { sequence, entry } of readEntries(deps.table, accountId, state.sequence + 1)) applyEntry(state, sequence, entry)
  } catch (error) {
    problems.add('log', messageOf(error))
  }
  const wanted = wantedOf(deps, state)
  for (const { sequence, index, sentence } of faults) if (wanted.has(sequence, index)) problems.add('content', sentence)
}

// ---------------------------------------------------------------- one message

async function faultOf(blobs: Blobs, { blob, hash: wanted, sizeBytes, metadata }: FileChange): Promise<string | undefined> {
  const found = await readStored(blobs, blob)
  if (typeof found === 'string') return `(blob ${blob.key}) ${found}`
  if (Buffer.compare(found, wanted) !== 0) return `(blob ${blob.key}) is damaged: its SHA-256 is not the one it was filed with`
  if (blob.sizeBytes !== sizeBytes) return `(blob ${blob.key}) has ${blob.sizeBytes} octets, but was filed as ${sizeBytes}`
  if (metadata === null) return 'was given up, although the message is there'
  return await metadataFault(blobs, metadata)
}

/** The hash of what is stored, or what is wrong with it. */
async function readStored(blobs: Blobs, blob: BlobRef): Promise<Uint8Array | string> {
  const { key, offset, length, codec, sizeBytes } = blob
  if ((await blobs.info(key)) === undefined) return 'is missing'
  try {
    const bytes = codec === 'identity' ? undefined : await blobs.readBytes(key, offset, length)
    const stored = bytes === undefined ? await readHash(blobs, blob) : { length: bytes.length, digest: hash('sha256', bytes, 'buffer') }
    if (stored.length !== length) return `has ${stored.length} octets stored where there were ${length}`
    if (codec === 'identity' && length !== sizeBytes) return `has ${length} octets where the message has ${sizeBytes}`
    return stored.digest
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`
  }
}

async function readHash(blobs: Blobs, { key, offset, length }: BlobRef): Promise<{ length: number; digest: Uint8Array }> {
  const digest = createHash('sha256')
  let read = 0
  for await (const chunk of blobs.readStream(key, offset, length)) {
    digest.update(chunk)
    read += chunk.length
  }
  return { length: read, digest: digest.digest() }
}

async function metadataFault(blobs: Blobs, metadata: NonNullable<FileChange['metadata']>): Promise<string | undefined> {
  try {
    if ('inline' in metadata) await unpackBytes(metadata.inline, metadata.codec)
    else {
      const { key, offset, length, codec, sizeBytes } = metadata.blob
      const bytes = await blobs.readBytes(key, offset, length)
      if (bytes === undefined) return `lacks its metadata (blob ${key})`
      if ((await unpackBytes(bytes, codec)).length !== sizeBytes) return `has damaged metadata (blob ${key})`
    }
    return undefined
  } catch (error) {
    return `has metadata that cannot be read: ${messageOf(error)}`
  }
}

function nameOf(state: AccountState, { sequence, index }: Origin): string {
  for (const mailbox of state.mailboxes()) {
    for (let place = 0; place < mailbox.count; place++) {
      const origin = mailbox.originAt(place)
      if (origin.sequence === sequence && origin.index === index) return `${mailbox.name} UID ${mailbox.uidAt(place)}, filed by entry ${sequence},`
    }
  }
  return `a removed message, filed by entry ${sequence},`
}
