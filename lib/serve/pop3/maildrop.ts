/**
 * A session's maildrop: INBOX as it was at login (RFC 1939 §4), and what is marked as deleted.
 *
 * Invariants: numbers and sizes stay as they were at login, whatever becomes of INBOX meanwhile; a mark changes nothing
 * outside the session before {@link Maildrop.update}.
 */
import { Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import { writeUniqueId } from '#lib/formats/pop3/uniqueId.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { openBody } from '#lib/mail/mailbox/read.ts'
import type { OpenBody } from '#lib/mail/mailbox/read.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'

export interface Scan {
  readonly number: number
  readonly sizeBytes: number
  readonly uniqueId: string
}

export class Maildrop {
  readonly #mail: AccountMail
  readonly #mailboxId: string
  readonly #uidValidity: number
  readonly #uids: Uint32Array
  readonly #sizes: Float64Array
  readonly #deleted = new Set<number>()
  readonly #wholeBytes: number
  #deletedBytes = 0

  constructor(mail: AccountMail) {
    const inbox = mail.state.mailbox('INBOX')
    if (inbox === undefined) throw new Error('the account has no INBOX')
    this.#mail = mail
    this.#mailboxId = inbox.id
    this.#uidValidity = inbox.uidValidity
    this.#uids = inbox.uids()
    this.#sizes = Float64Array.from(this.#uids, (_, place) => inbox.sizeAt(place))
    this.#wholeBytes = inbox.sizeBytes
  }

  /** Without those marked as deleted. */
  get count(): number {
    return this.#uids.length - this.#deleted.size
  }

  get sizeBytes(): number {
    return this.#wholeBytes - this.#deletedBytes
  }

  /** @throws {Pop3Refusal} when there is no such message, or it is marked as deleted. */
  scan(number: number): Scan {
    const uid = this.#uids[number - 1]
    if (uid === undefined) throw new Pop3Refusal(`There is no message ${number}, the last one is ${this.#uids.length}`)
    if (this.#deleted.has(number)) throw new Pop3Refusal(`Message ${number} is deleted`)
    return this.#scan(number, uid)
  }

  /** All that are not marked as deleted. */
  *scans(): Generator<Scan> {
    for (const [place, uid] of this.#uids.entries()) if (!this.#deleted.has(place + 1)) yield this.#scan(place + 1, uid)
  }

  #scan(number: number, uid: number): Scan {
    return { number, sizeBytes: this.#sizes[number - 1] ?? 0, uniqueId: writeUniqueId(this.#uidValidity, uid) }
  }

  /** @throws {Pop3Refusal} as {@link scan}, {MailboxRefusal} when another session has removed it meanwhile. */
  async open(number: number): Promise<OpenBody> {
    this.scan(number)
    return await openBody(this.#mail, this.#mailboxId, this.#uids[number - 1] ?? 0)
  }

  /** @throws {Pop3Refusal} as {@link scan} */
  delete(number: number): void {
    const { sizeBytes } = this.scan(number)
    this.#deleted.add(number)
    this.#deletedBytes += sizeBytes
  }

  undelete(): void {
    this.#deleted.clear()
    this.#deletedBytes = 0
  }

  /** The UPDATE state (RFC 1939 §6): removes what is marked, in one entry of the log; returns how many were still there. */
  async update(): Promise<number> {
    if (this.#deleted.size === 0) return 0
    const uids = [...this.#deleted].sort((a, b) => a - b).map((number) => this.#uids[number - 1] ?? 0)
    return (await expungeMessages(this.#mail, { mailboxId: this.#mailboxId, uids, regardless: true })).length
  }
}
