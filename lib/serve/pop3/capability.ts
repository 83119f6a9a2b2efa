/** What CAPA tells: RFC 2449 §5. What stands here is whole; what is not whole does not stand here. */
import { loginClient } from './commands/login.ts'
import type { Session } from './session.ts'

export function mechanisms(session: Session): string[] {
  return session.deps.authenticator.mechanisms(loginClient(session))
}

export function capabilities(session: Session): string[] {
  const { deps, connection, state, mayLogIn } = session
  return [
    'TOP',
    'UIDL',
    'RESP-CODES',
    // RFC 3206 §6
    'AUTH-RESP-CODE',
    'PIPELINING',
    'EXPIRE NEVER',
    // RFC 6856 §2.2: names and passwords in UTF-8 are understood.
    'UTF8 USER',
    // RFC 2595 §4: only where it can be had; RFC 5034 §3: the same goes for logins.
    ...(state === 'authorization' && deps.tls !== undefined && !connection.secure ? ['STLS'] : []),
    ...(mayLogIn ? ['USER', `SASL ${mechanisms(session).join(' ')}`] : []),
    'IMPLEMENTATION Pennypost',
  ]
}
