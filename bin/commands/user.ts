import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { askPassword, confirm } from '../ask.ts'
import { CommandError } from '../commandError.ts'
import { printFacts, printJson, printRows, say, showBytes, showTime } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { readLimit, readQuota } from '../readers.ts'
import type { Choice } from '../readers.ts'

interface ChangeOptions extends PlaceOptions {
  readonly name?: string
  readonly quota?: Choice<number>
  readonly maxMessages?: Choice<number>
  readonly maxMailboxes?: Choice<number>
}

interface PasswordOptions extends PlaceOptions {
  readonly passwordStdin?: boolean
}

interface AddOptions extends ChangeOptions, PasswordOptions {
  /** False for `--no-password`. */
  readonly password: boolean
  readonly account?: string
}

interface RemoveOptions extends PlaceOptions {
  readonly force?: boolean
  readonly deleteMail?: boolean
  readonly yes?: boolean
}

export function addUserCommands(program: Command): void {
  const user = program.command('user').description('The people who have mailboxes here.')
  const one = (word: string, sentence: string): Command => withPlace(user.command(word).argument('<address>', 'user@domain').description(sentence))
  withChanges(one('add', 'Makes a user with mailboxes; asks for the password.'))
    .option('--password-stdin', 'read the password from standard input')
    .option('--no-password', 'the user logs in with app passwords only')
    .option('--account <id>', 'take over the mail that was kept of a removed user')
    .action(addUser)
  withPlace(user.command('list').argument('[domain]', 'only users of this domain').description('Every user.')).action(listUsers)
  one('show', 'One user: state, aliases, mail and quota.').action(showUser)
  withChanges(one('set', 'Changes name or limits.')).action(setUser)
  one('password', 'Sets a new password; the old one and a lock by failed logins end.').option('--password-stdin', 'read the password from standard input').action(setPassword)
  one('disable', 'No login and no mail for this user; what is there stays.').action((address: string, options: PlaceOptions) => setDisabled(address, true, options))
  one('enable', 'Ends a disable.').action((address: string, options: PlaceOptions) => setDisabled(address, false, options))
  one('unlock', 'Ends a lock by failed logins.').action(unlock)
  one('remove', 'Removes a user. Mail is kept unless --delete-mail is said.')
    .option('--force', 'also when aliases or a catch-all lead to this user: they lose this target')
    .option('--delete-mail', 'delete the mail of this user')
    .option('--yes', 'do not ask')
    .action(removeUser)
}

function withChanges(command: Command): Command {
  return command
    .option('--name <name>', 'the name of the person')
    .option('--quota <size>', 'what the user may hold, such as "20 KiB" or "5 GiB"; "none" or "default"', readQuota)
    .option('--max-messages <count>', 'how many messages the user may hold; "none" or "default"', readLimit)
    .option('--max-mailboxes <count>', 'how many mailboxes the user may have; "none" or "default"', readLimit)
}

async function addUser(address: string, options: AddOptions): Promise<void> {
  const { name, quota, account: accountId } = options
  await inPlace(options, async (place) => {
    // Before anybody is asked for a password that would be of no use.
    await demandRoomFor(place, address)
    const password = options.password ? await askPassword(options) : undefined
    const account = await place.directory.addUser({
      address,
      ...(password === undefined ? {} : { password }),
      ...(name === undefined ? {} : { name }),
      ...(quota === undefined ? {} : { quotaBytes: quota.is }),
      ...(accountId === undefined ? {} : { accountId }),
    })
    await place.mailStore.createAccount(account.id)
    const limits = limitsOf(options)
    const limited = limits === undefined ? account : await place.directory.setLimits(account.address, limits)
    say(outputOf(options), `${showAddress(account.address)} has mailboxes now and can log in`, limited)
  })
}

async function demandRoomFor({ directory }: Place, address: string): Promise<void> {
  if ((await directory.user(address)) !== undefined) throw new CommandError(`${address} is a user already`)
  const domain = address.slice(address.lastIndexOf('@') + 1)
  if (address.includes('@') && (await directory.domain(domain)) === undefined) throw new CommandError(`${domain} is not a domain here: pennypost domain add ${domain}`)
}

async function listUsers(domain: string | undefined, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const users = await inPlace(options, ({ directory }) => directory.listUsers(domain))
  if (output.json) return printJson(output, users)
  const rows = users.map((user) => ({ user: showAddress(user.address), name: user.name, state: stateOf(user), quota: showQuota(user.quotaBytes), since: showTime(user.createdAt) }))
  printRows(output, rows, 'there is no user yet: pennypost user add ann@example.com')
}

