/** What the SMTP room needs of the rooms below it; `serve` of bin puts it together, tests put small fakes in. */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Metrics } from '#lib/base/metrics.ts'
import type { Config } from '#lib/config.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { LoginClient, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import type { ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import type { SubmittedMessage } from '#lib/mail/outbound/submit.ts'
import type { TlsKeeper } from '#lib/serve/tls.ts'
import type { Windows } from './windows.ts'

export interface Recipient {
  readonly kind: 'account' | 'alias' | 'unknown' | 'disabled' | 'remote'
}

/** `mx` takes mail for local recipients from anyone, `submission` takes mail for everyone from those who log in. */
export type SmtpRole = 'mx' | 'submission'

export interface SmtpDeps {
  readonly settings: { readonly smtp: Config['smtp']; readonly submission: Config['submission'] }
  readonly hostname: string
  readonly proxyTrusted: readonly string[]
  /** May passwords be sent in clear by clients on this machine? */
  readonly allowInsecureLogin: 'never' | 'loopback'
  readonly directory: {
    resolveRecipient(address: string): Promise<Recipient>
    /** Whom `postmaster` alone means. */
    postmaster(): Promise<string>
    maySendAs(account: Account, address: string): Promise<boolean>
  }
  readonly authenticator: { start(mechanism: string, client: LoginClient): SaslExchange | undefined; mechanisms(client: LoginClient): string[] }
  /** Resolves when the message is durable. Refusals carry `code`, `enhancedCode` and `text`. */
  readonly accept: (message: ArrivingMessage) => Promise<{ readonly queueId: string }>
  readonly submit: (message: SubmittedMessage) => Promise<{ readonly queueId: string }>
  readonly windows: Windows
  readonly tls: TlsKeeper | undefined
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}
