import type { Path } from '#lib/formats/smtp/path.ts'
import type { RcptParameters } from '#lib/formats/smtp/parameters.ts'
import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Recipient } from '../deps.ts'
import type { Answer, Session } from '../session.ts'

interface RcptCommand {
  readonly path: Path
  readonly parameters: RcptParameters
}

const accepted: Answer = { reply: reply(250, '2.1.5', 'Ok') }

export async function obeyRcpt(session: Session, { path, parameters }: RcptCommand): Promise<Answer> {
  const { smtp } = session.deps.settings
  if (session.recipients.length >= smtp.maxRecipients) throw new SmtpRefusal(452, '4.5.3', 'Too many recipients')
  // RFC 6531 §3.5
  if (path.utf8 && session.envelope?.smtpUtf8 === undefined) throw new SmtpRefusal(553, '5.6.7', 'This address needs SMTPUTF8')
  const address = path.address === 'postmaster' ? await session.deps.directory.postmaster() : path.address
  const recipient = await session.deps.directory.resolveRecipient(address)
  const refusal = refusalOf(session, recipient)
  if (refusal !== undefined) return refuse(session, address, refusal)
  // RFC 5321 §2.4: elsewhere the case of a local part may matter.
  session.addRecipient({ address, ...parameters }, recipient.kind === 'remote' ? address : address.toLowerCase())
  return accepted
}

function refusalOf(session: Session, { kind }: Recipient): SmtpRefusal | undefined {
  switch (kind) {
    case 'account':
    case 'alias':
      return undefined
    case 'unknown':
      return new SmtpRefusal(550, '5.1.1', 'No such recipient here')
    case 'disabled':
      return new SmtpRefusal(550, '5.2.1', 'This mailbox is disabled')
    case 'remote':
      // Never an open relay: only those who logged in send elsewhere. RFC 5321 §7.8 lets a site refuse to relay.
      return session.account === undefined ? new SmtpRefusal(550, '5.7.1', 'Relaying denied') : undefined
  }
}

async function refuse(session: Session, address: string, refusal: SmtpRefusal): Promise<Answer> {
  const { deps, connection } = session
  session.shared.meters.refusedRecipients.add()
  session.unknownRecipients++
  deps.log.info('refused', { reason: refusal.message, from: session.envelope?.mailFrom, to: address, client: connection.remoteAddress, hello: session.hello })
  if (deps.settings.smtp.tarpitMs > 0) await deps.clock.sleep(deps.settings.smtp.tarpitMs)
  if (session.unknownRecipients > deps.settings.smtp.maxUnknownRecipients) throw new SmtpRefusal(421, '4.7.0', 'Too many refused recipients', 'close')
  throw refusal
}
