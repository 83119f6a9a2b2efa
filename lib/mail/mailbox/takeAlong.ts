/**
 * All messages of a mailbox one after the other, whole, for whoever takes them along.
 *
 * Invariants: nothing is written; the mailbox stays as it was folded, whatever happens meanwhile; small messages are read ahead,
 * a few at a time, because a far engine takes longer to answer than a disk to write; one that cannot be read is told of by
 * its content alone, and the next ones follow.
 */
import type { Engine } from '#lib/engine/ports.ts'
import { readBlobRef } from '#lib/mail/transit/content.ts'
import type { FileChange } from './entry.ts'
import { readFiled } from './filed.ts'
import type { MailboxState } from './mailboxState.ts'
import { originKey } from './origin.ts'

export interface WholeMessage {
  readonly uid: number
  readonly flags: readonly string[]
  /** ms */
  readonly internalDate: number
  /** With CRLF line ends. @throws {UnreadableMessage} */
  readonly content: AsyncIterable<Uint8Array>
}

export class UnreadableMessage extends Error {
  override readonly name = 'UnreadableMessage'
}

type Source = Pick<Engine, 'table' | 'blobs'>

/** Messages whose entries are read together. */
const windowMessages = 256
const ahead = 16
/** The most that one message read ahead may be. */
const aheadBytes = 256 * 1024

/** In the order of `places`, which ascend. */
export async function* takeAlong(source: Source, accountId: string, mailbox: MailboxState, places: readonly number[]): AsyncGenerator<WholeMessage> {
  for (let from = 0; from < places.length; from += windowMessages) {
    const window = places.slice(from, from + windowMessages)
    const changes = await readChanges(source, accountId, mailbox, window)
    const begun: AsyncIterable<Uint8Array>[] = []
    for (const [at, place] of window.entries()) {
      while (begun.length < Math.min(at + ahead, window.length)) begun.push(begin(source, mailbox.sizeAt(window[begun.length] ?? 0), changes[begun.length]))
      yield { uid: mailbox.uidAt(place), flags: mailbox.flagsAt(place), internalDate: mailbox.internalDateAt(place), content: begun[at] ?? nothing() }
      begun[at] = nothing()
    }
  }
}

/** What filed each of them; one by one when an entry among them cannot be read. */
async function readChanges({ table }: Source, accountId: string, mailbox: MailboxState, places: readonly number[]): Promise<(FileChange | undefined)[]> {
  const origins = places.map((place) => mailbox.originAt(place))
  const changeOf = async (some: typeof origins) => await readFiled(table, accountId, some)
  const all = await changeOf(origins).catch(async () => {
    const found = new Map<number, FileChange>()
    for (const origin of origins) for (const [key, change] of await changeOf([origin]).catch(() => [])) found.set(key, change)
    return found
  })
  return origins.map(({ sequence, index }) => all.get(originKey(sequence, index)))
}

/** Begins to read what is small; what is large is read when it is asked for. */
function begin({ blobs }: Source, sizeBytes: number, change: FileChange | undefined): AsyncIterable<Uint8Array> {
  if (change === undefined) return unreadable(new Error('the entry of the log that filed it cannot be read'))
  const content = checked(readBlobRef(blobs, change.blob), sizeBytes)
  if (sizeBytes > aheadBytes) return content
  const read = gather(content)
  // Heard when its turn comes; until then a failure must not count as unheard.
  read.catch(() => undefined)
  return late(read)
}

async function* checked(content: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let read = 0
  try {
    for await (const chunk of content) {
      read += chunk.length
      yield chunk
    }
  } catch (error) {
    throw new UnreadableMessage((error as Error).message, { cause: error })
  }
  if (read !== sizeBytes) throw new UnreadableMessage(`${read} of its ${sizeBytes} octets are there`)
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk))
  return chunks
}

async function* late(read: Promise<readonly Uint8Array[]>): AsyncGenerator<Uint8Array> {
  yield* await read
}

async function* unreadable(error: Error): AsyncGenerator<Uint8Array> {
  throw new UnreadableMessage(error.message, { cause: error })
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
