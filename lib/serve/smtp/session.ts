/**
 * What is known of one client, as the commands see it. No socket here: the conversation reads and writes.
 *
 * Legal paths: connected -> ready (EHLO, HELO) -> mail (MAIL) -> rcpt (RCPT accepted) -> ready (DATA done, RSET);
 * rcpt -> chunks (BDAT) -> ready (BDAT LAST, RSET) ; chunks -> broken (BDAT refused) -> ready (RSET).
 * EHLO and HELO lead to ready from everywhere; STARTTLS leads back to connected and forgets everything.
 * AUTH and STARTTLS are allowed only outside a mail transaction.
 */
import type { Reply } from '#lib/formats/smtp/reply.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { ClientInfo, Envelope, EnvelopeRecipient } from '#lib/mail/transit/note.ts'
import type { Connection } from '#lib/serve/door.ts'
import type { SmtpDeps, SmtpRole } from './deps.ts'
import type { SmtpMeters } from './meters.ts'

export type SessionState = 'connected' | 'ready' | 'mail' | 'rcpt' | 'chunks' | 'broken'

/** What the conversation does once a command is obeyed. */
export type Answer =
  | { readonly reply: Reply; readonly then?: 'close' | 'startTls' | 'readData' }
  /** BDAT: the reply comes behind its octets; with `refusal` they are thrown away. */
  | { readonly then: 'readChunk'; readonly sizeBytes: number; readonly last: boolean; readonly refusal?: Reply }

/** Counters that all sessions of a listener share. */
export interface Shared {
  readonly meters: SmtpMeters
}

export class Session {
  readonly deps: SmtpDeps
  readonly role: SmtpRole
  readonly shared: Shared
  readonly connection: Connection
  /** Writes a challenge and resolves with the client's next line. */
  readonly ask: (reply: Reply) => Promise<string>
  state: SessionState = 'connected'
  hello = ''
  extended = false
  account: Account | undefined
  login: string | undefined
  envelope: Omit<Envelope, 'recipients'> | undefined
  recipients: EnvelopeRecipient[] = []
  unknownRecipients = 0
  authFailures = 0
  readonly #known = new Set<string>()
  #over = false

  constructor(deps: SmtpDeps, role: SmtpRole, shared: Shared, connection: Connection, ask: (reply: Reply) => Promise<string>) {
    this.deps = deps
    this.role = role
    this.shared = shared
    this.connection = connection
    this.ask = ask
  }

  /** May a password pass here? RFC 4954 §4 */
  get loginAllowed(): boolean {
    if (this.role !== 'submission') return false
    return this.connection.secure || (this.deps.allowInsecureLogin === 'loopback' && isLoopback(this.connection.remoteAddress))
  }

  /** The transaction is over, whatever became of it. RFC 5321 §4.1.1.5 */
  reset(): void {
    if (this.state !== 'connected') this.state = 'ready'
    this.envelope = undefined
    this.recipients = []
    this.#known.clear()
  }

  /** False when this account has too many sessions already. */
  logIn(account: Account, login: string): boolean {
    // The client may have gone while its password was checked.
    if (this.#over) return false
    if (!this.deps.windows.sessions.enter(account.id, this.deps.settings.submission.maxSessionsPerAccount)) return false
    this.account = account
    this.login = login
    return true
  }

  #logOut(): void {
    if (this.account !== undefined) this.deps.windows.sessions.leave(this.account.id)
  }

  /** The connection is over. */
  end(): void {
    if (!this.#over) this.#logOut()
    this.#over = true
  }

  /** Behind STARTTLS nothing is left of what was said in clear. RFC 3207 §4.2 */
  forget(): void {
    this.#logOut()
    this.account = undefined
    this.login = undefined
    this.state = 'connected'
    this.hello = ''
    this.reset()
  }

  /** A recipient named twice gets the message once; `key` is alike for all spellings. */
  addRecipient(recipient: EnvelopeRecipient, key: string): void {
    this.state = 'rcpt'
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.recipients.push(recipient)
  }

  client(): ClientInfo {
    const tls = this.connection.tlsInfo()
    return {
      address: this.connection.remoteAddress,
      hello: this.hello,
      ...(tls === undefined ? {} : { tls }),
      ...(this.account === undefined ? {} : { accountId: this.account.id }),
      ...(this.login === undefined ? {} : { login: this.login }),
    }
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
