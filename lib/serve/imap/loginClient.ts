import type { LoginClient } from '#lib/mail/accounts/authenticator.ts'
import type { Session } from './session.ts'

/** The client as a login sees it. */
export function loginClient({ connection }: Session): LoginClient {
  return { address: connection.remoteAddress, protocol: 'imap', tls: connection.secure, channel: connection.channel }
}
