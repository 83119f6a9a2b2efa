/** UIDBATCHES: RFC 10022. The UIDs of the mailbox in stretches of as many messages each, from the newest down. */
import { no } from '#lib/formats/imap/refusal.ts'
import type { SequenceRange } from '#lib/formats/imap/sequenceSet.ts'
import type { UidBatches } from '#lib/formats/imap/uidBatches.ts'
import { parseUidBatches, writeUidBatches } from '#lib/formats/imap/uidBatches.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { Answer, Command } from '../command.ts'

export function uidBatches({ session, lexer, tag }: Command): Answer {
  const request = parseUidBatches(lexer)
  const { minBatchMessages, maxBatchedMessages } = session.deps.settings
  // RFC 10022 §3.1.3
  if (request.size < minBatchMessages) throw no(`A batch has at least ${minBatchMessages} messages`, 'TOOFEW')
  if (request.range !== undefined && (request.range[1] - request.range[0] + 1) * request.size > maxBatchedMessages) throw no(`The batches hold more than ${maxBatchedMessages} messages`, 'TOOMANY')
  session.output.text(writeUidBatches(tag, batchesOf(session.mailbox, request)))
  return {}
}

/** They follow on each other without a gap and end at UID 1, so that every UID there is or was is in one of them. */
function batchesOf(mailbox: MailboxState, { size, range = [1, Infinity] }: UidBatches): SequenceRange[] {
  const batches: SequenceRange[] = []
  const last = Math.min(range[1], Math.ceil(mailbox.count / size))
  for (let batch = range[0]; batch <= last; batch++) {
    const end = mailbox.count - (batch - 1) * size
    const start = end - size
    const high = batch === 1 ? mailbox.uidAt(end - 1) : mailbox.uidAt(end) - 1
    batches.push([high, start <= 0 ? 1 : mailbox.uidAt(start)])
  }
  return batches
}
