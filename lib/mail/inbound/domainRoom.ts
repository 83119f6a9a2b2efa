/**
 * Room left in a domain whose accounts together have a quota.
 *
 * Invariants: filing costs no scan - the sum is read once in a while, and what is filed here is added to it; before a
 * message is refused for want of room, the accounts are counted anew, so that mail deleted since counts no more.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Account, Domain } from '#lib/mail/accounts/directory.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'

export interface DomainRoomDeps {
  readonly directory: {
    domainQuotaOf(domain: Domain): number | undefined
    recordUsage(domain: string, accountId: string, bytes: number): Promise<void>
    domainUsage(domain: string): Promise<number>
    listUsers(domain: string): Promise<Account[]>
  }
  readonly mail: Pick<MailStore, 'openForFiling'>
  readonly clock: Pick<Clock, 'now'>
}

/** How long a sum is believed, and how often an account's own usage is written down. */
const believedMs = 10_000
/** How often all accounts of a full domain are counted. */
const countedMs = 60_000
const mostKept = 10_000

interface Sum {
  bytes: number
  readAt: number
  countedAt: number
  /** A count or a reading that others wait for too. */
  asking: Promise<void> | undefined
}

export class DomainRoom {
  readonly #deps: DomainRoomDeps
  readonly #sums = new Map<string, Sum>()
  readonly #recordedAt = new Map<string, number>()

  constructor(deps: DomainRoomDeps) {
    this.#deps = deps
  }

  /** Takes room for a message, when there is enough: so many messages filed side by side do not all find the same room. */
  async take(domain: Domain, sizeBytes: number): Promise<boolean> {
    const quota = this.#deps.directory.domainQuotaOf(domain)
    if (quota === undefined) return true
    const sum = await this.#newest(domain.name)
    if (sum.bytes + sizeBytes > quota && this.#deps.clock.now() - sum.countedAt >= countedMs) await this.#share(sum, () => this.#count(domain.name, sum))
    if (sum.bytes + sizeBytes > quota) return false
    sum.bytes += sizeBytes
    return true
  }

  /** The room taken was not needed. */
  giveBack(domain: Domain, sizeBytes: number): void {
    const sum = this.#sums.get(domain.name)
    if (sum !== undefined) sum.bytes -= sizeBytes
  }

  /** Writes down what the account holds, for other processes. */
  async filed(domain: Domain, account: AccountMail): Promise<void> {
    if (this.#deps.directory.domainQuotaOf(domain) === undefined) return
    const now = this.#deps.clock.now()
    if (now - (this.#recordedAt.get(account.accountId) ?? -Infinity) < believedMs) return
    if (this.#recordedAt.size > mostKept) this.#recordedAt.clear()
    this.#recordedAt.set(account.accountId, now)
    await this.#deps.directory.recordUsage(domain.name, account.accountId, account.state.usedBytes)
  }

  async #newest(name: string): Promise<Sum> {
    const known = this.#sums.get(name)
    const sum = known ?? { bytes: 0, readAt: -Infinity, countedAt: -Infinity, asking: undefined }
    this.#sums.set(name, sum)
    // The rows are as old as each account's last filing, and a quota set just now finds none at all: so the first sum is counted.
    if (sum.countedAt === -Infinity) await this.#share(sum, () => this.#count(name, sum))
    else if (this.#deps.clock.now() - sum.readAt >= believedMs) await this.#share(sum, () => this.#read(name, sum))
    return sum
  }

  async #share(sum: Sum, ask: () => Promise<void>): Promise<void> {
    sum.asking ??= ask().finally(() => (sum.asking = undefined))
    await sum.asking
  }

  async #read(name: string, sum: Sum): Promise<void> {
    const bytes = await this.#deps.directory.domainUsage(name)
    Object.assign(sum, { bytes: Math.max(bytes, sum.bytes), readAt: this.#deps.clock.now() })
  }

  async #count(name: string, sum: Sum): Promise<void> {
    const { directory, mail, clock } = this.#deps
    let bytes = 0
    for (const { id } of await directory.listUsers(name)) {
      const account = await mail.openForFiling(id)
      const used = account.state.usedBytes
      account.release()
      bytes += used
      await directory.recordUsage(name, id, used)
    }
    const now = clock.now()
    Object.assign(sum, { bytes, readAt: now, countedAt: now })
  }
}
