/** The first start of a newcomer: a domain with two users, so that there is something to try. */
import { randomBytes } from 'node:crypto'
import type { Directory } from '#lib/mail/accounts/directory.ts'
import type { MailStore } from '#lib/mail/mailbox/store.ts'

export const demoDomain = 'demo.test'
const names = ['alice', 'bob']

export interface DemoUser {
  readonly address: string
  /** Nowhere else but here: shown once. */
  readonly password: string
}

/** Only where there is no domain at all yet; else nobody. */
export async function makeDemo({ directory, mailStore }: { directory: Directory; mailStore: MailStore }): Promise<DemoUser[]> {
  if ((await directory.listDomains()).length > 0) return []
  await directory.addDomain({ name: demoDomain })
  return await Promise.all(
    names.map(async (name) => {
      const user = { address: `${name}@${demoDomain}`, password: makePassword() }
      const account = await directory.addUser(user)
      await mailStore.createAccount(account.id)
      return user
    }),
  )
}

// 32 signs, none taken for another: 16 of them are 80 random bits.
const signs = 'abcdefghijkmnpqrstuvwxyz23456789'

function makePassword(): string {
  const letters = Array.from(randomBytes(16), (octet) => signs[octet % signs.length]).join('')
  return letters.replace(/(.{4})(?=.)/g, '$1-')
}
