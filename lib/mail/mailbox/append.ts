/**
 * A message into a mailbox: its octets into the Blobs, then the entry into the log.
 *
 * Invariants:
 * - the entry is written after the blob is durable, never together with it;
 * - a blob that no entry refers to for certain (refused, or a repeated delivery) is deleted again; when the log's answer
 *   is not known it stays, for the entry may be there: a sweep finds what nobody refers to;
 * - small messages are in memory once, large ones pass through while the parser reads along.
 */
import { createHash, hash } from 'node:crypto'
import { errorFields } from '#lib/base/log.ts'
import { packMetadata } from '#lib/formats/message/compact.ts'
import { toCrlf } from '#lib/formats/message/crlf.ts'
import type { ParsedMessage } from '#lib/formats/message/structure.ts'
import { MessageParser, parseMessage } from '#lib/formats/message/structure.ts'
import { inlineLimitBytes, packBytes } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import type { StoredMetadata } from './entry.ts'
import { fileStored, fileTogether, foresee } from './filing.ts'
import type { Filing, FilingOutcome, FilingTarget, Replaced, StoredMessage } from './filing.ts'
import { newBlobKey } from './logKeys.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'

export interface AppendRequest extends FilingTarget {
  readonly content: Uint8Array | AsyncIterable<Uint8Array>
  /** Line ends are CRLF already. Otherwise bare LF and CR are made into CRLF. */
  readonly crlf?: boolean
  /** ms; absent: now. */
  readonly internalDate?: number
  /** Header fields put before the content, with CRLF line ends. */
  readonly headerPrefix?: Uint8Array
  /** What the whole message (prefix and normalised content) parses to, when the caller knows. */
  readonly parsed?: ParsedMessage
}

/** A delivery id longer than this is replaced by its hash. */
const deliveryIdLimit = 200
/** Below, metadata is kept as it is: reading lists is faster, and the Table bills whole KB. */
const compressMetadataFromBytes = 2048
/** Octets of small messages that are being written side by side. */
const aheadLimitBytes = 1024 * 1024
/** Above, metadata is a blob of its own. */
const metadataLimitBytes = 48 * 1024

/**
 * Durable when it resolves.
 * @throws {MailboxRefusal} NONEXISTENT, OVERQUOTA, LIMIT; what `content` throws; the engine's errors
 */
export async function appendMessage(account: AccountMail, request: AppendRequest): Promise<FilingOutcome> {
  const wanted = shortId(request)
  const known = await foresee(account, wanted, request.content instanceof Uint8Array ? request.content.length : 0)
  if (known !== undefined) return known
  const head = await takeHead(wanted)
  return await file(account, wanted, (stored) => ('whole' in head ? storeSmall(account, wanted, head.whole, stored) : storeLarge(account, wanted, head.chunks, stored)))
}

/**
 * All messages into the mailbox of the first, in the order in which they come, or none of them; with `replaced`, that one
 * goes when they come. Nothing is in memory but their entries, and small messages that share a flush on their way into the Blobs.
 * @throws {MailboxRefusal} NONEXISTENT, OVERQUOTA, LIMIT; what `requests` and their contents throw; the engine's errors
 */
export async function appendMessages(account: AccountMail, requests: AsyncIterable<AppendRequest>, replaced?: Replaced): Promise<FilingOutcome[]> {
  const keys: string[] = []
  const storing: Promise<Filing>[] = []
  let filings: Filing[]
  try {
    let bytes = 0
    let aheadBytes = 0
    for await (const request of requests) {
      const { quotaBytes, ...unlimited } = request
      const room = quotaBytes === undefined || replaced !== undefined ? unlimited : { ...unlimited, quotaBytes: quotaBytes - bytes }
      const head = await takeHead(request)
      const inlineBytes = storing.length === 0 ? metadataLimitBytes : compressMetadataFromBytes
      const store = 'whole' in head ? storeSmall(account, room, head.whole, keys, inlineBytes) : storeLarge(account, room, head.chunks, keys, inlineBytes)
      const filing = store.then((stored) => ({ target: request, stored }))
      // Heard below; until then a failure must not count as unheard.
      filing.catch(() => undefined)
      storing.push(filing)
      aheadBytes += 'whole' in head ? head.whole.length : aheadLimitBytes
      // A large one has to be read to its end before the next one begins.
      if (aheadBytes >= aheadLimitBytes) {
        await Promise.all(storing)
        aheadBytes = 0
      }
      bytes += 'whole' in head ? head.whole.length : (await filing).stored.sizeBytes
    }
    filings = await Promise.all(storing)
  } catch (error) {
    await Promise.allSettled(storing)
    await forget(account, keys)
    throw error
  }
  try {
    return await fileTogether(account, filings, replaced)
  } catch (error) {
    if (error instanceof MailboxRefusal) await forget(account, keys)
    throw error
  }
}

/** Puts a message into the Blobs; `keys` gets every blob it begins to write. */
type StoreMessage = (keys: string[]) => Promise<StoredMessage>

async function file(account: AccountMail, request: AppendRequest, store: StoreMessage): Promise<FilingOutcome> {
  const keys: string[] = []
  try {
    const outcome = await fileStored(account, request, await store(keys))
    if (outcome.duplicate) await forget(account, keys)
    return outcome
  } catch (error) {
    if (error instanceof MailboxRefusal) await forget(account, keys)
    throw error
  }
}

/** A blob without an entry is only wasted room, which a sweep gives back. */
async function forget(account: AccountMail, keys: readonly string[]): Promise<void> {
  const { blobs, log } = account.log.deps
  for (const key of keys) await blobs.delete(key).catch((error: unknown) => log.warn('blob-left-behind', { key, ...errorFields(error) }))
}

