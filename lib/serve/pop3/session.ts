/**
 * One client's session.
 *
 * Legal paths (RFC 1939 §3):
 * - authorization -> transaction by PASS behind USER, or by AUTH; STLS stays in authorization, once, and forgets USER;
 *   failed logins stay, too many of them end the session
 * - authorization -> over by QUIT
 * - transaction -> update by QUIT -> over: only this path deletes
 * - any -> over by silence, by too many bad commands, by the end of the connection, by the server's stopping, by the
 *   loss of the maildrop to another: nothing is deleted
 */
import type { Log } from '#lib/base/log.ts'
import { errorFields } from '#lib/base/log.ts'
import { Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import { takeLease } from '#lib/mail/mailbox/lease.ts'
import type { Lease } from '#lib/mail/mailbox/lease.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import type { Connection } from '../door.ts'
import type { Input } from '../input.ts'
import type { Output } from '../output.ts'
import type { Pop3Deps } from './deps.ts'
import { Maildrop } from './maildrop.ts'

export type SessionState = 'authorization' | 'transaction' | 'over'

/** Ends the session with -ERR: what led here leaves nothing more to say. */
export class Goodbye extends Pop3Refusal {
  override readonly name = 'Goodbye'
}

interface LoggedIn {
  readonly account: Account
  readonly mail: AccountMail
  readonly maildrop: Maildrop
}

export class Session {
  readonly deps: Pop3Deps
  readonly connection: Connection
  readonly input: Input
  readonly output: Output
  readonly log: Log
  /** The name given by USER. */
  user: string | undefined
  authFailures = 0
  /** Why no further command is taken; the reason is told instead of the next answer. */
  leaving: string | undefined
  #loggedIn: LoggedIn | undefined
  #lease: Lease | undefined
  #over = false

  constructor(deps: Pop3Deps, connection: Connection, input: Input, output: Output) {
    this.deps = deps
    this.connection = connection
    this.input = input
    this.output = output
    this.log = deps.log.with({ protocol: 'pop3', session: connection.id, client: connection.remoteAddress })
  }

  get state(): SessionState {
    if (this.#over) return 'over'
    return this.#loggedIn === undefined ? 'authorization' : 'transaction'
  }

  /** Passwords may travel: under TLS, or from this machine where the operator allows it. RFC 2595 §2.2 */
  get mayLogIn(): boolean {
    return this.connection.secure || (this.deps.allowInsecureLogin === 'loopback' && isLoopback(this.connection.remoteAddress))
  }

  get maildrop(): Maildrop {
    return this.#demand().maildrop
  }

  get account(): Account {
    return this.#demand().account
  }

  #demand(): LoggedIn {
    if (this.#loggedIn === undefined) throw new Error('no account in this state')
    return this.#loggedIn
  }

  /** Takes the maildrop, alone. @throws {Pop3Refusal} [IN-USE] */
  async logIn(account: Account): Promise<void> {
    const mail = await this.deps.store.open(account.id)
    try {
      const lease = await takeLease(mail, { name: 'maildrop', lifeMs: this.deps.settings.leaseMs, onLost: () => this.leave('The maildrop was taken by another session') })
      // RFC 2449 §8.1.1
      if (lease === undefined) throw new Pop3Refusal('Another session has this maildrop open', 'IN-USE')
      this.#lease = lease
      // What the session before us has deleted last.
      await mail.refresh()
      this.#loggedIn = { account, mail, maildrop: new Maildrop(mail) }
    } catch (error) {
      mail.release()
      await this.#giveBack()
      throw error
    }
  }

  /** Behind STLS nothing is left of what was said in clear. RFC 2595 §4 */
  forget(): void {
    this.user = undefined
  }

  leave(reason: string): void {
    this.leaving ??= reason
    this.input.wake()
  }

  /** The state `over`; others may have the maildrop. Never rejects. */
  async end(): Promise<void> {
    this.#over = true
    await this.#giveBack()
    this.#loggedIn?.mail.release()
    this.#loggedIn = undefined
  }

  async #giveBack(): Promise<void> {
    const lease = this.#lease
    this.#lease = undefined
    try {
      await lease?.release()
    } catch (error) {
      // It runs out by itself.
      this.log.warn('lease-not-released', errorFields(error))
    }
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
