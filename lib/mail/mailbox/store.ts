/**
 * All accounts of this process: each is folded once, whatever the number of its sessions.
 *
 * Invariants: a state in use is never dropped; idle ones are kept while they are few and small, the one used last
 * longest. An account's log begins when it is first opened; who may have an account is lib/mail/accounts' word.
 */
import { randomBytes } from 'node:crypto'
import { AccountLog } from './accountLog.ts'
import type { MailDeps } from './accountLog.ts'
import { eraseAccount } from './erase.ts'
import { loadAccount, loadForFiling } from './load.ts'
import { inbox } from './mailboxName.ts'
import { AnewRefusal, MailboxRefusal } from './refusal.ts'
import type { AccountState } from './state.ts'
import { SegmentCache } from './textIndex/cache.ts'
import { MailIndex } from './textIndex/mailIndex.ts'
import { Watch } from './watch.ts'

/** Every account begins with these (RFC 6154 §2). */
const firstMailboxes: readonly (readonly [name: string, specialUse: string | null])[] = [
  [inbox, null],
  ['Drafts', '\\Drafts'],
  ['Sent', '\\Sent'],
  ['Junk', '\\Junk'],
  ['Trash', '\\Trash'],
  ['Archive', '\\Archive'],
]

interface Opened {
  readonly log: AccountLog
  readonly watch: Watch
  readonly index: MailIndex
}

interface Kept {
  readonly opening: Promise<Opened>
  /** Those who wait for it to be opened included. */
  users: number
}

export class MailStore {
  readonly #deps: MailDeps
  /** Names this process in the entries it writes. */
  readonly #writer = randomBytes(6).toString('base64url')
  /** In the order of their last use. */
  readonly #accounts = new Map<string, Kept>()
  readonly #segments: SegmentCache

  constructor(deps: MailDeps) {
    this.#deps = deps
    this.#segments = new SegmentCache(deps.settings.indexCacheBytes)
  }

  /** Up to date; `release` it when done. @throws {EntryFormatError} when its log cannot be read; {MailboxRefusal} NONEXISTENT when it was deleted */
  async open(accountId: string): Promise<AccountMail> {
    return await this.#begun(await this.#hold(accountId, true))
  }

  /**
   * The same with no more read than filing needs, so that it costs the same whatever the account holds: appendMessage may be called,
   * mailboxes and their counts may be looked at, messages may not. @throws as {@link open}
   */
  async openForFiling(accountId: string): Promise<AccountMail> {
    return await this.#begun(await this.#hold(accountId, false))
  }

