/** What has happened in a mailbox since a mod-sequence: RFC 7162 §3.2.5 and §3.2.6. The log remembers all of it. */
import type { Resync } from '#lib/formats/imap/select.ts'
import type { SequenceRange, SequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import { writeVanished } from '#lib/formats/imap/vanished.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { Session } from './session.ts'

const everything: SequenceSet = { saved: false, ranges: [[1, Infinity]] }

/** To a client that opens the mailbox again. RFC 7162 §3.2.5.1: under another UIDVALIDITY it knows nothing. */
export async function tellSince(session: Session, mailbox: MailboxState, { uidValidity, modSeq, knownUids = everything }: Resync): Promise<void> {
  if (uidValidity !== mailbox.uidValidity) return
  await tellVanished(session, knownUids, modSeq)
  const within = membership(rangesOf(session, mailbox, knownUids))
  await session.tellFlags(mailbox, mailbox.changedSince(modSeq).filter(within), true)
}

/** Those of the set that are gone, apart from what the client still counts: that is told as news. */
export async function tellVanished(session: Session, set: SequenceSet, modSeq: number): Promise<void> {
  const { mailbox, output, selected } = session
  const within = membership(rangesOf(session, mailbox, set))
  const gone = mailbox.vanishedSince(modSeq).filter((uid) => within(uid) && selected.view.sequenceNumberOf(uid) === 0)
  for (const line of writeVanished(gone, true)) {
    output.text(line)
    if (output.full) await output.flush()
  }
}

/** `*` stands for the last UID that was ever given, which may be gone. */
function rangesOf({ selected }: Session, mailbox: MailboxState, set: SequenceSet): readonly SequenceRange[] {
  return set.saved ? selected.saved.map((uid) => [uid, uid] as const) : resolveRanges(set, Math.max(mailbox.uidNext - 1, 1))
}

/** For UIDs asked in ascending order. */
function membership(ranges: readonly SequenceRange[]): (uid: number) => boolean {
  let at = 0
  return (uid) => {
    while (at < ranges.length && (ranges[at]?.[1] ?? 0) < uid) at++
    return (ranges[at]?.[0] ?? Infinity) <= uid
  }
}
