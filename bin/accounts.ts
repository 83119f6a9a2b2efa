/** The accounts that a command is about, and what reading them needs. */
import { systemClock } from '#lib/base/clock.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import type { SnapshotDeps } from '#lib/mail/mailbox/snapshotKeeper.ts'
import { CommandError } from './commandError.ts'
import type { Place } from './place.ts'

/** @throws {CommandError} when there is no such user */
export async function demandUser({ directory }: Pick<Place, 'directory'>, user: string): Promise<Account> {
  const account = await directory.user(user)
  if (account === undefined) throw new CommandError(`there is no user ${user}`)
  return account
}

/** @throws {CommandError} before anything is opened */
export function demandSomeone(users: readonly string[], all: boolean | undefined): void {
  if (users.length === 0 && all !== true) throw new CommandError('name one user or more, or say --all')
}

/** @throws {CommandError} when one of them is no user */
export async function chosenAccounts(place: Pick<Place, 'directory'>, users: readonly string[], all = false): Promise<Account[]> {
  if (all) return await place.directory.listUsers()
  const accounts: Account[] = []
  for (const user of users) accounts.push(await demandUser(place, user))
  return accounts
}

export function mailDeps({ engine, log, config }: Place): SnapshotDeps {
  return { table: engine.table, blobs: engine.blobs, clock: systemClock, log, settings: config.mailbox }
}
