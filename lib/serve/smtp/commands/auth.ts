import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { AuthOutcome, LoginClient, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import type { Answer, Session } from '../session.ts'

interface AuthCommand {
  readonly mechanism: string
  readonly initial: string | undefined
}

// RFC 4954 §4
export async function obeyAuth(session: Session, { mechanism, initial }: AuthCommand): Promise<Answer> {
  if (session.role !== 'submission') throw new SmtpRefusal(502, '5.5.1', 'No AUTH on this port')
  if (session.account !== undefined) throw new SmtpRefusal(503, '5.5.1', 'You are logged in already')
  if (!session.loginAllowed) throw new SmtpRefusal(538, '5.7.11', 'AUTH needs TLS: STARTTLS first')
  const { remoteAddress, secure } = session.connection
  const exchange = session.deps.authenticator.start(mechanism, loginClient(session))
  if (exchange === undefined) throw new SmtpRefusal(504, '5.5.4', 'This mechanism is not known here')
  const outcome = await converse(session, exchange, initial === undefined ? null : decodeBase64(initial))
  if (!outcome.ok) return refuseLogin(session, outcome.reason)
  if (!session.logIn(outcome.account, outcome.login)) {
    session.deps.log.warn('refused', { reason: 'too many sessions of this account', login: outcome.login, client: remoteAddress })
    throw new SmtpRefusal(421, '4.7.0', 'Too many sessions of yours, close one first', 'close')
  }
  session.shared.meters.logins.add()
  session.deps.log.info('logged-in', { protocol: 'smtp', login: outcome.login, account: outcome.account.address, mechanism, client: remoteAddress, tls: secure })
  return { reply: reply(235, '2.7.0', 'Welcome') }
}

export function loginClient({ connection }: Session): LoginClient {
  return { address: connection.remoteAddress, protocol: 'smtp', tls: connection.secure, channel: connection.channel }
}

async function converse(session: Session, exchange: SaslExchange, initial: Uint8Array | null): Promise<AuthOutcome> {
  for (let response = initial; ; ) {
    const step = await exchange.step(response)
    if ('challenge' in step) {
      response = await answerTo(session, step.challenge)
      continue
    }
    // Data that must go out with success is one more challenge, answered by an empty line. RFC 4954 §4
    if (step.outcome.ok && step.final !== undefined && (await answerTo(session, step.final)).length > 0) return { ok: false, reason: 'malformed' }
    return step.outcome
  }
}

async function answerTo(session: Session, challenge: Uint8Array): Promise<Uint8Array> {
  const line = await session.ask(reply(334, undefined, Buffer.from(challenge).toString('base64')))
  if (line === '*') throw new SmtpRefusal(501, '5.7.0', 'Cancelled, as you wish')
  return decodeBase64(line)
}

function decodeBase64(text: string): Uint8Array {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new SmtpRefusal(501, '5.5.2', 'That is no base64')
  return Buffer.from(text, 'base64')
}

/** What was wrong is the log's business, and the authenticator has told it. RFC 4954 §6: 535 for bad credentials, 454 for "not now". */
function refuseLogin(session: Session, reason: Exclude<AuthOutcome, { ok: true }>['reason']): Answer {
  const { deps } = session
  session.shared.meters.failedLogins.add()
  session.authFailures++
  if (session.authFailures >= deps.settings.submission.maxAuthFailures) throw new SmtpRefusal(421, '4.7.0', 'Too many failed logins', 'close')
  if (reason === 'malformed') throw new SmtpRefusal(501, '5.5.2', 'Malformed response')
  if (reason === 'cancelled') throw new SmtpRefusal(501, '5.7.0', 'Cancelled')
  if (reason === 'locked') throw new SmtpRefusal(454, '4.7.0', 'Not now, try again later')
  throw new SmtpRefusal(535, '5.7.8', 'Login failed')
}
