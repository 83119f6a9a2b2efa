/**
 * Writes outcomes into the sender's log, now, or by a note of their own when that fails: so none is missed, and mail that was
 * delivered is not delivered again because the log could not be written.
 */
import { hash } from 'node:crypto'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { NewNote } from '#lib/engine/ports.ts'
import type { RecordChanges, RecordedChange } from '#lib/mail/mailbox/record.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { ClientInfo } from '#lib/mail/transit/note.ts'

export interface RecordOutcomesDeps {
  /** Absent where nobody wants to know. */
  readonly record?: RecordChanges | undefined
  readonly log: Log
}

/** What has to be sent with the answer. Mail that no account of ours handed in has no log to stand in. */
export async function recordOutcomes({ record, log }: RecordOutcomesDeps, { queueId, client }: { readonly queueId: string; readonly client: ClientInfo }, changes: readonly RecordedChange[]): Promise<readonly { readonly queue: 'inbound'; readonly note: NewNote }[]> {
  const { accountId } = client
  if (record === undefined || accountId === undefined || changes.length === 0) return []
  try {
    await record(accountId, changes)
    return []
  } catch (error) {
    log.warn('outcome-not-recorded', { queueId, account: accountId, ...errorFields(error) })
    const id = `${queueId}-o${hash('sha256', JSON.stringify(changes)).slice(0, 12).toUpperCase()}`
    return [{ queue: 'inbound', note: { id, body: encodeNote({ kind: 'record', queueId, accountId, changes }) } }]
  }
}
