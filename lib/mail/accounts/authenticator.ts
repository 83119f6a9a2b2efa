/**
 * Who may come in: passwords, app passwords, certificates, tokens and SASL, for every protocol.
 *
 * Invariants:
 * - a login that fails tells the client nothing about why, the log all but the password; an unknown user, one without
 *   a password and one with another password cost the same reads and hashes and get the same answers;
 * - guesses are limited for each address (in this process) and each account (the lock is a row, so it outlives the
 *   process and counts in others); no lock of an account shuts out the addresses it logged in from lately;
 * - a password that was right costs no slow hash for some minutes; a new password or a disabled user ends that at once.
 *
 * Called by the protocols after they have made sure that passwords do not travel in the clear.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import { limitKey } from '#lib/base/ip.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Table } from '#lib/engine/ports.ts'
import type { Bearer } from '#lib/formats/sasl/bearer.ts'
import { bindingTypes } from '#lib/formats/sasl/channel.ts'
import { isProof } from '#lib/formats/sasl/scram.ts'
import type { Account } from './account.ts'
import { digestToken, isDigestOf, readToken } from './appPasswords.ts'
import type { LoginChannel } from './channel.ts'
import { preparePassword, scramSalt, scryptParameters, verifyPassword } from './credentials.ts'
import type { Credentials, ScramKeys } from './credentials.ts'
import type { Directory } from './directory.ts'
import { FailureCounts } from './failureCounts.ts'
import { lockAccount, readLoginRows, rememberAddress } from './loginRows.ts'
import type { LoginRows } from './loginRows.ts'
import type { TokenCheck } from './openId.ts'
import { RecentPasswords } from './recentPasswords.ts'
import { exchanges } from './saslExchanges.ts'
import type { AuthOutcome, LoginCheck, LoginClient, SaslExchange } from './saslExchanges.ts'

export type { AuthOutcome, LoginClient, SaslExchange } from './saslExchanges.ts'

export interface AuthenticatorDeps {
  readonly directory: Pick<Directory, 'accountByLogin' | 'loginAddress' | 'hashes' | 'secret'>
  readonly table: Table
  readonly clock: Clock
  readonly log: Log
  readonly settings: Config['accounts']
  /** Absent where tokens are not taken. */
  readonly tokens?: TokenCheck | undefined
}

export interface PasswordLogin {
  readonly login: string
  readonly password: string
  readonly client: LoginClient
}

/** Who somebody says to be; without `account` nobody, which must look the same. */
interface Claim {
  readonly login: string
  readonly account: Account | undefined
  rows: LoginRows
}

/** Something offered as evidence. The same `guess` again is no new one. */
interface Evidence {
  readonly guess: string
  holds(claim: Claim): Promise<boolean>
}

/** Has no rows: what is read for an unknown user. */
const nobody = 'nobody'

