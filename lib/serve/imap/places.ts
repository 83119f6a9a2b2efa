/**
 * The accounts whose mailboxes a client sees: its own, and those whose owners share some with it.
 *
 * A name begins with nothing for the client's own mailboxes, with `Other Users/<address>/` for those of another user, and
 * with `Shared/` for those of the domain's shared account (`accounts.sharedUser`). What the client calls so itself comes
 * first: a mailbox of its own is never hidden behind these.
 *
 * Invariants: an account is opened only when a row says that it shares something with the client, so that nobody learns
 * which users there are, or makes an account begin; what is opened for a command is let go of after it.
 */
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { no } from '#lib/formats/imap/refusal.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { Directory } from '#lib/mail/accounts/directory.ts'
import { allRights, rightsOf } from '#lib/mail/mailbox/rights.ts'
import { findOwners, forgetOwner, mayShare } from '#lib/mail/mailbox/shares.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'

export interface PlacesDeps {
  readonly store: MailStore
  readonly directory: Pick<Directory, 'account' | 'user' | 'domain' | 'setLimits'>
  readonly settings: { readonly otherUsersName: string; readonly sharedName: string }
  /** `accounts.sharedUser` */
  readonly sharedUser: string
}

/** An account, as the client sees it. */
export interface Place {
  /** The owner. */
  readonly account: Account
  readonly mail: AccountMail
  /** Before the names of its mailboxes; '' for the client's own. */
  readonly prefix: string
  /** Whether the client has every right to all of it. */
  readonly full: boolean
}

export interface FoundMailbox {
  readonly place: Place
  readonly mailbox: MailboxState
  /** As the client names it. */
  readonly name: string
  /** What the client may do with it. */
  readonly rights: string
}

/** A name in an account, of a mailbox that may be there or not. */
export interface PlacedName {
  readonly place: Place
  /** As the account itself names it. */
  readonly inner: string
}

/** RFC 4314 §4: who has none of these is not told that there is such a mailbox. */
const revealing = /[lrikxa]/

export class Places {
  readonly own: Place
  readonly #deps: PlacesDeps
  readonly #others = new Map<string, Promise<Place>>()

  constructor(deps: PlacesDeps, own: Pick<Place, 'account' | 'mail'>) {
    this.#deps = deps
    this.own = { ...own, prefix: '', full: true }
  }

