/**
 * A mailbox as a Maildir: a file for each message, its flags in its name, its date as the file's own.
 *
 * Invariants: a file under `cur` is whole; a message that is there already is not read again, and gets the flags it has now;
 * no file is deleted.
 */
import { mkdir, open, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { baseName, baseOf, keywordsFile, letteredKeywords, messageName } from '#lib/formats/maildir/messageName.ts'
import { toUnixLines } from '#lib/formats/message/unixLines.ts'
import type { MailboxState } from '#lib/mail/mailbox/mailboxState.ts'
import type { WholeMessage } from '#lib/mail/mailbox/takeAlong.ts'
import { allPlaces, orFailed } from './mailboxFile.ts'
import type { Failed, Source, Written } from './mailboxFile.ts'

export async function writeMaildir(directory: string, { mailbox, take, onMessage }: Source): Promise<Written> {
  for (const folder of ['tmp', 'new', 'cur']) await mkdir(join(directory, folder), { recursive: true, mode: 0o700 })
  const lettered = letteredKeywords(mailbox.keywords())
  if (lettered.length > 0) await writeFile(join(directory, 'dovecot-keywords'), keywordsFile(lettered), { mode: 0o600 })
  const found = new Map((await readdir(join(directory, 'cur'))).flatMap((file) => ((base) => (base === undefined ? [] : [[base, file] as const]))(baseOf(file))))
  const wanted: number[] = []
  for (const place of allPlaces(mailbox)) {
    const base = baseAt(mailbox, place)
    const file = found.get(base)
    if (file === undefined) {
      wanted.push(place)
      continue
    }
    const name = messageName(base, mailbox.flagsAt(place), lettered)
    if (file !== name) await rename(join(directory, 'cur', file), join(directory, 'cur', name))
    found.delete(base)
  }
  const there = mailbox.count - wanted.length
  if (there > 0) onMessage(there)
  const failed: Failed[] = []
  for await (const message of take(wanted)) {
    const base = baseName({ uidValidity: mailbox.uidValidity, ...message })
    const fault = await orFailed(message.uid, () => writeMessage(directory, base, messageName(base, message.flags, lettered), message))
    if (fault !== undefined) failed.push(fault)
    onMessage(1)
  }
  return { written: wanted.length - failed.length, there, left: found.size, keywordsLost: lostKeywords(mailbox, lettered), failed }
}

function baseAt(mailbox: MailboxState, place: number): string {
  return baseName({ uidValidity: mailbox.uidValidity, uid: mailbox.uidAt(place), internalDate: mailbox.internalDateAt(place) })
}

async function writeMessage(directory: string, base: string, name: string, { internalDate, content }: WholeMessage): Promise<void> {
  const unfinished = join(directory, 'tmp', base)
  const file = await open(unfinished, 'w', 0o600)
  try {
    for await (const chunk of toUnixLines(content)) await file.writeFile(chunk)
    await file.utimes(internalDate / 1000, internalDate / 1000)
  } finally {
    await file.close()
  }
  await rename(unfinished, join(directory, 'cur', name))
}

/** Those of messages, not of the format: each has a letter until there are no more. */
function lostKeywords(mailbox: MailboxState, lettered: readonly string[]): number {
  return letteredKeywords(mailbox.keywords().filter((keyword) => !lettered.includes(keyword))).length
}
