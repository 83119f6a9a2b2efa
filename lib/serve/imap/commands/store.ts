/** STORE and UID STORE: RFC 9051 §6.4.6, conditional by RFC 7162 §3.1.3. */
import { no } from '#lib/formats/imap/refusal.ts'
import { formatSequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import type { Store } from '#lib/formats/imap/store.ts'
import { parseStore } from '#lib/formats/imap/store.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import type { FlagsOutcome } from '#lib/mail/mailbox/flags.ts'
import { allRights, rightForFlag } from '#lib/mail/mailbox/rights.ts'
import type { Answer, Command } from '../command.ts'
import { keepNewest } from '../messageLimit.ts'
import { demandSelectedRights, demandWritable, resolveUids } from '../messages.ts'
import type { Session } from '../session.ts'

export async function store(command: Command): Promise<Answer> {
  return await change(command, false)
}

export async function uidStore(command: Command): Promise<Answer> {
  return await change(command, true)
}

async function change({ session, lexer, word }: Command, byUid: boolean): Promise<Answer> {
  const { set, action, silent, flags: asked, unchangedSince } = parseStore(lexer)
  const { selected } = session
  const { kept: wanted, limited } = keepNewest(session, resolveUids(selected, set, byUid))
  demandWritable(session)
  const flags = permitted(session, action, asked)
  if (unchangedSince !== undefined) session.enableCondstore()
  const { mailbox } = session
  const places = mailbox.placesOf(wanted)
  const uids = places.length === wanted.length ? wanted : places.map((place) => mailbox.uidAt(place))
  const before = silent ? foreseen(session, places) : undefined
  const outcome = uids.length === 0 ? undefined : await changeFlags(session.mail, { mailboxId: selected.mailboxId, uids, action, flags, ...(session.rights === allRights ? {} : { mayChange: mayChange(session) }), ...(unchangedSince === undefined ? {} : { unchangedSince }) })
  if (outcome !== undefined) {
    if (before === undefined || isAsForeseen(before, outcome)) selected.view.knows(outcome.modSeq)
    const failed = new Set(outcome.failed)
    // RFC 7162 §3.1.3: with CONDSTORE even a silent STORE tells the new mod-sequence.
    if (!silent || session.condstore) await session.tellFlags(session.mailbox, silent ? outcome.changed : failed.size === 0 ? uids : uids.filter((uid) => !failed.has(uid)), !silent)
    if (failed.size > 0) return { code: `MODIFIED ${formatSequenceSet(byUid ? outcome.failed : outcome.failed.map((uid) => selected.view.sequenceNumberOf(uid)))}`, text: 'Some messages have changed meanwhile', limited }
  }
  // RFC 2180 §4.2.1: part of the messages are gone; UIDs that are gone are passed over in silence.
  if (!byUid && uids.length < wanted.length) throw no('Some of the messages are gone', 'EXPUNGEISSUED')
  return { text: `${word} completed`, limited }
}

function mayChange({ rights }: Session): (flag: string) => boolean {
  return (flag) => rights.includes(rightForFlag(flag))
}

/** RFC 4314 §4: flags that the client may not change stay as they are; NO only when it may change none of them. */
function permitted(session: Session, action: Store['action'], flags: readonly string[]): string[] {
  const may = flags.filter(mayChange(session))
  if (may.length === 0 && (flags.length > 0 || !/[stw]/.test(session.rights))) demandSelectedRights(session, flags[0] === undefined ? 'w' : rightForFlag(flags[0]))
  return action === 'replace' ? [...flags] : may
}

interface Foreseen {
  readonly sequence: number
  /** Flags of some of the messages have changed, which the client does not know yet. */
  readonly news: boolean
}

function foreseen({ mail, mailbox, selected }: Session, places: readonly number[]): Foreseen {
  return { sequence: mail.state.sequence, news: places.some((place) => selected.view.hasNews(mailbox.modSeqAt(place))) }
}

/**
 * Whether a client that is not told can work out what the flags are now. RFC 9051 §6.4.6: .SILENT does not hold back
 * what other sessions have changed before or in between.
 */
function isAsForeseen({ sequence, news }: Foreseen, { modSeq }: FlagsOutcome): boolean {
  return !news && modSeq === sequence + 1
}
