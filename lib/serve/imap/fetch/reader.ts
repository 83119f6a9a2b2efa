/** Reads what a FETCH needs of each message, in order, a few small messages ahead of the one being written. */
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { openFiled, openMetadata, readFilings } from '#lib/mail/mailbox/read.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { readWholeBlob } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import type { ContentSource } from './contentItems.ts'
import { wholeBytes } from './contentItems.ts'

export interface ReadMessage {
  readonly uid: number
  /** Undefined where it was not wanted. */
  readonly metadata: MessageMetadata | undefined
  readonly source: ContentSource
}

interface Ahead {
  readonly uid: number
  readonly message: Promise<ReadMessage>
}

/** Small messages asked of the store at once. On an object store each is one round trip. */
const messagesAhead = 8

/** Messages of these UIDs that are still there; those that go meanwhile are left out. */
export async function* readMessages(mail: AccountMail, mailboxId: string, uids: readonly number[], withMetadata: boolean): AsyncGenerator<ReadMessage> {
  const ahead: Ahead[] = []
  for await (const { uid, change } of readFilings(mail, mailboxId, uids)) {
    const metadata = withMetadata ? await openMetadata(mail.log.deps.blobs, change.metadata) : undefined
    const message = openSource(mail, change.blob).then((source) => ({ uid, metadata, source }))
    // Awaited later: until then a failure must not count as unheard.
    message.catch(() => undefined)
    ahead.push({ uid, message })
    if (ahead.length <= messagesAhead) continue
    const next = await settle(mail, mailboxId, ahead.shift())
    if (next !== undefined) yield next
  }
  while (ahead.length > 0) {
    const next = await settle(mail, mailboxId, ahead.shift())
    if (next !== undefined) yield next
  }
}

async function settle(mail: AccountMail, mailboxId: string, next: Ahead | undefined): Promise<ReadMessage | undefined> {
  try {
    return await next?.message
  } catch (error) {
    // Expunged by another session while it was being read: its blob may be gone.
    if (next !== undefined && isThere(mail, mailboxId, next.uid)) throw error
    return undefined
  }
}

function isThere(mail: AccountMail, mailboxId: string, uid: number): boolean {
  return (mail.state.mailboxById(mailboxId)?.indexOf(uid) ?? -1) >= 0
}

async function openSource(mail: AccountMail, blob: BlobRef): Promise<ContentSource> {
  const { sizeBytes } = blob
  if (sizeBytes <= wholeBytes) {
    const whole = await readWholeBlob(mail.log.deps.blobs, blob)
    return { sizeBytes, whole, read: () => asChunks(whole) }
  }
  const body = openFiled(mail, blob)
  return { sizeBytes, whole: undefined, read: (offset, length) => body.read(offset, length) }
}

async function* asChunks(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
