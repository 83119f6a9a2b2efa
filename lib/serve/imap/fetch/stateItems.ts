/** FETCH items that the mailbox's state answers: no reading, no waiting. */
import { writeDateTime } from '#lib/formats/imap/date.ts'
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { writeFlags } from '#lib/formats/imap/flags.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'

/** Writes one item of the message at this index, or nothing for items of another depth. */
export type StateWriter = (mailbox: MailboxState, index: number) => string

const writers: Partial<Record<FetchItem['kind'], StateWriter>> = {
  'UID': (mailbox, index) => `UID ${mailbox.uidAt(index)}`,
  'FLAGS': (mailbox, index) => `FLAGS ${writeFlags(mailbox.flagsAt(index))}`,
  'INTERNALDATE': (mailbox, index) => `INTERNALDATE ${writeDateTime(mailbox.internalDateAt(index))}`,
  'RFC822.SIZE': (mailbox, index) => `RFC822.SIZE ${mailbox.sizeAt(index)}`,
  // RFC 7162 §3.1.4.2
  'MODSEQ': (mailbox, index) => `MODSEQ (${mailbox.modSeqAt(index)})`,
  // RFC 8474 §5.1 and §5.2: no threads are kept, which NIL says.
  'EMAILID': (mailbox, index) => `EMAILID (${mailbox.emailIdAt(index)})`,
  'THREADID': () => 'THREADID NIL',
  // RFC 8514 §4.2
  'SAVEDATE': (mailbox, index) => `SAVEDATE ${writeDateTime(mailbox.savedAt(index))}`,
}

export function stateWriter(item: FetchItem): StateWriter | undefined {
  return writers[item.kind]
}

/** The state items among these, joined by spaces; '' when there is none. */
export function stateWriterOf(items: readonly FetchItem[]): StateWriter {
  const chosen = items.map(stateWriter).filter((writer) => writer !== undefined)
  return (mailbox, index) => {
    let text = ''
    for (const write of chosen) text += text === '' ? write(mailbox, index) : ` ${write(mailbox, index)}`
    return text
  }
}