  async #begun(mail: AccountMail): Promise<AccountMail> {
    try {
      // A log may have begun with something that its account sent.
      if (mail.state.mailboxCount === 0) await begin(mail.log)
    } catch (error) {
      mail.release()
      throw error
    }
    return mail
  }

  /** For housekeeping: begins no account that is not there (undefined), and leaves none in memory that was not. @throws as {@link open} */
  async visit<T>(accountId: string, work: (account: AccountMail) => Promise<T>): Promise<T | undefined> {
    const wasKept = this.#accounts.has(accountId)
    const mail = await this.#hold(accountId, true)
    try {
      return mail.state.sequence === 0 ? undefined : await work(mail)
    } finally {
      mail.release()
      if (!wasKept) await this.#drop(accountId)
    }
  }

  async #hold(accountId: string, whole: boolean): Promise<AccountMail> {
    const known = this.#accounts.get(accountId)
    const kept = known ?? { opening: this.#openLog(accountId, whole), users: 0 }
    this.#accounts.delete(accountId)
    this.#accounts.set(accountId, kept)
    kept.users++
    const mail = await this.#take(accountId, kept)
    try {
      if (known !== undefined) await mail.refresh()
      if (whole) await mail.log.readAll()
    } catch (error) {
      mail.release()
      // A log that ended or broke is no use to the next one either.
      const isAnew = error instanceof AnewRefusal && known !== undefined
      if (this.#accounts.get(accountId) === kept && (isAnew || kept.users === 0)) this.#accounts.delete(accountId)
      // Sessions that have it open are refused; who comes now gets the new one.
      if (isAnew) return await this.#hold(accountId, whole)
      throw error
    }
    return mail
  }

  /** Makes INBOX and the special-use mailboxes. Changes nothing when they are there. */
  async createAccount(accountId: string): Promise<void> {
    const mail = await this.open(accountId)
    mail.release()
  }

  /** Deletes the log with all messages; repeats what an interrupted call has left. Sessions that have it open are refused from now on, in other processes from their next look on. */
  async deleteAccount(accountId: string): Promise<void> {
    const opened = await this.#accounts.get(accountId)?.opening.catch(() => undefined)
    this.#accounts.delete(accountId)
    opened?.log.close(new MailboxRefusal('NONEXISTENT', 'The account was deleted'))
    await opened?.log.settle()
    await eraseAccount(this.#deps, accountId)
  }

  /** Waits for everything that is being written. Call it before the engine is closed. */
  async close(): Promise<void> {
    const settled = this.settle()
    this.#accounts.clear()
    await settled
  }

  /** The same for a process that will be frozen, not ended. */
  async settle(): Promise<void> {
    const opened = await Promise.allSettled([...this.#accounts.values()].map((kept) => kept.opening))
    await Promise.all(opened.map(async (one) => one.status === 'fulfilled' && one.value.log.settle()))
  }

  async #take(accountId: string, kept: Kept): Promise<AccountMail> {
    const release = () => {
      kept.users--
      void this.#dropIdle()
    }
    try {
      return new AccountMail(await kept.opening, release)
    } catch (error) {
      // The next one tries again.
      if (this.#accounts.get(accountId) === kept) this.#accounts.delete(accountId)
      throw error
    }
  }

  async #openLog(accountId: string, whole: boolean): Promise<Opened> {
    const { state, snapshots } = await (whole ? loadAccount : loadForFiling)(this.#deps, accountId)
    const log = new AccountLog(this.#deps, accountId, this.#writer, state, snapshots)
    return { log, watch: new Watch(log), index: new MailIndex(this.#deps, accountId, this.#segments) }
  }

  /** Unless someone has come for it. */
  async #drop(accountId: string): Promise<void> {
    const kept = this.#accounts.get(accountId)
    const opened = await kept?.opening.catch(() => undefined)
    await opened?.log.settle()
    if (kept?.users === 0 && this.#accounts.get(accountId) === kept) this.#accounts.delete(accountId)
  }

  async #dropIdle(): Promise<void> {
    const { idleAccounts, idleMessages } = this.#deps.settings
    let accounts = 0
    let messages = 0
    for (const [accountId, kept] of [...this.#accounts].reverse()) {
      if (kept.users > 0) continue
      const opened = await kept.opening.catch(() => undefined)
      if (opened === undefined || kept.users > 0) continue
      accounts++
      messages += opened.log.whole ? opened.log.state.messageCount : 0
      // The one used last stays whatever its size: a note for it would read it all anew, and so would the next.
      if (opened.log.idle && (accounts > idleAccounts || (accounts > 1 && messages > idleMessages)) && this.#accounts.get(accountId) === kept) this.#accounts.delete(accountId)
    }
  }
}

async function begin(log: AccountLog): Promise<void> {
  await log.change((draft) => {
    if (draft.state.mailboxCount > 0) return
    for (const [name, specialUse] of firstMailboxes) draft.add({ kind: 'create', name, specialUse })
    for (const [name] of firstMailboxes) draft.add({ kind: 'subscribe', name, on: true })
  })
}

/** One user's hold on an account. Its state is shared with all others of this process. */
export class AccountMail {
  readonly accountId: string
  /** For the operations of this room only. */
  readonly log: AccountLog
  /** For searches, sorts and threads. */
  readonly index: MailIndex
  readonly #watch: Watch
  readonly #onRelease: () => void
  readonly #stops = new Set<() => void>()
  #released = false

  constructor({ log, watch, index }: Opened, onRelease: () => void) {
    this.accountId = log.accountId
    this.log = log
    this.index = index
    this.#watch = watch
    this.#onRelease = onRelease
  }

  get state(): AccountState {
    return this.log.state
  }

  /** Folds what others have appended. */
  async refresh(): Promise<void> {
    await this.log.refresh()
  }

  /** Calls back after any new entry, own or foreign. Returns the function that ends the listening. */
  listen(listener: () => void): () => void {
    if (this.#released) throw new Error('the account was released')
    const stop = this.#watch.listen(listener)
    this.#stops.add(stop)
    return () => {
      this.#stops.delete(stop)
      stop()
    }
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    for (const stop of this.#stops) stop()
    this.#onRelease()
  }
}
