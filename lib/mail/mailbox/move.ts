/** Moving messages: RFC 6851 §3.3, one entry that does both halves. */
import { transfer } from './copy.ts'
import type { CopyOutcome, CopyRequest } from './copy.ts'
import type { AccountMail } from './store.ts'

/** @throws {MailboxRefusal} NONEXISTENT */
export async function moveMessages(account: AccountMail, request: Omit<CopyRequest, 'quotaBytes' | 'quotaMessages'>): Promise<CopyOutcome> {
  return await transfer(account, request, 'move')
}