function shortId(request: AppendRequest): AppendRequest {
  const { deliveryId } = request
  return deliveryId === undefined || deliveryId.length <= deliveryIdLimit ? request : { ...request, deliveryId: `sha256:${hash('sha256', deliveryId, 'base64url')}` }
}

// ---------------------------------------------------------------- content

type Head = { readonly whole: Uint8Array } | { readonly chunks: AsyncIterable<Uint8Array> }

async function takeHead(request: AppendRequest): Promise<Head> {
  const { content, crlf = false, headerPrefix } = request
  if (content instanceof Uint8Array && crlf && content.length <= inlineLimitBytes) return { whole: headerPrefix === undefined ? content : Buffer.concat([headerPrefix, content]) }
  const source = normalised(request)[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    chunks.push(next.value)
    sizeBytes += next.value.length
    if (sizeBytes > inlineLimitBytes) return { chunks: joined(chunks, source) }
  }
  return { whole: Buffer.concat(chunks, sizeBytes) }
}

async function* normalised({ content, crlf = false, headerPrefix }: AppendRequest): AsyncGenerator<Uint8Array> {
  if (headerPrefix !== undefined) yield headerPrefix
  const chunks = content instanceof Uint8Array ? inSlices(content) : content
  yield* crlf ? chunks : toCrlf(chunks)
}

async function* inSlices(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const sliceBytes = 64 * 1024
  for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes)
}

async function* joined(head: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

// ---------------------------------------------------------------- storing

async function storeSmall(account: AccountMail, request: AppendRequest, whole: Uint8Array, keys: string[], inlineBytes = metadataLimitBytes): Promise<StoredMessage> {
  const { clock, blobs } = account.log.deps
  const key = newBlobKey(account.accountId, clock.now())
  const internalDate = request.internalDate ?? clock.now()
  const parsed = request.parsed ?? parseMessage(whole)
  const packed = blobs.compresses === true ? { bytes: whole, codec: 'identity' as const } : await packBytes(whole)
  keys.push(key)
  const put = account.log.bodies.put({ key, bytes: packed.bytes, description: describe(account, request, internalDate, packed.codec) })
  const [metadata, place] = await Promise.all([storeMetadata(account, parsed, key, keys, inlineBytes), put])
  // What is shared is not this message's to delete.
  if (place.key !== key) keys.splice(keys.indexOf(key), 1)
  const blob: BlobRef = { ...place, length: packed.bytes.length, codec: packed.codec, sizeBytes: whole.length }
  return { internalDate, sizeBytes: whole.length, blob, hash: hash('sha256', packed.bytes, 'buffer'), metadata }
}

async function storeLarge(account: AccountMail, request: AppendRequest, chunks: AsyncIterable<Uint8Array>, keys: string[], inlineBytes = metadataLimitBytes): Promise<StoredMessage> {
  const { clock, blobs } = account.log.deps
  const key = newBlobKey(account.accountId, clock.now())
  const internalDate = request.internalDate ?? clock.now()
  const parser = request.parsed === undefined ? new MessageParser() : undefined
  const digest = createHash('sha256')
  const mostBytes = request.quotaBytes === undefined ? Infinity : request.quotaBytes - account.state.usedBytes
  let sizeBytes = 0
  async function* readAlong() {
    for await (const chunk of chunks) {
      parser?.write(chunk)
      digest.update(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > mostBytes) throw new MailboxRefusal('OVERQUOTA', 'The account is full')
      yield chunk
    }
  }
  keys.push(key)
  await blobs.put(key, readAlong(), describe(account, request, internalDate, 'identity'))
  const parsed = request.parsed ?? parser?.end()
  if (parsed === undefined) throw new Error('a message was not parsed')
  const blob: BlobRef = { key, offset: 0, length: sizeBytes, codec: 'identity', sizeBytes }
  return { internalDate, sizeBytes, blob, hash: digest.digest(), metadata: await storeMetadata(account, parsed, key, keys, inlineBytes) }
}

/** Also for a message whose octets are in the Blobs already. `keys` gets the key of a blob that this writes. */
export async function storeMetadata(account: AccountMail, parsed: ParsedMessage, messageKey: string, keys: string[], inlineBytes: number): Promise<StoredMetadata> {
  const bytes = packMetadata(parsed)
  if (bytes.length < compressMetadataFromBytes) return { inline: bytes, codec: 'identity' }
  const packed = await packBytes(bytes)
  if (packed.bytes.length <= inlineBytes) return { inline: packed.bytes, codec: packed.codec }
  const key = `${messageKey}-metadata`
  keys.push(key)
  await account.log.deps.blobs.put(key, packed.bytes, { account: account.accountId, kind: 'metadata', of: messageKey })
  return { blob: { key, offset: 0, length: packed.bytes.length, codec: packed.codec, sizeBytes: bytes.length } }
}

/** Enough to file the message anew when the Table is lost. ASCII, as S3 demands. */
function describe(account: AccountMail, { mailboxId, mailboxName, deliveryId }: AppendRequest, internalDate: number, codec: BlobRef['codec']): Record<string, string> {
  const mailbox = mailboxId === undefined ? mailboxName : account.state.mailboxById(mailboxId)?.name
  return {
    account: account.accountId,
    kind: 'message',
    codec,
    date: new Date(internalDate).toISOString(),
    mailbox: encodeURIComponent((mailbox ?? '').slice(0, 100)),
    ...(deliveryId === undefined ? {} : { delivery: encodeURIComponent(deliveryId.toWellFormed()).slice(0, 600) }),
  }
}
