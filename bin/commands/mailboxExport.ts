import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { folderPaths } from '#lib/formats/maildir/folderPath.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { chosenAccounts, demandSomeone, mailDeps } from '../accounts.ts'
import { CommandError } from '../commandError.ts'
import { exportAccount, exportFormats } from '../export/account.ts'
import type { ExportFormat, ExportedMailbox } from '../export/account.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson } from '../output.ts'
import type { Output } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { Progress } from '../progress.ts'

interface ExportOptions extends PlaceOptions {
  readonly to: string
  readonly format: ExportFormat
  readonly all?: boolean
}

interface Exported {
  readonly user: string
  readonly directory: string
  readonly mailboxes: readonly ExportedMailbox[]
  /** Why nothing could be taken along. */
  readonly fault?: string
}

export function addExportCommand(mailbox: Command): void {
  withPlace(mailbox.command('export').argument('[user...]', 'user@domain, one or more').description('Writes all messages of accounts into a directory that other programs read, each account in a folder of its own. Said again, it writes what is new. Exit code 1 when something could not be read.'))
    .requiredOption('--to <directory>', 'where to; made when it is not there')
    .addOption(new Option('--format <format>', 'maildir: a file for each message, with flags and dates; mbox: a file for each mailbox').choices(exportFormats).default('maildir'))
    .option('--all', 'every account')
    .action(exportMailboxes)
}

async function exportMailboxes(users: readonly string[], options: ExportOptions): Promise<void> {
  demandSomeone(users, options.all)
  const output = outputOf(options)
  const to = resolve(options.to)
  const done = await inPlace(options, async (place) => {
    demandDirectory(to)
    const exported: Exported[] = []
    for (const account of await chosenAccounts(place, users, options.all)) {
      const one = await exportOne(place, account, to, options.format)
      if (!output.json) tell(output, one)
      exported.push(one)
    }
    return exported
  })
  if (output.json) printJson(output, done)
  if (done.some(({ fault, mailboxes }) => fault !== undefined || mailboxes.some(({ failed }) => failed.length > 0))) process.exitCode = 1
}

function demandDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new CommandError(`${directory} cannot be written: ${(error as Error).message}`)
  }
}

/** One account that cannot be read is no reason to leave the others behind; a full disk is. */
async function exportOne(place: Place, account: Account, to: string, format: ExportFormat): Promise<Exported> {
  const user = showAddress(account.address)
  const directory = join(to, ...(folderPaths([user]).get(user) ?? []))
  const progress = new Progress(user)
  try {
    return { user, directory, mailboxes: await exportAccount(mailDeps(place), { accountId: account.id, user, directory, format, onProgress: (read, total) => progress.show(read, total, 'messages') }) }
  } catch (error) {
    if (error instanceof EntryFormatError || error instanceof MailboxRefusal) return { user, directory, mailboxes: [], fault: error.message }
    if (typeof (error as NodeJS.ErrnoException).syscall === 'string') throw new CommandError(`${user}: ${(error as Error).message}; say the same again when that is mended`)
    throw error
  } finally {
    progress.clear()
  }
}

function tell({ write }: Output, { user, directory, mailboxes, fault }: Exported): void {
  if (fault !== undefined) return write(`${user}: nothing could be taken along: ${fault}\n`)
  const sum = (count: (one: ExportedMailbox) => number): number => mailboxes.reduce((all, one) => all + count(one), 0)
  write(`${user}: ${sum(({ written }) => written)} messages written, ${sum(({ there }) => there)} were there already; ${mailboxes.length} mailboxes in ${directory}\n`)
  for (const { mailbox, left, keywordsLost, failed } of mailboxes) {
    for (const { uid, reason } of failed) write(`  ${mailbox}, UID ${uid}: cannot be read: ${reason}\n`)
    if (left > 0) write(`  ${mailbox}: ${left} messages that have left it since are there as well.\n`)
    if (keywordsLost > 0) write(`  ${mailbox}: a Maildir has no letter for ${keywordsLost} of its keywords; messages lack them there.\n`)
  }
}
