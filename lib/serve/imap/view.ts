/**
 * One session's own picture of a mailbox: the UIDs it has told its client, in order.
 *
 * Invariants: sequence numbers are places in this list and change only when the client is told (RFC 9051 §7.5.1);
 * the live mailbox runs ahead of it, and {@link MailboxView.catchUp} says what to tell.
 *
 * \Recent (RFC 3501 §2.3.2): no message is ever recent here. The flag is gone from IMAP4rev2, belongs to one
 * session only and would cost a log entry for each opening; clients look at UIDNEXT instead.
 */
import type { MailboxState } from '#lib/mail/mailbox/state.ts'

export interface News {
  /** Sequence numbers in the order in which they are to be told. */
  readonly expunged: readonly number[]
  /** The UIDs of the same messages, ascending. */
  readonly vanished: readonly number[]
  /** The new number of messages, when it has grown. */
  readonly exists: number | undefined
  /** UIDs that the client knows and whose flags it may not know any more. */
  readonly changed: readonly number[]
}

const nothing: News = { expunged: [], vanished: [], exists: undefined, changed: [] }

export class MailboxView {
  /** The mailbox's own list, shared with all who look at it, until the two differ. */
  #uids: Uint32Array
  #shared = true
  #count: number
  /** Changes and arrivals are told up to this mod-sequence, removals up to that one. */
  #toldChanges: number
  #toldRemovals: number
  /** Mod-sequences of this session's own changes, whose outcome the client has got from its own command. */
  readonly #own = new Set<number>()
  readonly #created = new Set<number>()

  /** `sequence` is how far the account's log is folded into `mailbox`. */
  constructor(mailbox: MailboxState, sequence: number) {
    this.#uids = mailbox.uids()
    this.#count = this.#uids.length
    this.#toldChanges = sequence
    this.#toldRemovals = sequence
  }

  get count(): number {
    return this.#count
  }

  /** The UID of a sequence number, which must be within 1 and {@link count}. */
  uidOf(sequenceNumber: number): number {
    return this.#uids[sequenceNumber - 1] ?? 0
  }

  /** 0 for an empty mailbox. */
  get lastUid(): number {
    return this.uidOf(this.#count)
  }

  /** How many of the UIDs are below this one. */
  countBelow(uid: number): number {
    let low = 0
    for (let high = this.#count; low < high; ) {
      const middle = (low + high) >>> 1
      if ((this.#uids[middle] ?? 0) < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  /** 0 when the client was never told of it, or has been told that it is gone. */
  sequenceNumberOf(uid: number): number {
    const place = this.countBelow(uid)
    return place < this.#count && this.#uids[place] === uid ? place + 1 : 0
  }

  /** The client gets the outcome of this change as the answer to its command. */
  knows(modSeq: number): void {
    this.#own.add(modSeq)
  }

  /** Whether a message with this mod-sequence bears a change that the client has not been told of. */
  hasNews(modSeq: number): boolean {
    return modSeq > this.#toldChanges && !this.#own.has(modSeq)
  }

  /** The client has brought these messages itself (RFC 5465 §5.2). */
  noteCreated(uids: readonly number[]): void {
    for (const uid of uids) this.#created.add(uid)
  }

  isCreated(uid: number): boolean {
    return this.#created.has(uid)
  }

  /** All that has come is told. */
  forgetCreated(): void {
    this.#created.clear()
  }

  /** What the client is to be told now; the view takes it as told. */
  catchUp(mailbox: MailboxState, sequence: number, mayExpunge: boolean): News {
    const removals = mayExpunge && sequence > this.#toldRemovals
    const changes = sequence > this.#toldChanges
    if (!removals && !changes) return nothing
    const gone = removals ? this.#remove(mailbox) : nothing
    if (removals) this.#toldRemovals = sequence
    if (!changes) return gone
    const changed = mailbox.highestModSeq > this.#toldChanges ? this.#changed(mailbox) : []
    const exists = this.#arrivals(mailbox)
    if (!this.#shared && this.#toldRemovals === sequence) this.#share(mailbox)
    this.#toldChanges = sequence
    this.#own.clear()
    return { ...gone, exists, changed }
  }

  #changed(mailbox: MailboxState): number[] {
    const last = this.lastUid
    return mailbox.changedSince(this.#toldChanges, this.#own).filter((uid) => uid <= last && this.sequenceNumberOf(uid) > 0)
  }

  #remove(mailbox: MailboxState): News {
    const gone = new Set(mailbox.vanishedSince(this.#toldRemovals))
    if (gone.size === 0) return nothing
    if (this.#shared) this.#copy(this.#count)
    const expunged: number[] = []
    const vanished: number[] = []
    let kept = 0
    for (let place = 0; place < this.#count; place++) {
      const uid = this.#uids[place] ?? 0
      // Each number is counted after the removals told before it.
      if (gone.has(uid)) {
        expunged.push(kept + 1)
        vanished.push(uid)
      } else this.#uids[kept++] = uid
    }
    this.#count = kept
    return { ...nothing, expunged, vanished }
  }

  #arrivals(mailbox: MailboxState): number | undefined {
    const last = this.lastUid
    let first = mailbox.count
    while (first > 0 && mailbox.uidAt(first - 1) > last) first--
    const arrived = mailbox.count - first
    if (arrived === 0) return undefined
    const count = this.#count + arrived
    // All that is missing has come behind: the list that is shared goes on.
    if (this.#shared && count === mailbox.count) this.#uids = mailbox.uids()
    else this.#add(mailbox, first, count)
    this.#count = count
    return count
  }

  #add(mailbox: MailboxState, first: number, count: number): void {
    if (this.#shared || count > this.#uids.length) this.#copy(count)
    for (let index = first, at = this.#count; index < mailbox.count; index++) this.#uids[at++] = mailbox.uidAt(index)
  }

  /** A list of its own with room for `count`. */
  #copy(count: number): void {
    const own = new Uint32Array(Math.ceil(count * 1.02) + 16)
    own.set(this.#uids.subarray(0, this.#count))
    this.#uids = own
    this.#shared = false
  }

  /** All is told: what the client knows is what is there. */
  #share(mailbox: MailboxState): void {
    if (mailbox.count !== this.#count) return
    this.#uids = mailbox.uids()
    this.#shared = true
  }
}

/** Sequence numbers of UIDs that are asked for in ascending order: the next one is mostly the next one there. 0 as {@link MailboxView.sequenceNumberOf} has it. */
export function numbersAlong(view: MailboxView): (uid: number) => number {
  let number = 0
  return (uid) => (number = number < view.count && view.uidOf(number + 1) === uid ? number + 1 : view.sequenceNumberOf(uid))
}
