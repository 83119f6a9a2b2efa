/** What both formats have in common: a mailbox, the messages asked of it, and what is told of the outcome. */
import type { MailboxState } from '#lib/mail/mailbox/mailboxState.ts'
import { UnreadableMessage } from '#lib/mail/mailbox/takeAlong.ts'
import type { WholeMessage } from '#lib/mail/mailbox/takeAlong.ts'

export interface Source {
  readonly mailbox: MailboxState
  /** Messages at these places, ascending. */
  readonly take: (places: readonly number[]) => AsyncIterable<WholeMessage>
  /** After each message that is there, be it written now or before. */
  readonly onMessage: (count: number) => void
}

export interface Written {
  /** Messages written by this run. */
  readonly written: number
  /** Messages that were there already, whole. */
  readonly there: number
  /** Messages of earlier runs that have left the mailbox since. */
  readonly left: number
  /** Keywords that the format has no room for. */
  readonly keywordsLost: number
  readonly failed: readonly Failed[]
}

export interface Failed {
  readonly uid: number
  readonly reason: string
}

/** Does it, unless the message cannot be read, which is no reason to leave the others behind. A disk that cannot be written is. */
export async function orFailed(uid: number, work: () => Promise<void>): Promise<Failed | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (!(error instanceof UnreadableMessage)) throw error
    return { uid, reason: error.message }
  }
}

export const allPlaces = ({ count }: MailboxState): number[] => Array.from({ length: count }, (_, place) => place)
