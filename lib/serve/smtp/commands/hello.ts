import { reply } from '#lib/formats/smtp/reply.ts'
import { loginClient } from './auth.ts'
import type { Answer, Session } from '../session.ts'

/** EHLO also ends a transaction that is open, RFC 5321 §4.1.4. */
export function obeyEhlo(session: Session, command: { readonly hello: string }): Answer {
  greet(session, command.hello, true)
  return { reply: reply(250, undefined, `${session.deps.hostname} greets ${session.connection.remoteAddress}`, ...extensions(session)) }
}

export function obeyHelo(session: Session, command: { readonly hello: string }): Answer {
  greet(session, command.hello, false)
  return { reply: reply(250, undefined, session.deps.hostname) }
}

function greet(session: Session, hello: string, extended: boolean): void {
  session.state = 'ready'
  session.reset()
  session.hello = hello
  session.extended = extended
}

function extensions(session: Session): string[] {
  const { smtp } = session.deps.settings
  const { secure } = session.connection
  const words = [
    'PIPELINING',
    `SIZE ${smtp.maxMessageBytes}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'CHUNKING',
    'BINARYMIME',
    // RFC 9422 §4
    `LIMITS RCPTMAX=${smtp.maxRecipients}`,
    'HELP',
  ]
  if (!secure && session.deps.tls !== undefined) words.push('STARTTLS')
  // RFC 8689 §2: only once TLS is on.
  if (secure) words.push('REQUIRETLS')
  if (session.loginAllowed) words.push(`AUTH ${session.deps.authenticator.mechanisms(loginClient(session)).join(' ')}`)
  return words
}
