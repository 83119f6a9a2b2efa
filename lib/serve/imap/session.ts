/**
 * One client's session.
 *
 * Legal paths (RFC 9051 §3):
 * - notAuthenticated -> authenticated by LOGIN or AUTHENTICATE; STARTTLS stays in notAuthenticated, once, before login
 * - authenticated -> selected by SELECT or EXAMINE; a failed one leads to (or stays in) authenticated
 * - selected -> authenticated by CLOSE, UNSELECT, a failed SELECT, or DELETE of the selected mailbox
 * - authenticated, selected -> notAuthenticated by UNAUTHENTICATE
 * - any -> logout by LOGOUT, BYE or the end of the connection; nothing leads out of logout
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { writeFlags } from '#lib/formats/imap/flags.ts'
import type { NameEncoding } from '#lib/formats/imap/mailboxName.ts'
import { writeVanished } from '#lib/formats/imap/vanished.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { AccountLimits } from '#lib/mail/accounts/limits.ts'
import type { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import { rightForFlag } from '#lib/mail/mailbox/rights.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'
import type { Connection } from '../door.ts'
import type { Input } from '../input.ts'
import type { Output } from '../output.ts'
import type { TlsKeeper } from '../tls.ts'
import type { Compression } from './compression.ts'
import { tellJoiners, tellLeavers } from './contexts.ts'
import type { SearchContext } from './contexts.ts'
import { Goodbye } from './endings.ts'
import type { Notifications } from './notifications.ts'
import { Places } from './places.ts'
import type { FoundMailbox, Place, PlacesDeps } from './places.ts'
import { MailboxView } from './view.ts'

export interface ImapDeps extends PlacesDeps {
  readonly store: MailStore
  readonly authenticator: Pick<Authenticator, 'password' | 'start' | 'mechanisms'>
  readonly tls: TlsKeeper | undefined
  readonly clock: Clock
  readonly log: Log
  readonly settings: Config['imap']
  /** The largest message taken by APPEND: `smtp.maxMessageBytes`. */
  readonly maxMessageBytes: number
  /** `accounts.allowInsecureLogin` */
  readonly allowInsecureLogin: string
  readonly limitsOf: (account: Account) => AccountLimits
}

export type SessionState = 'notAuthenticated' | 'authenticated' | 'selected' | 'logout'

export interface LoggedIn {
  readonly account: Account
  readonly mail: AccountMail
}

export interface Selected {
  /** The account that the mailbox belongs to. */
  readonly place: Place
  readonly mailboxId: string
  readonly readOnly: boolean
  readonly view: MailboxView
  /** UIDs of `$`, ascending (RFC 9051 §6.4.4.1). */
  saved: readonly number[]
  /** Keywords the client was told of by a FLAGS response. */
  toldKeywords: number
  /** Searches whose results are watched, by their tags (RFC 5267). */
  readonly contexts: Map<string, SearchContext>
  /** What the client could do with the mailbox when it was told last. */
  toldRights: string
}

export class Session {
  readonly deps: ImapDeps
  readonly connection: Connection
  readonly input: Input
  readonly output: Output
  readonly log: Log
  #loggedIn: LoggedIn | undefined
  #places: Places | undefined
  #selected: Selected | undefined
  #over = false
  /** ENABLE IMAP4rev2: UTF-8 names, ESEARCH instead of SEARCH, no RECENT. */
  rev2 = false
  /** A CONDSTORE enabling command was given (RFC 7162 §3.1). */
  condstore = false
  /** ENABLE QRESYNC: VANISHED instead of EXPUNGE (RFC 7162 §3.2). */
  qresync = false
  /** ENABLE UIDONLY: no sequence number is told or taken (RFC 9586). */
  uidOnly = false
  /** ENABLE UTF8=ACCEPT: names are UTF-8 (RFC 6855 §3). */
  utf8 = false
  /** NOTIFY: what is told of mailboxes, and when. Without it, news come with the answers to commands. */
  notify: Notifications | undefined
  /** COMPRESS: the layer above {@link connection}'s stream. */
  compression: Compression | undefined
  #loginBy: number
  #lookedAt = 0
  failedLogins = 0
  /** The server stops: no further command is taken. */
  draining = false

  constructor(deps: ImapDeps, connection: Connection, input: Input, output: Output) {
    this.deps = deps
    this.connection = connection
    this.input = input
    this.output = output
    this.#loginBy = deps.clock.now() + deps.settings.loginTimeoutMs
    this.log = deps.log.with({ protocol: 'imap', session: connection.id, client: connection.remoteAddress })
  }

