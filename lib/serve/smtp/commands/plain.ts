/** The commands that change little: NOOP, RSET, QUIT, HELP, VRFY, EXPN. */
import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Answer, Session } from '../session.ts'

const ok: Answer = { reply: reply(250, '2.0.0', 'Ok') }

export function obeyNoop(): Answer {
  return ok
}

export function obeyRset(session: Session): Answer {
  session.reset()
  return ok
}

export function obeyQuit(session: Session): Answer {
  return { reply: reply(221, '2.0.0', `${session.deps.hostname} says goodbye`), then: 'close' }
}

export function obeyHelp(): Answer {
  return { reply: reply(214, '2.0.0', 'EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH', 'See RFC 5321') }
}

/** Who lives here is not told to strangers. RFC 5321 §7.3 */
export function obeyVrfy(_session: Session, command: { readonly argument: string }): Answer {
  if (command.argument.trim() === '') throw new SmtpRefusal(501, '5.5.4', 'Syntax: VRFY address')
  return { reply: reply(252, '2.0.0', 'Cannot say; send mail to it and see') }
}

export function refuseExpn(): Answer {
  throw new SmtpRefusal(502, '5.5.1', 'Lists are not shown here')
}