export class Authenticator {
  readonly #deps: AuthenticatorDeps
  readonly #addresses: FailureCounts
  readonly #accounts: FailureCounts
  readonly #recent: RecentPasswords
  /** Under way, by what is being checked. */
  readonly #checks = new Map<string, Promise<boolean>>()

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps
    const { failuresPerAddress, failuresPerAccount, failureWindowMs, lockMs, failuresTracked, rememberPasswordMs, rememberPasswords } = deps.settings
    const limits = { windowMs: failureWindowMs, lockMs, keys: failuresTracked }
    this.#addresses = new FailureCounts(deps.clock, { ...limits, failures: failuresPerAddress })
    this.#accounts = new FailureCounts(deps.clock, { ...limits, failures: failuresPerAccount })
    this.#recent = new RecentPasswords(deps.clock, rememberPasswordMs, rememberPasswords)
  }

  /** A person's password or an app password. Slow when it fails. Rejects only when the engine does. */
  async password({ login, password, client }: PasswordLogin): Promise<AuthOutcome> {
    const guess = this.#recent.digest(this.#deps.directory.loginAddress(login), password).toString('base64')
    return await this.#attempt(login, client, { guess, holds: (claim) => this.#holdsPassword(claim, password) })
  }

  /** What this client is offered, the best first. */
  mechanisms({ channel }: LoginClient): string[] {
    return [
      ...(hasBinding(channel) ? ['SCRAM-SHA-256-PLUS'] : []),
      'SCRAM-SHA-256',
      ...((channel?.clientAddresses.length ?? 0) > 0 ? ['EXTERNAL'] : []),
      ...(this.#deps.tokens === undefined ? [] : ['OAUTHBEARER', 'XOAUTH2']),
      'PLAIN',
      'LOGIN',
    ]
  }

  /** Undefined for a mechanism that is not offered. Its name counts whatever the case (RFC 4422 §3.1 has capitals only). */
  start(mechanism: string, client: LoginClient): SaslExchange | undefined {
    const check: LoginCheck = {
      password: (login, password) => this.password({ login, password, client }),
      scramKeys: async (login) => (await this.#scramKeys(await this.#claim(login))).offered,
      scram: async (login, { proof, message }) => {
        let serverKey: Uint8Array = new Uint8Array(0)
        // Whether two proofs are of one password cannot be told: each is a guess of its own.
        const guess = randomBytes(12).toString('base64')
        const holds = async (claim: Claim): Promise<boolean> => {
          const { offered, held } = await this.#scramKeys(claim)
          // Somebody without keys costs a proof as well.
          const proven = (held.length === 0 ? [offered] : held).find(({ storedKey }) => isProof(proof, Buffer.from(storedKey, 'base64'), message))
          serverKey = Buffer.from(proven?.serverKey ?? '', 'base64')
          return proven !== undefined && held.includes(proven)
        }
        const outcome = await this.#attempt(login, client, { guess, holds })
        return { outcome, serverKey }
      },
      binding: (type) => client.channel?.binding(type),
      offersBinding: hasBinding(client.channel),
      certified: (authzid) => this.#certified(authzid, client),
      token: (bearer) => this.#token(bearer, client),
      tokenHelp: { scope: this.#deps.tokens?.scope ?? '', discovery: this.#deps.tokens?.discovery ?? '' },
      malformed: (login) => {
        this.#logFailure('malformed', login ?? '', client)
        return { ok: false, reason: 'malformed' }
      },
    }
    const word = mechanism.toUpperCase()
    return this.mechanisms(client).includes(word) ? exchanges.get(word)?.(check) : undefined
  }

  /** The one the client names, of those in its certificate; without a name the first who has an account. */
  async #certified(authzid: string, client: LoginClient): Promise<AuthOutcome> {
    const { directory } = this.#deps
    const named = (client.channel?.clientAddresses ?? []).map((address) => directory.loginAddress(address))
    const login = authzid === '' ? await this.#firstUser(named) : authzid
    const holds = async ({ account }: Claim) => account !== undefined && named.includes(account.address)
    return await this.#attempt(login, client, { guess: `certificate ${named.join()}`, holds })
  }

  async #firstUser(addresses: readonly string[]): Promise<string> {
    for (const address of addresses) if ((await this.#deps.directory.accountByLogin(address)) !== undefined) return address
    return addresses[0] ?? ''
  }

  /** A token is for one login: whoever names another has no use of it. */
  async #token({ login, token }: Bearer, client: LoginClient): Promise<AuthOutcome> {
    const { directory, tokens } = this.#deps
    const named = await tokens?.check(token)
    const address = named === undefined ? undefined : directory.loginAddress(named)
    const holds = async ({ account }: Claim) => account !== undefined && account.address === address
    return await this.#attempt(login === '' ? (named ?? '') : login, client, { guess: `token ${this.#recent.digest(token).toString('base64')}`, holds })
  }

  // ---------------------------------------------------------------- one attempt

  async #attempt(login: string, client: LoginClient, evidence: Evidence): Promise<AuthOutcome> {
    const address = limitKey(client.address)
    if ((await this.#addresses.admit(address)) === 'locked') return this.#refuse('locked', login, client)
    try {
      const claim = await this.#claim(login)
      return this.#isKnown(claim, address) ? await this.#check(claim, client, evidence, true) : await this.#checkStranger(claim, client, evidence)
    } finally {
      this.#addresses.release(address)
    }
  }

  async #claim(login: string): Promise<Claim> {
    const account = await this.#deps.directory.accountByLogin(login)
    return { login, account, rows: await readLoginRows(this.#deps.table, account?.id ?? nobody) }
  }

  #isKnown({ rows }: Claim, address: string): boolean {
    return this.#deps.clock.now() - (rows.known[address] ?? -Infinity) < this.#deps.settings.knownAddressMs
  }

  /** From an address the account has not logged in from lately: its failures count for the account. */
  async #checkStranger(claim: Claim, client: LoginClient, evidence: Evidence): Promise<AuthOutcome> {
    const key = this.#accountKey(claim)
    const admitted = await this.#accounts.admit(key)
    if (admitted === 'locked') return this.#refuse('locked', claim.login, client)
    try {
      // Those waited for may have locked it.
      if (admitted === 'waited') claim.rows = await readLoginRows(this.#deps.table, claim.account?.id ?? nobody)
      if (claim.rows.lockedUntil > this.#deps.clock.now()) return this.#refuse('locked', claim.login, client)
      return await this.#check(claim, client, evidence, false)
    } finally {
      this.#accounts.release(key)
    }
  }

  #accountKey({ login, account }: Claim): string {
    return account?.id ?? `?${this.#recent.digest(this.#deps.directory.loginAddress(login)).toString('base64')}`
  }

  async #check(claim: Claim, client: LoginClient, evidence: Evidence, known: boolean): Promise<AuthOutcome> {
    const { account, login } = claim
    const right = await evidence.holds(claim)
    if (account === undefined || !right) return await this.#failed(claim, client, evidence.guess, known, 'invalid')
    // As slow as any failure, or it would be told that the password was right.
    if (account.disabled) return await this.#failed(claim, client, evidence.guess, known, 'disabled')
    await this.#remember(claim, account, client)
    return { ok: true, account, login }
  }

  async #remember(claim: Claim, account: Account, client: LoginClient): Promise<void> {
    const { table, clock, settings, log } = this.#deps
    try {
      await rememberAddress(table, account.id, claim.rows, limitKey(client.address), clock.now(), { most: settings.knownAddresses, lifeMs: settings.knownAddressMs })
    } catch (error) {
      // Mail can be read while nothing can be written.
      log.warn('address-not-remembered', { login: shown(claim.login), ...errorFields(error) })
    }
  }

  // ---------------------------------------------------------------- failures

  async #failed(claim: Claim, client: LoginClient, guess: string, known: boolean, reason: 'invalid' | 'disabled'): Promise<AuthOutcome> {
    const { clock, settings, log } = this.#deps
    const address = limitKey(client.address)
    const outcome = this.#refuse(reason, claim.login, client)
    const { failures, locked } = this.#addresses.fail(address, guess)
    if (locked) log.warn('address-locked', { client: address, protocol: client.protocol, failures, lockMs: settings.lockMs })
    if (!known) await this.#countForAccount(claim, client, guess)
    await clock.sleep(Math.min(failures * settings.failureDelayMs, settings.failureDelayMostMs))
    return outcome
  }

  async #countForAccount(claim: Claim, client: LoginClient, guess: string): Promise<void> {
    const { table, clock, settings, log } = this.#deps
    const key = this.#accountKey(claim)
    const { failures, locked } = this.#accounts.fail(key, guess)
    if (!locked || claim.account === undefined) return
    log.warn('account-locked', { account: claim.account.address, client: client.address, protocol: client.protocol, failures, lockMs: settings.lockMs })
    const at = clock.now()
    await lockAccount(table, claim.account.id, claim.rows, { until: at + settings.lockMs, at, failures })
    // From here on the row says it, so that whoever deletes the row (a new password) ends the lock.
    this.#accounts.forget(key)
  }

  #refuse(reason: 'invalid' | 'locked' | 'disabled', login: string, client: LoginClient): AuthOutcome {
    this.#logFailure(reason, login, client)
    return { ok: false, reason }
  }

  #logFailure(reason: string, login: string, { address, protocol, tls }: LoginClient): void {
    this.#deps.log.warn('login-failed', { protocol, reason, login: shown(login), client: address, tls })
  }

  // ---------------------------------------------------------------- evidence

  async #holdsPassword(claim: Claim, password: string): Promise<boolean> {
    if (Buffer.byteLength(password) > this.#deps.settings.maxPasswordBytes) return false
    if (await this.#holdsAppPassword(claim, password)) return true
    const prepared = preparePassword(password)
    if (prepared === undefined) return false
    const { hashes } = this.#deps.directory
    const { account, rows } = claim
    const id = account?.id ?? nobody
    const { version, scrypt } = rows.credentials ?? this.#noCredentials()
    if (this.#recent.has(id, version, prepared)) return true
    const right = await this.#shareCheck([id, version, prepared], () => verifyPassword(prepared, { scrypt }, hashes))
    if (!right || account === undefined || rows.credentials === undefined) return false
    this.#recent.add(id, version, prepared)
    return true
  }

  /** Clients open several connections at once: what is being hashed already is not hashed again. */
  async #shareCheck(what: readonly string[], check: () => Promise<boolean>): Promise<boolean> {
    const key = this.#recent.digest(...what).toString('base64')
    const running = this.#checks.get(key) ?? check().finally(() => this.#checks.delete(key))
    this.#checks.set(key, running)
    return await running
  }

  async #holdsAppPassword({ account, rows }: Claim, password: string): Promise<boolean> {
    const bare = readToken(password)
    if (bare === undefined) return false
    const offered = await digestToken(this.#deps.directory.secret, account?.id ?? nobody, bare)
    return rows.appPasswords.some((row) => isDigestOf(row, offered))
  }

  /** Costs what real ones cost, and fits nothing. */
  #noCredentials(): Pick<Credentials, 'version' | 'scrypt'> {
    return { version: '', scrypt: { ...scryptParameters(this.#deps.settings), salt: randomBytes(16).toString('base64'), hash: '' } }
  }

  /**
   * `held`: of the password and the app passwords, each alike for what the client knows. `offered`: whose salt the client is
   * told; for whom there is none it is made of the installation's secret, the same whenever somebody asks. RFC 5802 §9
   */
  async #scramKeys({ login, rows }: Claim): Promise<{ readonly offered: ScramKeys; readonly held: readonly ScramKeys[] }> {
    const { directory, settings } = this.#deps
    const address = directory.loginAddress(login)
    const salt = (await scramSalt(directory.secret, address)).toString('base64')
    const key = (await directory.secret.digest('scram-key', address)).toString('base64')
    const held = [...(rows.credentials === undefined ? [] : [rows.credentials.scram]), ...rows.appPasswords.flatMap(({ scram }) => scram ?? [])]
    return { offered: held[0] ?? { salt, iterations: settings.scramIterations, storedKey: key, serverKey: key }, held }
  }
}

function hasBinding(channel: LoginChannel | undefined): boolean {
  return bindingTypes.some((type) => channel?.binding(type) !== undefined)
}

/** As it may stand in a log. */
function shown(login: string): string {
  return login.slice(0, 100)
}
