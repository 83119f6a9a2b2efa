/** Who is to be told that a log has grown, in the same commit: the sender of events on one machine (lib/mail/events/feed.ts). */
import type { Change } from '#lib/engine/ports.ts'

export interface EntryFeed {
  /** Rows written together with the entry. */
  rows(accountId: string, sequence: number): readonly Change[]
  /** The entry is there. */
  told(): void
  /** The first entry that somebody still has to be told of: from there on none is taken out of the log. Infinity when there is none. */
  heldFrom?(accountId: string): Promise<number>
}
