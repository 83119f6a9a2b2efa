/** COPY, MOVE and their UID forms: RFC 9051 §6.4.7 and §6.4.8. */
import type { Lexer } from '#lib/formats/imap/lexer.ts'
import type { NameEncoding } from '#lib/formats/imap/mailboxName.ts'
import { parseMailbox } from '#lib/formats/imap/mailboxName.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import type { SequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { formatSequenceSet, parseSequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import type { CopyOutcome } from '#lib/mail/mailbox/copy.ts'
import { copyAcross, moveAcross } from '#lib/mail/mailbox/copyAcross.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { allRights, rightForFlag } from '#lib/mail/mailbox/rights.ts'
import type { Answer, Command } from '../command.ts'
import { filingLimits } from '../limits.ts'
import { demandSavable, keepNewest } from '../messageLimit.ts'
import { demandSelectedRights, demandWritable, resolveUids } from '../messages.ts'
import type { FoundMailbox } from '../places.ts'
import type { Session } from '../session.ts'

export const copy = (command: Command) => copyOrMove(command, 'copy', false)
export const uidCopy = (command: Command) => copyOrMove(command, 'copy', true)
export const move = (command: Command) => copyOrMove(command, 'move', false)
export const uidMove = (command: Command) => copyOrMove(command, 'move', true)

function parseCopy(lexer: Lexer, encoding: NameEncoding): { set: SequenceSet; name: string } {
  lexer.space()
  const set = parseSequenceSet(lexer)
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  lexer.end()
  return { set, name }
}

/** RFC 6851 §4.2: as to mark and expunge them. */
function demandMovable(session: Session): void {
  demandWritable(session)
  demandSelectedRights(session, 'te')
}

async function transfer({ mail, selected, deps }: Session, what: 'copy' | 'move', uids: readonly number[], target: FoundMailbox): Promise<CopyOutcome> {
  const { place, mailbox, rights } = target
  const request = { from: selected.mailboxId, uids, to: mailbox.id }
  const limits = filingLimits(deps, place.account)
  const mayKeep = (flag: string): boolean => rights.includes(rightForFlag(flag))
  if (place.account.id !== selected.place.account.id) {
    const across = { ...request, source: mail, target: place.mail, mayKeep, limits }
    return what === 'copy' ? await copyAcross(across) : await moveAcross(across)
  }
  // RFC 4314 §4: a flag that the client may not set there is left behind.
  const kept = rights === allRights ? {} : { mayKeep }
  return what === 'copy' ? await copyMessages(mail, { ...request, ...kept, ...limits }) : await moveMessages(mail, { ...request, ...kept })
}

async function copyOrMove({ session, lexer }: Command, what: 'copy' | 'move', byUid: boolean): Promise<Answer> {
  const { set, name } = parseCopy(lexer, session.nameEncoding)
  const { selected } = session
  const all = resolveUids(selected, set, byUid)
  if (what === 'copy') demandSavable(session, all.length)
  const { kept: wanted, limited } = what === 'copy' ? { kept: all, limited: undefined } : keepNewest(session, all)
  if (what === 'move') demandMovable(session)
  // RFC 9051 §6.4.7: TRYCREATE tells that the mailbox only has to be made.
  const target = await session.find(name, 'i', 'TRYCREATE')
  const uids = wanted.filter((uid) => session.mailbox.indexOf(uid) >= 0)
  // RFC 2180 §4.4.1: all or nothing, as COPY promises.
  if (!byUid && uids.length < wanted.length) throw no('Some of the messages are gone', 'EXPUNGEISSUED')
  if (uids.length === 0) return {}
  const { uidValidity, source, destination } = await transfer(session, what, uids, target)
  if (source.length === 0) return {}
  session.noteCreated(target, destination)
  const code = `COPYUID ${uidValidity} ${formatSequenceSet(source)} ${formatSequenceSet(destination)}`
  if (what === 'copy') return { code }
  // RFC 6851 §4.3: COPYUID goes before the EXPUNGE responses.
  session.output.text(`* OK [${code}] Moved\r\n`)
  // RFC 6851 §4.4
  return { limited, ...(session.condstore ? { code: `HIGHESTMODSEQ ${session.mailbox.highestModSeq}` } : {}) }
}
