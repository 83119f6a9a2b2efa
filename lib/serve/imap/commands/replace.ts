/** REPLACE and UID REPLACE: RFC 8508. */
import { bad, no } from '#lib/formats/imap/refusal.ts'
import { parseReplace } from '#lib/formats/imap/replace.ts'
import { appendMessages } from '#lib/mail/mailbox/append.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import type { Answer, Command } from '../command.ts'
import type { Incoming } from '../incomingMessages.ts'
import { incomingMessages } from '../incomingMessages.ts'
import { demandSelectedRights, demandWritable } from '../messages.ts'
import type { Session } from '../session.ts'
import { noteFiled, requests } from './append.ts'

export const replace = (command: Command) => answer(command, false)
export const uidReplace = (command: Command) => answer(command, true)

async function answer({ session, lexer, literal }: Command, byUid: boolean): Promise<Answer> {
  const { message, name } = parseReplace(lexer, session.nameEncoding)
  const { selected, output } = session
  demandWritable(session)
  // RFC 8508 §4.1
  demandSelectedRights(session, 'te')
  const uid = findUid(session, message, byUid)
  const target = await session.find(name, 'i', 'TRYCREATE')
  const sameAccount = target.place.account.id === selected.place.account.id
  const replaced = { mailboxId: selected.mailboxId, uid }
  const freedBytes = sameAccount ? session.mailbox.sizeAt(session.mailbox.indexOf(uid)) : 0
  const filed = await appendMessages(target.place.mail, requests(session, target, oneOf(incomingMessages(session, { lexer, literal })), freedBytes), sameAccount ? replaced : undefined)
  // Two accounts have two logs: the message is in both for a moment, and never in none.
  if (!sameAccount) await expungeMessages(session.mail, { mailboxId: selected.mailboxId, uids: [uid], regardless: true })
  noteFiled(session, target, filed)
  // RFC 8508 §3.3: before the EXPUNGE.
  output.text(`* OK [APPENDUID ${filed[0]?.uidValidity ?? 0} ${filed[0]?.uid ?? 0}] Replaced\r\n`)
  return session.condstore ? { code: `HIGHESTMODSEQ ${session.mailbox.highestModSeq}` } : {}
}

/** RFC 8508 §3.2: a number out of range is a mistake, a UID that is not there is an answer. */
function findUid({ selected, mailbox }: Session, message: number, byUid: boolean): number {
  const { view } = selected
  const number = message === Infinity ? view.count : byUid ? view.sequenceNumberOf(message) : message
  if (!byUid && (number < 1 || number > view.count)) throw bad('There is no message with such a number')
  const uid = number === 0 ? 0 : view.uidOf(number)
  if (mailbox.indexOf(uid) < 0) throw no('The message is not there', byUid ? 'NONEXISTENT' : 'EXPUNGEISSUED')
  return uid
}

async function* oneOf(messages: AsyncIterable<Incoming>): AsyncGenerator<Incoming> {
  let count = 0
  for await (const message of messages) {
    if (++count > 1) throw bad('REPLACE takes one message')
    yield message
  }
}
