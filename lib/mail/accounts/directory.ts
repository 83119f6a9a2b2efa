/**
 * The directory: domains, users, aliases and their secrets, on the Table.
 *
 * Invariants:
 * - an address is a user or an alias or neither, and has a domain of ours;
 * - every change is conditional on what was read: the command line and the server may write at once;
 * - refusals are {@link DirectoryRefusal} with a sentence for people, and change nothing;
 * - addresses go in as people write them and come out folded (lower case, A-labels); `showAddress` is for the screen.
 *
 * Called by everyone who must know whose an address is; only the command line and its like change it.
 */
import { foldAddress, formatAddress, parseAddress } from '#lib/formats/address/address.ts'
import { showDomain } from '#lib/formats/address/domain.ts'
import type { Account, Alias, Domain, Resolution } from './account.ts'
import * as aliases from './aliases.ts'
import * as appPasswords from './appPasswords.ts'
import type { DirectoryDeps } from './deps.ts'
import { demandDomain } from './deps.ts'
import { dnsRecords } from './dnsRecords.ts'
import type { DnsRecord } from './dnsRecords.ts'
import * as dkimRotation from './dkimRotation.ts'
import * as domains from './domains.ts'
import { limitsOf } from './limits.ts'
import type { AccountLimits, OwnLimits } from './limits.ts'
import * as removal from './removal.ts'
import { DirectoryRefusal } from './refusal.ts'
import * as resolve from './resolve.ts'
import { Secret } from './secret.ts'
import { SlowHashes } from './slowHashes.ts'
import * as usage from './usage.ts'
import * as users from './users.ts'

export type { Account, Alias, DkimKey, Domain, Resolution, Smarthost } from './account.ts'

export class Directory {
  readonly #deps: DirectoryDeps
  /** Shared with the authenticator, as is the secret: one limit for all slow hashes of this process. */
  readonly hashes: SlowHashes
  readonly secret: Secret

  constructor(deps: DirectoryDeps) {
    this.#deps = deps
    this.hashes = deps.hashes ?? new SlowHashes(deps.settings.hashesAtOnce)
    this.secret = new Secret(deps.table)
  }

  // ---------------------------------------------------------------- domains