async function showUser(address: string, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  await inPlace(options, async (place) => {
    const account = await demandUser(place, address)
    const [, ...aliases] = await place.directory.addressesOf(account)
    const appPasswords = await place.directory.listAppPasswords(account.address)
    const mail = await mailOf(place, account)
    const lockedUntil = (await place.directory.lockedUntil(account.address)) ?? null
    if (output.json) return printJson(output, { ...account, aliases, appPasswords: appPasswords.length, lockedUntil, ...mail })
    printFacts(output, {
      user: showAddress(account.address),
      name: account.name,
      state: stateOf(account) + (lockedUntil === null ? '' : `, locked by failed logins until ${showTime(lockedUntil)}`),
      aliases: aliases.map(showAddress).join(', ') || null,
      'app passwords': appPasswords.length,
      messages: mail.messages,
      used: showBytes(mail.usedBytes),
      quota: showQuota(account.quotaBytes),
      'most messages': showLimit(account.quotaMessages),
      'most mailboxes': showLimit(account.quotaMailboxes),
      account: account.id,
      since: showTime(account.createdAt),
    })
  })
}

async function mailOf({ mailStore }: Place, { id }: Account): Promise<{ messages: number; usedBytes: number }> {
  const mail = await mailStore.open(id)
  try {
    return { messages: mail.state.messageCount, usedBytes: mail.state.usedBytes }
  } finally {
    mail.release()
  }
}

async function setUser(address: string, options: ChangeOptions): Promise<void> {
  const { name, quota } = options
  const limits = { ...limitsOf(options), ...(quota === undefined ? {} : { quotaBytes: quota.is }) }
  if (name === undefined && Object.keys(limits).length === 0) throw new CommandError('nothing to change: say --name, --quota, --max-messages or --max-mailboxes')
  await inPlace(options, async ({ directory }) => {
    const named = name === undefined ? undefined : await directory.setName(address, name)
    const account = Object.keys(limits).length === 0 ? named : await directory.setLimits(address, limits)
    say(outputOf(options), `${address} is changed`, account)
  })
}

/** Besides the quota; undefined when nothing is said of them. */
function limitsOf({ maxMessages, maxMailboxes }: ChangeOptions): { quotaMessages?: number | null; quotaMailboxes?: number | null } | undefined {
  if (maxMessages === undefined && maxMailboxes === undefined) return undefined
  return { ...(maxMessages === undefined ? {} : { quotaMessages: maxMessages.is }), ...(maxMailboxes === undefined ? {} : { quotaMailboxes: maxMailboxes.is }) }
}

async function setPassword(address: string, options: PasswordOptions): Promise<void> {
  await inPlace(options, async (place) => {
    const { address: known } = await demandUser(place, address)
    await place.directory.setPassword(known, await askPassword(options))
    say(outputOf(options), `${showAddress(known)} has a new password`, { address: known, changed: true })
  })
}

async function setDisabled(address: string, disabled: boolean, options: PlaceOptions): Promise<void> {
  const account = await inPlace(options, ({ directory }) => directory.setDisabled(address, disabled))
  say(outputOf(options), `${showAddress(account.address)} is ${disabled ? 'disabled: no login and no mail' : 'enabled'}`, account)
}

async function unlock(address: string, options: PlaceOptions): Promise<void> {
  await inPlace(options, async (place) => {
    const { address: known } = await demandUser(place, address)
    const unlocked = await place.directory.endLock(known)
    say(outputOf(options), `${showAddress(known)} ${unlocked ? 'is unlocked' : 'was not locked'}`, { address: known, unlocked })
  })
}

async function removeUser(address: string, options: RemoveOptions): Promise<void> {
  const { force = false, deleteMail = false } = options
  await inPlace(options, async (place) => {
    const account = await demandUser(place, address)
    const shown = showAddress(account.address)
    const { messages, usedBytes } = await mailOf(place, account)
    const amount = `${messages} messages, ${showBytes(usedBytes)}`
    await confirm(`Remove ${shown}? The mail (${amount}) is ${deleteMail ? 'DELETED' : 'kept'}.`, options)
    await place.directory.removeUser(account.address, { force, ...(deleteMail ? { deleteMail: (id: string) => place.mailStore.deleteAccount(id) } : {}) })
    const sentence = deleteMail ? `${shown} is removed, the mail (${amount}) is deleted` : `${shown} is removed; the mail (${amount}) is kept: pennypost user add ADDRESS --account ${account.id} takes it over`
    say(outputOf(options), sentence, { removed: account.address, account: account.id, mailDeleted: deleteMail })
  })
}

async function demandUser({ directory }: Place, address: string): Promise<Account> {
  const account = await directory.user(address)
  if (account === undefined) throw new CommandError(`there is no user ${address}`)
  return account
}

const stateOf = ({ disabled }: Account): string => (disabled ? 'disabled' : 'enabled')
const showQuota = (bytes: number | null): string => showLimit(bytes, showBytes)
const showLimit = (limit: number | null | undefined, show: (limit: number) => string = String): string => (limit === null || limit === undefined ? 'default' : limit === 0 ? 'none' : show(limit))
