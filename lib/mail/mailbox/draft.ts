/**
 * An entry while it is being decided. Filings that wait at the same time share one entry; every later one sees what the
 * earlier ones in the draft will have done.
 */
import type { Change, FileChange } from './entry.ts'
import { mailboxId } from './origin.ts'
import type { AccountState } from './state.ts'

export class Draft {
  /** As of the entry before. */
  readonly state: AccountState
  readonly sequence: number
  readonly changes: Change[] = []
  filedBytes = 0
  filedMessages = 0
  readonly #filed = new Map<string, number>()
  readonly #deliveries = new Set<string>()

  constructor(state: AccountState) {
    this.state = state
    this.sequence = state.sequence + 1
  }

  add(change: Exclude<Change, FileChange>): void {
    this.changes.push(change)
  }

  /** The id that a mailbox will have which the next change creates. */
  nextMailboxId(): string {
    return mailboxId(this.sequence, this.changes.length)
  }

  knowsDelivery(id: string): boolean {
    return this.#deliveries.has(id) || this.state.deliveries.has(id)
  }

  /** The message's UID. */
  file(change: FileChange, uidNext: number): number {
    const before = this.#filed.get(change.mailbox) ?? 0
    this.changes.push({ ...change, uid: uidNext + before })
    this.#filed.set(change.mailbox, before + 1)
    this.filedBytes += change.sizeBytes
    this.filedMessages++
    if (change.deliveryId !== null) this.#deliveries.add(change.deliveryId)
    return uidNext + before
  }
}
