/** Changing who may do what with a mailbox: RFC 4314 §3.1 and §3.2. The rows that lead visitors there are in shares.ts. */
import { demandMailbox } from './mailboxes.ts'
import { MailboxRefusal } from './refusal.ts'
import { inOrder } from './rights.ts'
import { dropShare, noteShare } from './shares.ts'
import type { AccountMail } from './store.ts'

export interface AclRequest {
  readonly mailboxId: string
  /** As in rights.ts. */
  readonly identifier: string
  /** Added to what it has, taken from it, or instead of it. */
  readonly action: 'add' | 'remove' | 'replace'
  readonly rights: string
  /** Of the mailbox's owner. */
  readonly domain: string
}

/** The rights the identifier has now. @throws {MailboxRefusal} NONEXISTENT, LIMIT */
export async function changeAcl(account: AccountMail, { mailboxId, identifier, action, rights, domain }: AclRequest): Promise<string> {
  const { settings } = account.log.deps
  if (action !== 'remove' && rights !== '') await noteShare(account, identifier, domain)
  const now = await account.log.change((draft) => {
    const { acl } = demandMailbox(draft.state, mailboxId)
    const before = acl.get(identifier) ?? ''
    const after = changed(before, action, rights)
    if (after === before) return after
    if (before === '' && settings.maxAclEntries > 0 && acl.size >= settings.maxAclEntries) throw new MailboxRefusal('LIMIT', `A mailbox can be shared with ${settings.maxAclEntries}`)
    draft.add({ kind: 'acl', mailbox: mailboxId, identifier, rights: after })
    return after
  })
  // Again, should another process have taken the row away between.
  if (now !== '') await noteShare(account, identifier, domain)
  else await dropShare(account, identifier, domain)
  return now
}

function changed(before: string, action: AclRequest['action'], rights: string): string {
  if (action === 'add') return inOrder(before + rights)
  if (action === 'remove') return inOrder([...before].filter((right) => !rights.includes(right)))
  return inOrder(rights)
}
