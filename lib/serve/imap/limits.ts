/** What an account may hold, in the words of the operations of lib/mail/mailbox. The owner of a mailbox counts, whoever fills it. */
import type { Account } from '#lib/mail/accounts/account.ts'
import type { ImapDeps } from './session.ts'

export function filingLimits({ limitsOf }: ImapDeps, account: Account): { readonly quotaBytes?: number; readonly quotaMessages?: number } {
  const { bytes, messages } = limitsOf(account)
  return { ...(bytes === undefined ? {} : { quotaBytes: bytes }), ...(messages === undefined ? {} : { quotaMessages: messages }) }
}

export function mailboxLimit({ limitsOf }: ImapDeps, account: Account): { readonly quotaMailboxes?: number } {
  const { mailboxes } = limitsOf(account)
  return mailboxes === undefined ? {} : { quotaMailboxes: mailboxes }
}
