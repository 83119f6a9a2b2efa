import { limitKey } from '#lib/base/ip.ts'
import type { Path } from '#lib/formats/smtp/path.ts'
import type { MailParameters } from '#lib/formats/smtp/parameters.ts'
import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Answer, Session } from '../session.ts'

interface MailCommand {
  readonly path: Path
  readonly parameters: MailParameters
}

export function obeyMail(session: Session, command: MailCommand): Answer | Promise<Answer> {
  const { path, parameters } = command
  const { smtp } = session.deps.settings
  // RFC 6409 §4.3
  if (session.role === 'submission' && session.account === undefined) throw new SmtpRefusal(530, '5.7.0', 'Log in first')
  // RFC 1870 §6.1
  if ((parameters.size ?? 0) > smtp.maxMessageBytes) throw new SmtpRefusal(552, '5.3.4', `Message larger than ${smtp.maxMessageBytes} octets`)
  // RFC 6531 §3.5
  if (path.utf8 && parameters.smtpUtf8 === undefined) throw new SmtpRefusal(553, '5.6.7', 'This address needs SMTPUTF8')
  // RFC 8689 §4.2.1
  if (parameters.requireTls === true && !session.connection.secure) throw new SmtpRefusal(530, '5.7.4', 'REQUIRETLS needs TLS')
  if (session.account === undefined) return open(session, command)
  return openAs(session, command)
}

/** A user sends only as an address of theirs; the null path is for receipts, RFC 8098 §2.1. */
async function openAs(session: Session, command: MailCommand): Promise<Answer> {
  const { address } = command.path
  if (session.account !== undefined && address !== '' && !(await session.deps.directory.maySendAs(session.account, address))) {
    session.deps.log.warn('refused', { reason: 'sender not allowed', from: address, login: session.login, client: session.connection.remoteAddress })
    throw new SmtpRefusal(553, '5.7.1', 'This sender address is not yours')
  }
  return open(session, command)
}

function open(session: Session, { path, parameters }: MailCommand): Answer {
  if (!withinWindow(session)) throw new SmtpRefusal(450, '4.7.1', 'Too many messages from you, come back later')
  const { smtpUtf8, body, ret, envid, requireTls } = parameters
  session.envelope = {
    mailFrom: path.address,
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
    ...(smtpUtf8 === undefined ? {} : { smtpUtf8 }),
    ...(body === undefined ? {} : { body }),
    ...(requireTls === undefined ? {} : { requireTls }),
  }
  session.state = 'mail'
  return accepted
}

const accepted: Answer = { reply: reply(250, '2.1.0', 'Ok') }

function withinWindow(session: Session): boolean {
  const { windows, settings } = session.deps
  if (session.account !== undefined) return windows.perAccount.take(session.account.id, settings.submission.messagesPerAccount)
  return windows.perAddress.take(limitKey(session.connection.remoteAddress), settings.smtp.messagesPerAddress)
}
