/**
 * Mailboxes of any size, written straight into the account log: a million messages by APPEND would take hours.
 *
 * Every message has an entry of its own, with metadata as a real one has (from, subject, date and Message-ID of its own), one
 * every five minutes up to now. Contents are shared by {@link contents} different messages, so that a million take no disk.
 */
import { hash } from 'node:crypto'
import { packMetadata } from '#lib/formats/message/compact.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { entryKey, newBlobKey } from '#lib/mail/mailbox/logKeys.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { packBytes } from '#lib/mail/transit/content.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'

const contents = 200
const everyMs = 5 * 60_000
/** Entries of one commit, and commits side by side. */
const together = 100
const sideBySide = 40

interface Content {
  readonly parsed: ReturnType<typeof parseMessage>
  readonly blob: BlobRef
  readonly hash: Uint8Array
}

function makeContent(number: number): Buffer {
  const text = Array.from({ length: 20 + (number * 7) % 60 }, (_, line) => `Line ${line} of letter ${number}: the harvest of ${1900 + ((number + line) % 120)} was good, and the mill turned.`).join('\r\n')
  const boundary = `part-${number}`
  return Buffer.from(
    `Received: from mx.example.net by mx.example.com; Mon, 2 Nov 2026 10:00:00 +0000\r\nFrom: Person ${number} <person${number}@example.net>\r\nTo: anna@bench.test\r\nSubject: Letter ${number}\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <${number}@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n--${boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>${text}</p>\r\n--${boundary}--\r\n`,
  )
}

async function storeContents({ blobs }: MailDeps, accountId: string): Promise<Content[]> {
  return await Promise.all(
    Array.from({ length: contents }, async (_, number) => {
      const whole = makeContent(number)
      const packed = blobs.compresses === true ? { bytes: whole, codec: 'identity' as const } : await packBytes(whole)
      const key = newBlobKey(accountId, Date.now())
      await blobs.put(key, packed.bytes, { account: accountId, kind: 'message' })
      return { parsed: parseMessage(whole), blob: { key, offset: 0, length: packed.bytes.length, codec: packed.codec, sizeBytes: whole.length }, hash: hash('sha256', packed.bytes, 'buffer') }
    }),
  )
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function dateField(at: number): string {
  const date = new Date(at)
  return `${weekdays[date.getUTCDay()]}, ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} +0000`
}

/** What lists show of this message. One in a thousand is from needlefinder@example.org. */
function metadataOf({ parsed }: Content, number: number, at: number): Uint8Array {
  const from = number % 1000 === 7 ? { name: 'Needle Finder', mailbox: 'needlefinder', host: 'example.org' } : { name: `Person ${number % 4999}`, mailbox: `person${number % 4999}`, host: 'example.net' }
  const senders = [from]
  const envelope = { ...parsed.envelope, date: dateField(at), subject: `Letter ${number % 7919} of the year`, from: senders, sender: senders, replyTo: senders, messageId: `<${number}.${(number * 2_654_435_761 % 4_294_967_296).toString(36)}@example.net>` }
  return packMetadata({ ...parsed, envelope, threading: { ...parsed.threading, sentAt: at } })
}

/** Files so many messages into INBOX, then writes the snapshot that a running system would have written. */
export async function fillInbox(deps: MailDeps, accountId: string, messages: number): Promise<void> {
  const newest = Date.now()
  // The log's time never goes back: what comes first has to be the oldest.
  const store = new MailStore({ ...deps, clock: { ...deps.clock, now: () => newest - (messages + 1) * everyMs } })
  const account = await store.open(accountId)
  const mailbox = account.state.mailbox('INBOX')?.id ?? ''
  const first = account.state.sequence + 1
  account.release()
  await store.close()
  const stored = await storeContents(deps, accountId)
  const entryOf = (number: number) => {
    const at = newest - (messages - number) * everyMs
    const content = stored[number % contents]
    if (content === undefined) throw new Error('no contents')
    const { blob } = content
    const value = encodeEntry({
      at, writer: 'bench',
      changes: [{ kind: 'file', mailbox, flags: number % 3 === 0 ? [] : ['\\Seen'], internalDate: at, sizeBytes: blob.sizeBytes, deliveryId: `${number.toString(36)}/${accountId}`, blob, hash: content.hash, metadata: { inline: metadataOf(content, number, at), codec: 'identity' } }],
    })
    return { put: entryKey(accountId, first + number), value, onlyIf: 'absent' as const }
  }
  for (let from = 0; from < messages; from += together * sideBySide) {
    const starts = Array.from({ length: sideBySide }, (_, at) => from + at * together).filter((start) => start < messages)
    await Promise.all(starts.map((start) => deps.table.commit(Array.from({ length: Math.min(together, messages - start) }, (_, at) => entryOf(start + at)))))
  }
  const { state, snapshots } = await loadAccount({ ...deps, settings: { ...deps.settings, snapshotEntries: 0 } }, accountId)
  await snapshots.write(state)
}
