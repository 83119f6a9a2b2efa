/** USER and PASS: RFC 1939 §7. What every login ends with, AUTH's too. */
import { BadCommand, Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import type { AuthOutcome, LoginClient } from '#lib/mail/accounts/authenticator.ts'
import type { Answer } from '../command.ts'
import { Goodbye } from '../session.ts'
import type { Session } from '../session.ts'

/** Whether there is such a user is not told. */
export function obeyUser(session: Session, { name }: { readonly name: string }): Answer {
  demandPrivacy(session)
  session.user = name
  return 'Your password?'
}

export async function obeyPass(session: Session, { password }: { readonly password: string }): Promise<Answer> {
  demandPrivacy(session)
  const login = session.user
  if (login === undefined) throw new BadCommand('USER first')
  session.user = undefined
  return await enter(session, 'USER', await session.deps.authenticator.password({ login, password, client: loginClient(session) }))
}

export function demandPrivacy(session: Session): void {
  if (!session.mayLogIn) throw new BadCommand('No login without TLS: STLS first')
}

export function loginClient({ connection }: Session): LoginClient {
  return { address: connection.remoteAddress, protocol: 'pop3', tls: connection.secure, channel: connection.channel }
}

/** One answer for all that is wrong with a login, so that nobody learns which users there are. */
export async function enter(session: Session, mechanism: string, outcome: AuthOutcome): Promise<Answer> {
  if (!outcome.ok) return refuseLogin(session, outcome.reason)
  await session.logIn(outcome.account)
  const { maildrop, log, connection } = session
  log.info('logged-in', { login: outcome.login, account: outcome.account.address, mechanism, tls: connection.secure })
  return `${maildrop.count} messages, ${maildrop.sizeBytes} octets`
}

/** RFC 3206 §5: AUTH for credentials that are wrong, SYS/TEMP for what passes by itself, so that no client throws a right password away. */
function refuseLogin(session: Session, reason: Exclude<AuthOutcome, { ok: true }>['reason']): never {
  if (++session.authFailures >= session.deps.settings.maxAuthFailures) throw new Goodbye('Too many failed logins', 'AUTH')
  if (reason === 'locked') throw new Pop3Refusal('Too many failed logins, try again later', 'SYS/TEMP')
  throw new Pop3Refusal('The user name or password is wrong', 'AUTH')
}
