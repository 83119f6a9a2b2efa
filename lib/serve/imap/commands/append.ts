/** APPEND: RFC 9051 §6.3.12, of several messages (RFC 3502), of parts (RFC 4469), UIDPLUS of RFC 4315, APPENDLIMIT of RFC 7889. */
import { parseAppend } from '#lib/formats/imap/append.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { formatSequenceSet } from '#lib/formats/imap/sequenceSet.ts'
import type { AppendRequest } from '#lib/mail/mailbox/append.ts'
import { appendMessages } from '#lib/mail/mailbox/append.ts'
import { rightForFlag } from '#lib/mail/mailbox/rights.ts'
import type { Answer, Command } from '../command.ts'
import type { Incoming } from '../incomingMessages.ts'
import { incomingMessages } from '../incomingMessages.ts'
import { filingLimits } from '../limits.ts'
import type { FoundMailbox } from '../places.ts'
import type { Session } from '../session.ts'

export async function append({ session, lexer, literal }: Command): Promise<Answer> {
  const name = parseAppend(lexer, session.nameEncoding)
  const target = await session.find(name, 'i', 'TRYCREATE')
  const filed = await appendMessages(target.place.mail, requests(session, target, incomingMessages(session, { lexer, literal }), 0))
  noteFiled(session, target, filed)
  return { code: `APPENDUID ${filed[0]?.uidValidity ?? 0} ${formatSequenceSet(filed.map(({ uid }) => uid))}` }
}

/** `freedBytes`: of the message that makes way. */
export async function* requests({ deps }: Session, { place, mailbox, rights }: FoundMailbox, messages: AsyncIterable<Incoming>, freedBytes: number): AsyncGenerator<AppendRequest> {
  const { mail, account } = place
  const limits = filingLimits(deps, account)
  let bytes = 0
  for await (const { flags, internalDate, content, sizeBytes = 0 } of messages) {
    bytes += sizeBytes
    // Before the octets travel.
    if (limits.quotaBytes !== undefined && mail.state.usedBytes + bytes - freedBytes > limits.quotaBytes) throw no('The mailbox is full', 'OVERQUOTA')
    yield {
      mailboxId: mailbox.id,
      content,
      // RFC 4314 §4: a flag that the client may not set is left out, the message is taken.
      flags: flags.filter((flag) => rights.includes(rightForFlag(flag))),
      ...(internalDate === undefined ? {} : { internalDate }),
      ...limits,
    }
  }
}

/** Notes them for the log, and for what the client is told. */
export function noteFiled(session: Session, target: FoundMailbox, filed: readonly { readonly uid: number }[]): void {
  const { place, mailbox } = target
  session.noteCreated(target, filed.map(({ uid }) => uid))
  for (const { uid } of filed) session.log.info('filed', { account: place.account.address, mailbox: mailbox.name, uid })
}
