import type { Command } from 'commander'
import { printJson, printRows, say, showTime } from '../output.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { inPlace } from '../place.ts'

interface AddOptions extends PlaceOptions {
  readonly label: string
}

export function addAppPasswordCommands(program: Command): void {
  const appPassword = program.command('app-password').description('Passwords for single programs and devices, each revoked by itself.')
  withPlace(appPassword.command('add').argument('<address>', 'the user').description('Makes an app password and shows it, this once.'))
    .requiredOption('--label <words>', 'which program or device it is for')
    .action(addAppPassword)
  withPlace(appPassword.command('list').argument('<address>', 'the user').description('The app passwords of a user, without the passwords themselves.')).action(listAppPasswords)
  withPlace(appPassword.command('revoke').argument('<address>', 'the user').argument('<which>', 'its id or label').description('No login with this app password from now on.')).action(revokeAppPassword)
}

async function addAppPassword(address: string, { label, ...options }: AddOptions): Promise<void> {
  const { token, ...made } = await inPlace(options, ({ directory }) => directory.addAppPassword({ address, label }))
  say(outputOf(options), `app password of ${address} for "${made.label}", shown only now: ${token}`, { ...made, password: token })
}

async function listAppPasswords(address: string, options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const found = await inPlace(options, ({ directory }) => directory.listAppPasswords(address))
  if (output.json) return printJson(output, found)
  printRows(output, found.map(({ id, label, createdAt }) => ({ id, label, since: showTime(createdAt) })), `${address} has no app password`)
}

async function revokeAppPassword(address: string, which: string, options: PlaceOptions): Promise<void> {
  const revoked = await inPlace(options, ({ directory }) => directory.revokeAppPassword(address, which))
  say(outputOf(options), `the app password "${revoked.label}" of ${address} is revoked`, revoked)
}
