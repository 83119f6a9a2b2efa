/** How many keywords a mailbox may know, and how long the flags of one change may be. */
import type { Config } from '#lib/config.ts'
import type { MailboxState } from './mailboxState.ts'
import { MailboxRefusal } from './refusal.ts'

/** Octets of all flags in one change, so that it fits into an entry beside metadata or UIDs. */
const flagsLimitBytes = 8 * 1024

/** @throws {MailboxRefusal} LIMIT */
export function demandFlagBytes(flags: readonly string[]): void {
  if (flags.reduce((sum, flag) => sum + Buffer.byteLength(flag) + 3, 0) > flagsLimitBytes) throw new MailboxRefusal('LIMIT', `The flags of one change can have ${flagsLimitBytes} octets together`)
}

/** `flags` as the account spells them. @throws {MailboxRefusal} LIMIT */
export function demandKeywords(mailbox: MailboxState, flags: readonly string[], { maxKeywords }: Config['mailbox']): void {
  if (maxKeywords === 0 || flags.every((flag) => flag.startsWith('\\'))) return
  const all = new Set([...mailbox.keywords(), ...flags.filter((flag) => !flag.startsWith('\\'))])
  if (all.size > maxKeywords) throw new MailboxRefusal('LIMIT', `A mailbox can have ${maxKeywords} different keywords`)
}