  get state(): SessionState {
    if (this.#over) return 'logout'
    if (this.#selected !== undefined) return 'selected'
    return this.#loggedIn === undefined ? 'notAuthenticated' : 'authenticated'
  }

  get nameEncoding(): NameEncoding {
    return this.rev2 || this.utf8 ? 'utf8' : 'utf7'
  }

  /** Passwords may travel: under TLS, or from this machine where the operator allows it. */
  get mayLogIn(): boolean {
    return this.connection.secure || (this.deps.allowInsecureLogin === 'loopback' && isLoopback(this.connection.remoteAddress))
  }

  /** How long the client may be silent. RFC 9051 §5.4; before login the time runs for all it says together. */
  get patienceMs(): number {
    return this.#loggedIn === undefined ? Math.max(this.#loginBy - this.deps.clock.now(), 0) : this.deps.settings.idleTimeoutMs
  }

  get loggedIn(): LoggedIn {
    if (this.#loggedIn === undefined) throw new Error('no account in this state')
    return this.#loggedIn
  }

  get selected(): Selected {
    if (this.#selected === undefined) throw new Error('no mailbox in this state')
    return this.#selected
  }

  /** Accounts whose mailboxes the client can name. */
  get places(): Places {
    if (this.#places === undefined) throw new Error('no account in this state')
    return this.#places
  }

  /** The account whose mailbox is selected; the client's own without one. Who takes a name gets its account from {@link find}. */
  get mail(): AccountMail {
    return this.#selected?.place.mail ?? this.loggedIn.mail
  }

  /** The client's own account. */
  get own(): AccountMail {
    return this.loggedIn.mail
  }

  /** The selected mailbox as it is now. @throws Goodbye when another session has deleted it, or its owner does not share it any more. */
  get mailbox(): MailboxState {
    const { place, mailboxId } = this.selected
    const mailbox = place.mail.state.mailboxById(mailboxId)
    if (mailbox === undefined) throw new Goodbye('The selected mailbox was deleted')
    // RFC 4314 §5.1.1
    if (!place.full && !this.places.rightsOn(place, mailbox).includes('r')) throw new Goodbye('The selected mailbox is not shared any more')
    return mailbox
  }

  /** What the client may do with the selected mailbox, as of now. */
  get rights(): string {
    return this.places.rightsOn(this.selected.place, this.mailbox)
  }

  /** `login` is what the client called itself. */
  async logIn(account: Account, login: string): Promise<void> {
    this.#loggedIn = { account, mail: await this.deps.store.open(account.id) }
    this.#places = new Places(this.deps, this.#loggedIn)
    this.log.info('logged-in', { login, account: account.address, tls: this.connection.secure })
  }

  /** A mailbox of this name that the client may do all of `wanted` with (RFC 4314 §2.1). @throws no */
  async find(name: string, wanted: string, code: 'NONEXISTENT' | 'TRYCREATE' = 'NONEXISTENT'): Promise<FoundMailbox> {
    return await this.places.find(name, wanted, code)
  }

  select({ place, mailbox, rights }: FoundMailbox, readOnly: boolean): Selected {
    this.#lookedAt = this.deps.clock.now()
    this.#selected = { place, mailboxId: mailbox.id, readOnly, view: new MailboxView(mailbox, place.mail.state.sequence), saved: [], toldKeywords: mailbox.keywords().length, contexts: new Map(), toldRights: rights }
    return this.#selected
  }

  /** Rights are looked at anew for each command: what an owner takes back is gone at once, in whatever process that was done. */
  async beginCommand(word: string): Promise<void> {
    if (this.#selected?.place.full === false) await this.#selected.place.mail.refresh()
    if (word.startsWith('UID ')) await this.#lookForNews()
  }

  /** Where no number changes its meaning by it, what other processes have done counts from the command on that comes next. */
  async #lookForNews(): Promise<void> {
    const { clock, settings } = this.deps
    if (this.#selected === undefined || clock.now() - this.#lookedAt < settings.newsEveryMs) return
    this.#lookedAt = clock.now()
    const before = this.mail.state.sequence
    await this.mail.refresh()
    if (this.mail.state.sequence > before) await this.tellNews(true)
  }

  async endCommand(): Promise<void> {
    await this.#places?.release(this.#selected?.place)
  }

  unselect(): void {
    this.#selected = undefined
  }

  /** The state `notAuthenticated`: nothing of this login is left (RFC 8437 §2). */
  logOut(): void {
    this.#selected = undefined
    this.notify?.stop()
    this.notify = undefined
    void this.#places?.release(undefined)
    this.#places = undefined
    this.#loggedIn?.mail.release()
    this.#loggedIn = undefined
    this.rev2 = this.condstore = this.qresync = this.uidOnly = this.utf8 = false
    this.#loginBy = this.deps.clock.now() + this.deps.settings.loginTimeoutMs
  }

  /** The state `logout`; lets go of the account. */
  end(): void {
    this.logOut()
    this.#over = true
  }

  /** From now on FETCH responses that tell flags tell MODSEQ too. RFC 7162 §3.1 */
  enableCondstore(): void {
    if (this.condstore) return
    this.condstore = true
    if (this.#selected !== undefined) this.output.text(`* OK [HIGHESTMODSEQ ${this.mailbox.highestModSeq}] CONDSTORE is on\r\n`)
  }

  /** Tells the client what has happened in the selected mailbox since it was told last; `asked`: by a command of its own, whatever NOTIFY says. */
  async tellNews(mayExpunge: boolean, asked = false): Promise<void> {
    const { notify } = this
    if (this.#selected === undefined || (notify?.tellsSelected === false && !asked)) return
    const mailbox = this.mailbox
    const { view } = this.#selected
    this.#tellRights(mailbox)
    if (mayExpunge) tellLeavers(this)
    const known = view.count
    const { expunged, vanished, exists, changed } = view.catchUp(mailbox, this.mail.state.sequence, mayExpunge)
    // RFC 7162 §3.2.10, RFC 9586 §3.5
    for (const line of this.qresync || this.uidOnly ? writeVanished(vanished, false) : expungeLines(expunged)) {
      this.output.text(line)
      if (this.output.full) await this.output.flush()
    }
    if (exists !== undefined) this.output.text(`* ${exists} EXISTS\r\n`)
    if (exists !== undefined) await notify?.tellArrivals(known - expunged.length + 1, exists)
    if (changed.length > 0 && notify?.tellsFlags !== false) await this.tellFlags(mailbox, changed, true)
    await tellJoiners(this)
    view.forgetCreated()
  }

  /** Messages that a command of the client has brought. While nothing is told, nothing need be remembered. */
  noteCreated({ place, mailbox }: Pick<FoundMailbox, 'place' | 'mailbox'>, uids: readonly number[]): void {
    if (this.#selected?.mailboxId === mailbox.id && this.#selected.place.account.id === place.account.id && this.notify?.tellsSelected !== false) this.#selected.view.noteCreated(uids)
  }

  /** RFC 4314 §5.1.1: which flags can be changed, when that is not what it was. */
  #tellRights(mailbox: MailboxState): void {
    const { rights, selected } = this
    if (rights === selected.toldRights) return
    selected.toldRights = rights
    this.output.text(flagsLine(mailbox) + permanentFlagsLine(mailbox, selected.readOnly ? '' : rights))
  }

  /** An untagged FETCH with the flags of each of these UIDs that are in view and still there. */
  async tellFlags(mailbox: MailboxState, uids: readonly number[], withFlags: boolean): Promise<void> {
    this.tellKeywords(mailbox)
    const { view } = this.selected
    const { condstore, uidOnly } = this
    let index = -1
    let number = 0
    for (const uid of uids) {
      // Mostly neighbours: a search finds the others.
      index = index + 1 < mailbox.count && mailbox.uidAt(index + 1) === uid ? index + 1 : mailbox.indexOf(uid)
      number = number < view.count && view.uidOf(number + 1) === uid ? number + 1 : view.sequenceNumberOf(uid)
      if (index < 0 || number === 0) continue
      let items = uidOnly ? '' : `UID ${uid}`
      if (withFlags) items += `${items === '' ? '' : ' '}FLAGS ${writeFlags(mailbox.flagsAt(index))}`
      if (condstore) items += `${items === '' ? '' : ' '}MODSEQ (${mailbox.modSeqAt(index)})`
      this.output.text(`${this.fetchHead(number, uid)}${items})\r\n`)
      if (this.output.full) await this.output.flush()
    }
  }

  /** How the response with items of a message begins. RFC 9586 §3.3: UIDFETCH bears the UID in the number's place. */
  fetchHead(number: number, uid: number): string {
    return this.uidOnly ? `* ${uid} UIDFETCH (` : `* ${number} FETCH (`
  }

  /** RFC 9051 §7.3.5: the client learns of a keyword before a message bears it. */
  tellKeywords(mailbox: MailboxState): void {
    const keywords = mailbox.keywords()
    if (keywords.length === this.selected.toldKeywords) return
    this.selected.toldKeywords = keywords.length
    this.output.text(flagsLine(mailbox))
  }
}

function* expungeLines(numbers: readonly number[]): Generator<string> {
  for (const number of numbers) yield `* ${number} EXPUNGE\r\n`
}

export function flagsLine(mailbox: MailboxState): string {
  return `* FLAGS (${['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', ...mailbox.keywords()].join(' ')})\r\n`
}

/** RFC 9051 §7.1; RFC 4314 §5.1.1: the flags that the client has the right to change. */
export function permanentFlagsLine(mailbox: MailboxState, rights: string): string {
  const flags = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', ...mailbox.keywords(), '\\*'].filter((flag) => rights.includes(rightForFlag(flag)))
  const text = flags.length === 0 ? 'Nothing can be changed' : rights.includes('s') && rights.includes('t') && rights.includes('w') ? 'All flags are kept' : 'These flags can be changed'
  return `* OK [PERMANENTFLAGS (${flags.join(' ')})] ${text}\r\n`
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
