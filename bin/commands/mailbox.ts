import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import type { CheckedAccount, CheckProgress } from '#lib/mail/mailbox/check.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { readState } from '#lib/mail/mailbox/load.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { AccountState } from '#lib/mail/mailbox/state.ts'
import { chosenAccounts, demandSomeone, demandUser, mailDeps } from '../accounts.ts'
import { CommandError } from '../commandError.ts'
import { printJson, printRows, showBytes } from '../output.ts'
import type { Output } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { Progress } from '../progress.ts'
import { addExportCommand } from './mailboxExport.ts'
import { addReindexCommand } from './mailboxReindex.ts'
import { addRestoreCommand } from './mailboxRestore.ts'
import { addShareCommands } from './mailboxShares.ts'
import { addShowCommand } from './mailboxShow.ts'

interface CheckOptions extends PlaceOptions {
  readonly all?: boolean
}

export function addMailboxCommands(program: Command): void {
  const mailbox = program.command('mailbox').description('What users have in their mailboxes, and whether it is whole.')
  withPlace(mailbox.command('list').argument('[user]', 'user@domain; without it every account, one line each').description('Mailboxes, messages, sizes and quota.')).action(listMailboxes)
  addShowCommand(mailbox)
  addRestoreCommand(mailbox)
  addShareCommands(mailbox)
  withPlace(mailbox.command('check').argument('[user...]', 'user@domain, one or more').description('Reads accounts whole and says what is missing, damaged or left over; exit code 1 if there is anything.'))
    .option('--all', 'every account')
    .action(checkMailboxes)
  addReindexCommand(mailbox)
  addExportCommand(mailbox)
}

// ---------------------------------------------------------------- list

async function listMailboxes(user: string | undefined, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const accounts = await inPlace(options, async (place) => {
    const found = []
    for (const account of user === undefined ? await place.directory.listUsers() : [await demandUser(place, user)]) found.push(await factsOf(place, account))
    return found
  })
  if (output.json) return printJson(output, accounts)
  if (user === undefined) printRows(output, accounts.map(accountRow), 'no users')
  else for (const account of accounts) printOne(output, account)
}

interface MailboxFacts {
  readonly mailbox: string
  readonly use: string | null
  readonly messages: number
  readonly unseen: number
  readonly octets: number
  readonly uidNext: number
  readonly uidValidity: number
}

interface AccountFacts {
  readonly user: string
  readonly account: string
  readonly messages: number
  readonly unseen: number
  readonly octets: number
  /** null: unlimited. */
  readonly quota: number | null
  readonly mailboxes: readonly MailboxFacts[]
  /** Why nothing is known of the mailboxes. */
  readonly fault?: string
}

async function factsOf(place: Place, account: Account): Promise<AccountFacts> {
  const { state, fault } = await stateOf(place, account)
  const mailboxes = state.mailboxes().map((mailbox) => ({
    mailbox: mailbox.name,
    use: mailbox.specialUse,
    messages: mailbox.count,
    unseen: mailbox.unseen,
    octets: mailbox.sizeBytes,
    uidNext: mailbox.uidNext,
    uidValidity: mailbox.uidValidity,
  }))
  return {
    user: showAddress(account.address),
    account: account.id,
    messages: state.messageCount,
    unseen: mailboxes.reduce((sum, { unseen }) => sum + unseen, 0),
    octets: state.usedBytes,
    quota: place.directory.quotaOf(account) ?? null,
    mailboxes,
    ...(fault === undefined ? {} : { fault }),
  }
}

/** One account that cannot be read is no reason to be silent about the others. */
async function stateOf(place: Place, account: Account): Promise<{ state: AccountState; fault?: string }> {
  try {
    return { state: await readState(mailDeps(place), account.id) }
  } catch (error) {
    if (error instanceof EntryFormatError || error instanceof MailboxRefusal) return { state: new AccountState(), fault: error.message }
    throw error
  }
}

function accountRow({ user, mailboxes, messages, unseen, octets, quota, fault }: AccountFacts) {
  if (fault !== undefined) return { user, mailboxes: `cannot be read: ${fault}` }
  return { user, mailboxes: mailboxes.length, messages, unseen, size: showBytes(octets), quota: showQuota(quota), used: quota === null ? '-' : `${Math.round((octets / quota) * 100)} %` }
}

function printOne(output: Output, account: AccountFacts): void {
  const { user, quota, octets, fault } = account
  if (fault !== undefined) throw new CommandError(`the mailboxes of ${user} cannot be read: ${fault}`)
  printRows(output, account.mailboxes.map(({ octets: size, ...facts }) => ({ ...facts, octets: showBytes(size) })), `${user} has no mailboxes yet: they are made at the first login or message`)
  output.write(`${user}: ${account.messages} messages, ${account.unseen} unseen, ${showBytes(octets)} of ${showQuota(quota)}\n`)
}

function showQuota(quota: number | null): string {
  return quota === null ? 'unlimited' : showBytes(quota)
}

// ---------------------------------------------------------------- check

async function checkMailboxes(users: readonly string[], options: CheckOptions): Promise<void> {
  demandSomeone(users, options.all)
  const output = outputOf(options)
  const checked = await inPlace(options, async (place) => {
    const done = []
    for (const account of await chosenAccounts(place, users, options.all)) {
      const user = showAddress(account.address)
      const progress = new Progress(user)
      const result = await checkAccount(mailDeps(place), account.id, ({ stage, done: read, total }) => progress.show(read, total, stages[stage])).finally(() => progress.clear())
      if (!output.json) tell(output, user, result)
      done.push({ user, ...result })
    }
    return done
  })
  if (output.json) printJson(output, checked)
  if (checked.some(({ problems }) => problems.length > 0)) process.exitCode = 1
}

function tell(output: Output, user: string, { problems, untold, entries, messages, contents }: CheckedAccount): void {
  const read = `${entries} log entries, ${messages} messages, ${contents} contents read`
  output.write(problems.length === 0 ? `${user}: all is well (${read})\n` : `${user}: ${problems.length + untold} found wrong (${read})\n`)
  for (const { sentence } of problems) output.write(`  ${sentence}.\n`)
  if (untold > 0) output.write(`  And ${untold} more.\n`)
}

const stages: Readonly<Record<CheckProgress['stage'], string>> = { log: 'log entries', contents: 'contents', strays: 'blobs nobody refers to' }
