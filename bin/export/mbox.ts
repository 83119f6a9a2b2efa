/**
 * A mailbox as one mbox file.
 *
 * Invariants: the file is replaced when the new one is whole, so that a broken run leaves the old one; a message that cannot be
 * read leaves nothing of itself behind.
 */
import { mkdir, open, rename } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { mboxMessage } from '#lib/formats/mbox/message.ts'
import { allPlaces, orFailed } from './mailboxFile.ts'
import type { Failed, Source, Written } from './mailboxFile.ts'

/** Small messages are written together. */
const flushBytes = 256 * 1024

export async function writeMbox(path: string, { mailbox, take, onMessage }: Source): Promise<Written> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const unfinished = `${path}.part`
  const file = await open(unfinished, 'w', 0o600)
  const failed: Failed[] = []
  try {
    let end = 0
    for await (const message of take(allPlaces(mailbox))) {
      const fault = await orFailed(message.uid, async () => {
        end += await writeAt(file, end, mboxMessage(message))
      })
      if (fault !== undefined) failed.push(fault)
      onMessage(1)
    }
    // What the last message left behind, if it could not be read.
    await file.truncate(end)
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
  return { written: mailbox.count - failed.length, there: 0, left: 0, keywordsLost: 0, failed }
}

/** The octets written; what comes next is written over those of a message that broke off. */
async function writeAt(file: FileHandle, start: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let written = 0
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  const flush = async (): Promise<void> => {
    if (waitingBytes > 0) await file.writev(waiting, start + written)
    written += waitingBytes
    waiting = []
    waitingBytes = 0
  }
  for await (const chunk of chunks) {
    waiting.push(chunk)
    waitingBytes += chunk.length
    if (waitingBytes >= flushBytes) await flush()
  }
  await flush()
  return written
}