  /** '' when other users' mailboxes are not shown. */
  get otherUsersPrefix(): string {
    return prefixOf(this.#deps.settings.otherUsersName)
  }

  /** '' when there is no shared account, or may be none. */
  get sharedPrefix(): string {
    return this.#deps.sharedUser === '' ? '' : prefixOf(this.#deps.settings.sharedName)
  }

  /** Whether a name is of a mailbox of somebody else, be there one or not. */
  isForeign(name: string): boolean {
    return [this.otherUsersPrefix, this.sharedPrefix].some((prefix) => prefix !== '' && name.startsWith(prefix)) && this.own.mail.state.mailbox(name) === undefined
  }

  rightsOn({ full, account }: Place, mailbox: MailboxState): string {
    const { id: accountId, domain } = this.own.account
    return full ? allRights : rightsOf(mailbox, { accountId, neighbour: domain === account.domain })
  }

  /**
   * A mailbox that is there and that the client may do all of `wanted` with. Looks again when it is not there: another
   * process may just have made it. `code` is that of RFC 5530 §3.
   * @throws no when there is none, or the client is not to know (RFC 4314 §6), or a right is missing
   */
  async find(name: string, wanted: string, code: 'NONEXISTENT' | 'TRYCREATE' = 'NONEXISTENT'): Promise<FoundMailbox> {
    const found = await this.look(name)
    if (found === undefined || !revealing.test(found.rights)) throw no('There is no such mailbox', code)
    demandRights(found, wanted, code)
    return found
  }

  /** The same without any demand, as the client would not learn of it. */
  async look(name: string): Promise<FoundMailbox | undefined> {
    const placed = await this.place(name)
    if (placed === undefined) return undefined
    const { place, inner } = placed
    if (place === this.own && place.mail.state.mailbox(inner) === undefined) await place.mail.refresh()
    const mailbox = place.mail.state.mailbox(inner)
    return mailbox === undefined ? undefined : { place, mailbox, name: place.prefix + mailbox.name, rights: this.rightsOn(place, mailbox) }
  }

  /** Which account a name belongs to; undefined for a name in an account that shares nothing with the client. */
  async place(name: string): Promise<PlacedName | undefined> {
    const { own, otherUsersPrefix, sharedPrefix } = this
    const foreign = [otherUsersPrefix, sharedPrefix].find((prefix) => prefix !== '' && name.startsWith(prefix))
    if (foreign === undefined || own.mail.state.mailbox(name) !== undefined) return { place: own, inner: name }
    const inner = name.slice(foreign.length)
    if (foreign === sharedPrefix) {
      const place = await this.#shared()
      return place === undefined ? undefined : { place, inner }
    }
    const end = inner.indexOf(hierarchySeparator)
    if (end < 0) return undefined
    const place = await this.#otherUser(readAddress(inner.slice(0, end)))
    return place === undefined ? undefined : { place, inner: inner.slice(end + 1) }
  }

  /** Every account with something for the client, its own first. `reaches`: whether names with this prefix are asked for. */
  async all(reaches: (prefix: string) => boolean = () => true): Promise<Place[]> {
    const places = [this.own]
    const shared = this.sharedPrefix !== '' && reaches(this.sharedPrefix) ? await this.#shared() : undefined
    if (shared !== undefined) places.push(shared)
    if (this.otherUsersPrefix === '' || !reaches(this.otherUsersPrefix)) return places
    const visitor = this.#visitor()
    for (const ownerId of await findOwners(this.#table(), visitor)) {
      const account = await this.#deps.directory.account(ownerId)
      if (account === undefined) await forgetOwner(this.#table(), visitor, ownerId)
      else if (!this.#isShared(account)) places.push(await this.#open(account, this.#prefixFor(account), false))
    }
    return places
  }

  /** Those that the client may see in lists. */
  visible(place: Place): FoundMailbox[] {
    const all = place.mail.state.mailboxes().map((mailbox) => ({ place, mailbox, name: place.prefix + mailbox.name, rights: this.rightsOn(place, mailbox) }))
    return place.full ? all : all.filter(({ rights }) => rights.includes('l'))
  }

  /** Where the server's shared annotations are, be there mailboxes for the client or not; `full`: the client may set them. */
  async serverPlace(): Promise<{ shared: Place | undefined; postmaster: string | undefined }> {
    const { directory, sharedUser } = this.#deps
    const { account: self } = this.own
    const postmaster = (await directory.domain(self.domain))?.postmaster ?? undefined
    const account = sharedUser === '' ? undefined : await directory.user(`${sharedUser}@${self.domain}`)
    if (account === undefined) return { shared: undefined, postmaster }
    return { shared: account.id === self.id ? this.own : await this.#open(account, this.sharedPrefix, postmaster === self.address), postmaster }
  }

  /** Lets go of what is open, but for the account whose mailbox is selected. */
  async release(selected: Place | undefined): Promise<void> {
    for (const [id, opening] of this.#others) {
      if (id === selected?.account.id) continue
      this.#others.delete(id)
      const place = await opening.catch(() => undefined)
      place?.mail.release()
    }
  }

  // ---------------------------------------------------------------- other accounts

  #table() {
    return this.own.mail.log.deps.table
  }

  #visitor() {
    const { id, domain } = this.own.account
    return { accountId: id, domain }
  }

  #isShared({ address, domain }: Account): boolean {
    return this.sharedPrefix !== '' && domain === this.own.account.domain && address === `${this.#deps.sharedUser}@${domain}`
  }

  #prefixFor({ address }: Account): string {
    return this.otherUsersPrefix + writeAddress(address) + hierarchySeparator
  }

  /** The domain's shared account: its postmaster may do everything with it. */
  async #shared(): Promise<Place | undefined> {
    const { directory, sharedUser } = this.#deps
    const { account: self } = this.own
    const account = await directory.user(`${sharedUser}@${self.domain}`)
    if (account === undefined || account.id === self.id) return undefined
    const full = (await directory.domain(self.domain))?.postmaster === self.address
    if (!full && !(await mayShare(this.#table(), this.#visitor(), account.id))) return undefined
    return await this.#open(account, this.sharedPrefix, full)
  }

  async #otherUser(address: string): Promise<Place | undefined> {
    const account = await this.#deps.directory.user(address)
    if (account === undefined || account.id === this.own.account.id || this.#isShared(account)) return undefined
    if (!(await mayShare(this.#table(), this.#visitor(), account.id))) return undefined
    return await this.#open(account, this.#prefixFor(account), false)
  }

  /** Up to date, and the same one until it is released. */
  async #open(account: Account, prefix: string, full: boolean): Promise<Place> {
    const open = this.#others.get(account.id)
    if (open !== undefined) {
      const place = await open
      await place.mail.refresh()
      return place
    }
    const opening = this.#deps.store.open(account.id).then((mail) => ({ account, mail, prefix, full }))
    this.#others.set(account.id, opening)
    opening.catch(() => this.#others.delete(account.id))
    return await opening
  }
}

/** @throws no; a right is missing is said only to those who may see the mailbox in lists */
export function demandRights({ rights }: Pick<FoundMailbox, 'rights'>, wanted: string, code: 'NONEXISTENT' | 'TRYCREATE' = 'NONEXISTENT'): void {
  if ([...wanted].every((right) => rights.includes(right))) return
  throw rights.includes('l') ? no('You may not do this with the mailbox', 'NOPERM') : no('There is no such mailbox', code)
}

function prefixOf(name: string): string {
  return name === '' ? '' : name + hierarchySeparator
}

/** An address as one level of a name: a local part may hold the separator (RFC 5322 §3.2.3). */
function writeAddress(address: string): string {
  return address.replaceAll('%', '%25').replaceAll(hierarchySeparator, '%2F')
}

function readAddress(level: string): string {
  return level.replaceAll(/%2F/gi, hierarchySeparator).replaceAll('%25', '%')
}
