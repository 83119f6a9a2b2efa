/**
 * Rows of a state that was opened for filing, brought in from the Blobs when an entry or a reader wants them.
 *
 * Invariant: rows only ever come; a state that is whole stays so. Callers fold an entry in the same turn of the event loop in which
 * {@link UnreadRows.bring} has resolved for it.
 */
import type { Change } from './entry.ts'
import { UnreadError } from './segment.ts'
import { listedSegments } from './segments.ts'
import type { AnySegment } from './segments.ts'
import type { SnapshotKeeper } from './snapshotKeeper.ts'
import type { AccountState } from './state.ts'
import { unreadFor } from './unread.ts'

export class UnreadRows {
  readonly #state: AccountState
  readonly #snapshots: SnapshotKeeper
  #whole: boolean

  constructor(state: AccountState, snapshots: SnapshotKeeper) {
    this.#state = state
    this.#snapshots = snapshots
    this.#whole = unreadOf(state).length === 0
  }

  get whole(): boolean {
    return this.#whole
  }

  /** What folding these changes will look at. @throws {BlobMissingError} when another process has replaced it */
  async bring(changes: readonly Change[]): Promise<void> {
    if (this.#whole) return
    // Others may have folded something meanwhile, by which more is wanted.
    for (let wanted = unreadFor(this.#state, changes); wanted.length > 0; wanted = unreadFor(this.#state, changes)) await this.#snapshots.readRows(this.#state, wanted)
  }

  /** @throws as {@link bring} */
  async bringAll(): Promise<void> {
    if (this.#whole) return
    await this.#snapshots.readRows(this.#state, unreadOf(this.#state))
    this.#whole = true
  }

  /** What `look` sees, after the rows that it wants to see were read. @throws as {@link bring} */
  async show<T>(look: (state: AccountState) => T): Promise<T> {
    for (;;) {
      try {
        return look(this.#state)
      } catch (error) {
        if (!(error instanceof UnreadError)) throw error
        await this.#snapshots.readRows(this.#state, unreadOf(this.#state).filter(({ savedKey }) => savedKey === error.key))
      }
    }
  }
}

function unreadOf(state: AccountState): AnySegment[] {
  return [...listedSegments(state)].map(({ segment }) => segment).filter(({ unread }) => unread !== undefined)
}
