/** THREAD (RFC 5256 §3): what the columns of the index say of the messages found, given to the algorithm asked for. */
import type { ThreadAlgorithm, ThreadNode } from '#lib/formats/imap/thread.ts'
import { sentTimes, stateNumbers } from './sort.ts'
import type { AccountMail } from './store.ts'
import { viewColumns } from './textIndex/columnView.ts'
import type { ColumnView } from './textIndex/columnView.ts'
import type { MailboxState } from './state.ts'
import type { ThreadMessages } from './threads/messages.ts'
import { threadBySubject } from './threads/orderedSubject.ts'
import { threadByReferences } from './threads/references.ts'

export interface ThreadingRequest {
  readonly mailboxId: string
  /** Ascending. */
  readonly uids: readonly number[]
  readonly algorithm: ThreadAlgorithm
  /** What the client calls a message; 0 for one it does not know. */
  readonly numberOf: (uid: number) => number
}

export async function threadMessages(account: AccountMail, { mailboxId, uids, algorithm, numberOf }: ThreadingRequest): Promise<ThreadNode[]> {
  const view = await viewColumns(account, mailboxId, uids)
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return []
  const messages = gather(view, mailbox, algorithm, numberOf)
  return algorithm === 'ORDEREDSUBJECT' ? threadBySubject(messages) : threadByReferences(messages, algorithm)
}

function gather(view: ColumnView, mailbox: MailboxState, algorithm: ThreadAlgorithm, numberOf: (uid: number) => number): ThreadMessages {
  const { segments, places, uids } = view
  return {
    count: uids.length,
    numbers: uids.map(numberOf),
    // The draft of REFS puts threads in the order of their latest arrival.
    times: algorithm === 'REFS' ? stateNumbers(mailbox, uids, 'internalDate') : sentTimes(view, mailbox),
    subjects: view.ranks('baseSubject'),
    replies: view.numbers('replies'),
    ids: view.numbers('messageId'),
    references: (message) => {
      const segment = segments[places.segment[message] ?? 0]
      const doc = places.doc[message] ?? 0
      return segment === undefined ? [] : segment.references.subarray(doc === 0 ? 0 : segment.referenceEnds[doc - 1], segment.referenceEnds[doc])
    },
  }
}
