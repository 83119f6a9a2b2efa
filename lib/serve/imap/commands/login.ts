/** LOGIN: RFC 9051 §6.2.3. */
import { utf8Text } from '#lib/formats/imap/lexer.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import { parseLogin } from '#lib/formats/imap/sasl.ts'
import type { AuthOutcome } from '#lib/mail/accounts/authenticator.ts'
import { capabilities } from '../capability.ts'
import type { Answer, Command } from '../command.ts'
import { loginClient } from '../loginClient.ts'
import type { Session } from '../session.ts'

export async function login({ session, lexer }: Command): Promise<Answer> {
  const { login, password } = parseLogin(lexer)
  demandPrivacy(session)
  const outcome = await session.deps.authenticator.password({ login: utf8Text(login), password: utf8Text(password), client: loginClient(session) })
  return await enter(session, outcome)
}

/** RFC 5530 §3: PRIVACYREQUIRED. */
export function demandPrivacy(session: Session): void {
  if (!session.mayLogIn) throw no('Use TLS first', 'PRIVACYREQUIRED')
}

/** One answer for all that is wrong with a login, so that nobody learns which users there are. */
export async function enter(session: Session, outcome: AuthOutcome): Promise<Answer> {
  if (!outcome.ok) {
    session.failedLogins++
    if (outcome.reason === 'locked') throw no('Too many failed logins, try again later', 'LIMIT')
    throw no('The user name or password is wrong', 'AUTHENTICATIONFAILED')
  }
  await session.logIn(outcome.account, outcome.login)
  return { code: `CAPABILITY ${capabilities(session)}`, text: 'Logged in' }
}
