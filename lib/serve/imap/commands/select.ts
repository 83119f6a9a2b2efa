/** SELECT and EXAMINE: RFC 9051 §6.3.2 and §6.3.3. */
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Resync } from '#lib/formats/imap/select.ts'
import { parseSelect } from '#lib/formats/imap/select.ts'
import { writeListLine } from '#lib/formats/imap/list.ts'
import type { Answer, Command } from '../command.ts'
import type { FoundMailbox } from '../places.ts'
import type { Session } from '../session.ts'
import { flagsLine, permanentFlagsLine } from '../session.ts'
import { tellSince } from '../resync.ts'
import { listAttributes } from './list.ts'

export async function select(command: Command): Promise<Answer> {
  return await open(command, false)
}

export async function examine(command: Command): Promise<Answer> {
  return await open(command, true)
}

async function open({ session, lexer }: Command, examined: boolean): Promise<Answer> {
  const { name, condstore, resync } = parseSelect(lexer, session.nameEncoding)
  if (resync !== undefined) demandResync(session, resync)
  // RFC 9051 §6.3.2: the mailbox before is deselected even when this one cannot be opened.
  if (session.state === 'selected') {
    session.unselect()
    session.output.text('* OK [CLOSED] The mailbox before is closed\r\n')
  }
  await session.own.refresh()
  const found = await session.find(name, 'r')
  const { mailbox } = found
  if (condstore) session.enableCondstore()
  // RFC 4314 §5.2
  const readOnly = examined || !/[iestw]/.test(found.rights)
  session.select(found, readOnly)
  describe(session, found, readOnly)
  if (resync !== undefined) await tellSince(session, mailbox, resync)
  return { code: readOnly ? 'READ-ONLY' : 'READ-WRITE' }
}

function demandResync(session: Session, { matched }: Resync): void {
  // RFC 7162 §3.2.5
  if (!session.qresync) throw bad('ENABLE QRESYNC goes first')
  // RFC 9586 §3.2
  if (matched && session.uidOnly) throw bad('There are no message numbers after ENABLE UIDONLY', 'UIDREQUIRED')
}

function describe(session: Session, { place, mailbox, name, rights }: FoundMailbox, readOnly: boolean): void {
  const { output } = session
  output.text(flagsLine(mailbox) + permanentFlagsLine(mailbox, readOnly ? '' : rights))
  output.text(`* ${mailbox.count} EXISTS\r\n`)
  // RFC 9051 appendix E: RECENT and UNSEEN are no longer told to those who speak IMAP4rev2.
  if (!session.rev2) {
    output.text('* 0 RECENT\r\n')
    const unseen = mailbox.firstUnseen()
    // RFC 9586 §3.4: it is a message number.
    if (unseen !== undefined && !session.uidOnly) output.text(`* OK [UNSEEN ${unseen + 1}] First unseen message\r\n`)
  }
  output.text(`* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid\r\n* OK [UIDNEXT ${mailbox.uidNext}] Next UID\r\n`)
  output.text(`* OK [HIGHESTMODSEQ ${mailbox.highestModSeq}] Highest mod-sequence\r\n`)
  // RFC 8474 §4.2
  output.text(`* OK [MAILBOXID (${mailbox.id})] Mailbox id\r\n`)
  if (session.rev2) output.text(writeListLine({ word: 'LIST', attributes: listAttributes(session, place, name), name }, session.nameEncoding))
}
