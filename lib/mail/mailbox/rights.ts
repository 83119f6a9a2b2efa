/**
 * Who may do what with a mailbox: RFC 4314, pure.
 *
 * An identifier is the id of an account, or `anyone`: everybody who has an account in the owner's domain. With `-` in
 * front it takes rights away, whoever gave them. The owner has every right, whatever the list says.
 */
import type { MailboxState } from './mailboxState.ts'

/** RFC 4314 §2.1, in the order in which they are written. */
export const allRights = 'lrswipkxtea'

export const anyone = 'anyone'

export interface Visitor {
  readonly accountId: string
  /** Has an account in the owner's domain. */
  readonly neighbour: boolean
}

/** '' for somebody the list does not name. */
export function rightsOf({ acl }: Pick<MailboxState, 'acl'>, { accountId, neighbour }: Visitor): string {
  if (acl.size === 0) return ''
  const names = neighbour ? [accountId, anyone] : [accountId]
  const granted = names.map((name) => acl.get(name) ?? '').join('')
  const denied = names.map((name) => acl.get(`-${name}`) ?? '').join('')
  return inOrder([...granted].filter((right) => !denied.includes(right)))
}

/** Each once, in the order of {@link allRights}. */
export function inOrder(rights: Iterable<string>): string {
  const given = new Set(rights)
  return [...allRights].filter((right) => given.has(right)).join('')
}

/** RFC 4314 §4: which right changes this flag. */
export function rightForFlag(flag: string): 's' | 't' | 'w' {
  return flag === '\\Seen' ? 's' : flag === '\\Deleted' ? 't' : 'w'
}
