/**
 * Messages from the mailbox of one account into that of another. Accounts share no content, so each is filed anew.
 *
 * Invariants: all are copied or none (RFC 9051 §6.4.7): what was filed before a failure is removed again; a move removes
 * messages only after all of them are durable in the other account, so that a crash leaves them twice, never nowhere.
 */
import { errorFields } from '#lib/base/log.ts'
import { appendMessages } from './append.ts'
import type { AppendRequest } from './append.ts'
import type { CopyOutcome } from './copy.ts'
import { expungeMessages } from './expunge.ts'
import { demandMailbox } from './mailboxes.ts'
import { openBody } from './read.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountMail } from './store.ts'

export interface CrossCopy {
  readonly source: AccountMail
  /** Mailbox ids. */
  readonly from: string
  readonly uids: readonly number[]
  readonly target: AccountMail
  readonly to: string
  /** Flags that go along. */
  readonly mayKeep: (flag: string) => boolean
  /** What the other account may hold. */
  readonly limits: { readonly quotaBytes?: number; readonly quotaMessages?: number }
}

interface Copied {
  readonly uid: number
  readonly flags: readonly string[]
  readonly internalDate: number
  readonly sizeBytes: number
}

/** Messages that are filed by one entry: a group of them is whole at one instant. */
const atOnce = 400

/** As copyMessages. @throws {MailboxRefusal} NONEXISTENT, OVERQUOTA, LIMIT */
export async function copyAcross(request: CrossCopy): Promise<CopyOutcome> {
  const { source, from, target, to, limits } = request
  const mailbox = demandMailbox(source.state, from)
  const places = mailbox.placesOf(request.uids)
  const messages: Copied[] = places.map((place) => ({ uid: mailbox.uidAt(place), flags: mailbox.flagsAt(place), internalDate: mailbox.internalDateAt(place), sizeBytes: mailbox.sizeAt(place) }))
  const { uidValidity } = demandMailbox(target.state, to)
  // Before anything is copied in vain; each filing looks again.
  const bytes = messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (target.state.usedBytes + bytes > (limits.quotaBytes ?? Infinity) || target.state.messageCount + messages.length > (limits.quotaMessages ?? Infinity)) throw new MailboxRefusal('OVERQUOTA', 'The account is full')
  const copied: number[] = []
  try {
    for (let at = 0; at < messages.length; at += atOnce) {
      const filed = await appendMessages(target, read(request, messages.slice(at, at + atOnce)))
      copied.push(...filed.map(({ uid }) => uid))
    }
  } catch (error) {
    await takeBack(target, to, copied)
    throw error
  }
  return { uidValidity, source: messages.map(({ uid }) => uid), destination: copied }
}

async function* read({ source, from, to, mayKeep, limits }: CrossCopy, messages: readonly Copied[]): AsyncGenerator<AppendRequest> {
  for (const { uid, flags, internalDate } of messages) {
    const body = await openBody(source, from, uid)
    yield { mailboxId: to, content: body.read(), crlf: true, flags: flags.filter(mayKeep), internalDate, ...limits }
  }
}

async function takeBack(target: AccountMail, to: string, uids: readonly number[]): Promise<void> {
  if (uids.length === 0) return
  try {
    await expungeMessages(target, { mailboxId: to, uids, regardless: true })
  } catch (error) {
    target.log.deps.log.warn('copies-left-behind', { account: target.accountId, uids: uids.length, ...errorFields(error) })
  }
}

/** As moveMessages. @throws {MailboxRefusal} as {@link copyAcross} */
export async function moveAcross(request: CrossCopy): Promise<CopyOutcome> {
  const outcome = await copyAcross(request)
  if (outcome.source.length > 0) await expungeMessages(request.source, { mailboxId: request.from, uids: outcome.source, regardless: true })
  return outcome
}
