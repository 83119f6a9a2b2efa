/** Reads what a FETCH needs of each message, in order, a few small messages ahead of the one being written. */
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { openBody, readMetadata, readWhole } from '#lib/mail/mailbox/read.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import type { ContentSource } from './contentItems.ts'
import { wholeBytes } from './contentItems.ts'

export interface ReadMessage {
  readonly uid: number
  readonly metadata: MessageMetadata
  readonly source: ContentSource
}

interface Ahead {
  readonly uid: number
  readonly metadata: MessageMetadata
  readonly source: Promise<ContentSource>
}

/** Small messages asked of the store at once. On an object store each is one round trip. */
const messagesAhead = 8

/** Messages of these UIDs that are still there; those that go meanwhile are left out. */
export async function* readMessages(mail: AccountMail, mailboxId: string, uids: readonly number[]): AsyncGenerator<ReadMessage> {
  const ahead: Ahead[] = []
  for await (const { uid, metadata } of readMetadata(mail, mailboxId, [...uids])) {
    const source = openSource(mail, mailboxId, uid)
    // Awaited later: until then a failure must not count as unheard.
    source.catch(() => undefined)
    ahead.push({ uid, metadata, source })
    if (ahead.length > messagesAhead) yield* settle(mail, mailboxId, ahead.shift())
  }
  while (ahead.length > 0) yield* settle(mail, mailboxId, ahead.shift())
}

async function* settle(mail: AccountMail, mailboxId: string, next: Ahead | undefined): AsyncGenerator<ReadMessage> {
  if (next === undefined) return
  try {
    yield { uid: next.uid, metadata: next.metadata, source: await next.source }
  } catch (error) {
    // Expunged by another session while it was being read: its blob may be gone.
    if (isThere(mail, mailboxId, next.uid)) throw error
  }
}

function isThere(mail: AccountMail, mailboxId: string, uid: number): boolean {
  return (mail.state.mailboxById(mailboxId)?.indexOf(uid) ?? -1) >= 0
}

async function openSource(mail: AccountMail, mailboxId: string, uid: number): Promise<ContentSource> {
  const mailbox = mail.state.mailboxById(mailboxId)
  const index = mailbox?.indexOf(uid) ?? -1
  if (mailbox === undefined || index < 0) throw new Error('the message is gone')
  if (mailbox.sizeAt(index) <= wholeBytes) {
    const whole = await readWhole(mail, mailboxId, uid)
    return { whole, read: () => asChunks(whole) }
  }
  const body = await openBody(mail, mailboxId, uid)
  return { whole: undefined, read: (offset, length) => body.read(offset, length) }
}

async function* asChunks(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
