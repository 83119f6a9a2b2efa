/** What the POP3 room needs of the rooms below it; `serve` of bin puts it together. */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Metrics } from '#lib/base/metrics.ts'
import type { Config } from '#lib/config.ts'
import type { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import type { MailStore } from '#lib/mail/mailbox/store.ts'
import type { TlsKeeper } from '../tls.ts'

export interface Pop3Deps {
  readonly store: Pick<MailStore, 'open'>
  readonly authenticator: Pick<Authenticator, 'password' | 'start' | 'mechanisms'>
  readonly tls: TlsKeeper | undefined
  readonly proxyTrusted: readonly string[]
  /** May passwords be sent in clear by clients on this machine? */
  readonly allowInsecureLogin: 'never' | 'loopback'
  readonly settings: Config['pop3']
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}
