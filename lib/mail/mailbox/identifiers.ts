/**
 * Identifiers as people write them, and as the log keeps them: the id of an account instead of its address, so that who
 * gets the address later gets no rights.
 */
import type { Account } from '#lib/mail/accounts/account.ts'
import { anyone } from './rights.ts'

export interface People {
  account(id: string): Promise<Account | undefined>
  user(address: string): Promise<Account | undefined>
}

/** Without a domain, that of the owner is meant. Undefined when there is no such user. */
export async function readIdentifier(people: Pick<People, 'user'>, identifier: string, domain: string): Promise<string | undefined> {
  const [sign, name] = split(identifier)
  if (name.toLowerCase() === anyone) return sign + anyone
  const account = await people.user(name.includes('@') ? name : `${name}@${domain}`)
  return account === undefined ? undefined : sign + account.id
}

/** The id itself of a user who is gone. */
export async function showIdentifier(people: Pick<People, 'account'>, stored: string): Promise<string> {
  const [sign, id] = split(stored)
  return id === anyone ? stored : sign + ((await people.account(id))?.address ?? id)
}

function split(identifier: string): readonly [sign: string, name: string] {
  return identifier.startsWith('-') ? ['-', identifier.slice(1)] : ['', identifier]
}
