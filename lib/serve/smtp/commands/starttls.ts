import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Answer, Session } from '../session.ts'

// RFC 3207 §4
export function obeyStartTls(session: Session): Answer {
  if (session.connection.secure) throw new SmtpRefusal(503, '5.5.1', 'TLS is on already')
  if (session.deps.tls === undefined) throw new SmtpRefusal(502, '5.5.1', 'No TLS here')
  return { reply: reply(220, '2.0.0', 'Ready for TLS'), then: 'startTls' }
}