  /** Makes its DKIM keys, which takes some tenths of a second. */
  addDomain(domain: { readonly name: string } & domains.DomainChange): Promise<Domain> {
    return domains.addDomain(this.#deps, domain)
  }

  listDomains(): Promise<Domain[]> {
    return domains.listDomains(this.#deps)
  }

  domain(name: string): Promise<Domain | undefined> {
    return domains.findDomain(this.#deps, name)
  }

  changeDomain(name: string, change: domains.DomainChange): Promise<Domain> {
    return domains.changeDomain(this.#deps, name, change)
  }

  /** A pair of keys that do not sign yet. */
  addDkimKeys(name: string): Promise<Domain> {
    return dkimRotation.addDkimKeys(this.#deps, name)
  }

  useDkimKeys(name: string): Promise<Domain> {
    return dkimRotation.useDkimKeys(this.#deps, name)
  }

  removeDkimKeys(name: string, selectors: readonly string[]): Promise<Domain> {
    return dkimRotation.removeDkimKeys(this.#deps, name, selectors)
  }

  removeDomain(name: string, options?: removal.RemovalOptions): Promise<void> {
    return removal.removeDomain(this.#deps, name, options)
  }

  /** What to publish in DNS. `hostname` is the server's. */
  async dnsRecords(name: string, hostname: string): Promise<DnsRecord[]> {
    const domain = await this.domain(demandDomain(name))
    if (domain === undefined) throw new DirectoryRefusal('missing', `${showDomain(name)} is not a domain here`)
    return dnsRecords(domain, hostname)
  }

  recordUsage(domain: string, accountId: string, bytes: number): Promise<void> {
    return usage.recordUsage(this.#deps, domain, accountId, bytes)
  }

  domainUsage(domain: string): Promise<number> {
    return usage.domainUsage(this.#deps, domain)
  }

  // ---------------------------------------------------------------- users

  addUser(user: users.NewUser): Promise<Account> {
    return users.addUser(this.#deps, this, user)
  }

  listUsers(domain?: string): Promise<Account[]> {
    return users.listUsers(this.#deps, domain)
  }

  /** By the user's own address; aliases and sub-addresses are none. */
  user(address: string): Promise<Account | undefined> {
    return users.findUser(this.#deps, address)
  }

  account(id: string): Promise<Account | undefined> {
    return users.findAccount(this.#deps, id)
  }

  /** A login is the user's address; without a domain, `accounts.defaultDomain` is meant. */
  async accountByLogin(login: string): Promise<Account | undefined> {
    return await this.user(this.loginAddress(login))
  }

  /** The one spelling of a login, be it anybody's or not. */
  loginAddress(login: string): string {
    const { defaultDomain } = this.#deps.settings
    const whole = login.includes('@') || defaultDomain === '' ? login : `${login}@${defaultDomain}`
    const address = parseAddress(whole)
    return address === undefined ? whole.toLowerCase() : formatAddress(foldAddress(address))
  }

  setPassword(address: string, password: string): Promise<void> {
    return users.setPassword(this.#deps, this, address, password)
  }

  /** Until when failed logins lock the user out; undefined when they do not. */
  lockedUntil(address: string): Promise<number | undefined> {
    return users.lockedUntil(this.#deps, address)
  }

  /** Ends a lock by failed logins; false when there was none. That of an address ends by itself alone. */
  endLock(address: string): Promise<boolean> {
    return users.endLock(this.#deps, address)
  }

  setDisabled(address: string, disabled: boolean): Promise<Account> {
    return users.changeUser(this.#deps, address, { disabled })
  }

  /** null: the setting's default; 0: unlimited. */
  setQuota(address: string, quotaBytes: number | null): Promise<Account> {
    return users.changeUser(this.#deps, address, { quotaBytes })
  }

  setName(address: string, name: string): Promise<Account> {
    return users.changeUser(this.#deps, address, { name })
  }

  removeUser(address: string, options?: removal.RemovalOptions): Promise<Account> {
    return removal.removeUser(this.#deps, address, options)
  }

  /** Octets the account may hold; undefined for no limit. */
  quotaOf(account: Account): number | undefined {
    return this.limitsOf(account).bytes
  }

  limitsOf(account: Account): AccountLimits {
    return limitsOf(account, this.#deps.settings)
  }

  /** Those that are not named stay as they are; null: the setting's; 0: unlimited. */
  setLimits(address: string, limits: Partial<OwnLimits>): Promise<Account> {
    return users.changeUser(this.#deps, address, limits)
  }

  /** Octets all accounts of the domain may hold together; undefined for no limit. */
  domainQuotaOf({ quotaBytes }: Domain): number | undefined {
    return (quotaBytes ?? this.#deps.settings.domainQuotaBytes) || undefined
  }

  // ---------------------------------------------------------------- aliases

  addAlias(alias: aliases.NewAlias): Promise<Alias> {
    return aliases.addAlias(this.#deps, alias)
  }

  listAliases(domain?: string): Promise<Alias[]> {
    return aliases.listAliases(this.#deps, domain)
  }

  removeAlias(address: string): Promise<void> {
    return aliases.removeAlias(this.#deps, address)
  }

  // ---------------------------------------------------------------- app passwords

  addAppPassword(request: { readonly address: string; readonly label: string }): Promise<appPasswords.AppPassword & { readonly token: string }> {
    return appPasswords.addAppPassword(this.#deps, this, request)
  }

  listAppPasswords(address: string): Promise<appPasswords.AppPassword[]> {
    return appPasswords.listAppPasswords(this.#deps, address)
  }

  /** By id or label. */
  revokeAppPassword(address: string, which: string): Promise<appPasswords.AppPassword> {
    return appPasswords.revokeAppPassword(this.#deps, address, which)
  }

  // ---------------------------------------------------------------- questions of the mail rooms

  resolveRecipient(address: string): Promise<Resolution> {
    return resolve.resolveRecipient(this.#deps, address)
  }

  maySendAs(account: Account, address: string): Promise<boolean> {
    return resolve.maySendAs(this.#deps, account, address)
  }

  /** The account's own address, then the aliases that name it. */
  async addressesOf({ address }: Account): Promise<string[]> {
    return [address, ...(await aliases.aliasesTo(this.#deps, address))]
  }
}
