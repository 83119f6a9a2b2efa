import type { Command } from 'commander'
import { showAddress } from '#lib/formats/address/address.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { restoreMessages } from '#lib/mail/mailbox/restore.ts'
import type { Restored } from '#lib/mail/mailbox/restore.ts'
import { planRestore } from '#lib/mail/mailbox/restorePlan.ts'
import type { RestorePlan } from '#lib/mail/mailbox/restorePlan.ts'
import { demandUser } from '../accounts.ts'
import { CommandError } from '../commandError.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson, printRows, showBytes, showDuration, showTime } from '../output.ts'
import type { Output } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { asOfSentence, readAsOf, readPast } from './mailboxShow.ts'

interface RestoreCommandOptions extends PlaceOptions {
  readonly asOf: number
  readonly into?: string
  readonly mailbox?: string
  readonly dryRun?: boolean
}

interface Outcome {
  readonly user: string
  readonly plan: RestorePlan
  readonly restored: Restored
  readonly retentionMs: number
}

export function addRestoreCommand(mailbox: Command): void {
  withPlace(mailbox.command('restore').argument('<user>', 'user@domain').description('Brings back messages that were there at a time and were removed since, into their mailboxes, with their flags; the server may run. Only what is removed for good counts: a message in Trash is still there.'))
    .requiredOption('--as-of <time>', asOfSentence, readAsOf)
    .option('--into <folder>', 'all into this mailbox; it is made when it is not there')
    .option('--mailbox <name>', 'only what was in this one then')
    .option('--dry-run', 'only say what would come back')
    .action(restore)
}

async function restore(user: string, options: RestoreCommandOptions): Promise<void> {
  const output = outputOf(options)
  const outcome = await inPlace(options, (place) => restoreOne(place, user, options))
  if (output.json) printJson(output, toJson(outcome, options))
  else tell(output, outcome, options)
  if (outcome.plan.lost > 0) process.exitCode = 1
}

async function restoreOne(place: Place, user: string, { asOf, into, mailbox, dryRun = false }: RestoreCommandOptions): Promise<Outcome> {
  const account = await demandUser(place, user)
  const { state } = await readPast(place, account, asOf)
  const mail = await place.mailStore.open(account.id)
  try {
    const plan = await planRestore(mail, { past: state, time: asOf, ...(mailbox === undefined ? {} : { mailbox }) })
    const { bytes, messages } = place.directory.limitsOf(account)
    const limits = { ...(bytes === undefined ? {} : { quotaBytes: bytes }), ...(messages === undefined ? {} : { quotaMessages: messages }) }
    const restored = dryRun ? { mailboxes: new Map<string, number>(), created: [] } : await restoreMessages(mail, plan.messages, { ...limits, ...(into === undefined ? {} : { into }) })
    return { user: showAddress(account.address), plan, restored, retentionMs: place.config.mailbox.retentionMs }
  } catch (error) {
    throw error instanceof MailboxRefusal ? new CommandError(`nothing more is restored: ${error.message}`) : error
  } finally {
    mail.release()
  }
}

function toJson({ user, plan, restored }: Outcome, { asOf, dryRun = false }: RestoreCommandOptions) {
  const { messages, here, elsewhere, tooOld, lost, later } = plan
  return {
    user,
    asOf: new Date(asOf).toISOString(),
    dryRun,
    restorable: messages.map(({ mailbox, uid, flags, internalDate, sizeBytes }) => ({ mailbox: mailbox.name, uid, flags, date: new Date(internalDate).toISOString(), octets: sizeBytes })),
    restored: Object.fromEntries(restored.mailboxes),
    created: restored.created,
    stillThere: here,
    elsewhere: Object.fromEntries(elsewhere),
    tooOld,
    lost,
    later,
  }
}

function tell(output: Output, { user, plan, restored, retentionMs }: Outcome, { asOf, dryRun = false, into }: RestoreCommandOptions): void {
  const { messages, elsewhere, tooOld, lost, later } = plan
  const when = showTime(asOf)
  if (dryRun) tellPlan(output, plan, into)
  else printRows(output, [...restored.mailboxes].map(([mailbox, count]) => ({ mailbox, restored: count, made: restored.created.includes(mailbox) })), `nothing to restore: what ${user} had at ${when} is there`)
  const sum = [...restored.mailboxes.values()].reduce((all, count) => all + count, 0)
  const size = showBytes(messages.reduce((all, { sizeBytes }) => all + sizeBytes, 0))
  output.write(`${user}, as of ${when}: ${dryRun ? `${messages.length} messages (${size}) would come back` : `${sum} messages restored`}, ${plan.here} are still where they were\n`)
  if (elsewhere.size > 0) output.write(`  Not removed but moved: ${[...elsewhere].map(([mailbox, count]) => `${count} to ${mailbox}`).join(', ')}.\n`)
  if (tooOld > 0) output.write(`  ${tooOld} were removed longer ago than they are kept (mailbox.retentionMs, ${showDuration(retentionMs)}), or will be given up within the hour.\n`)
  if (lost > 0) output.write(`  ${lost} cannot be had: their content is missing; "pennypost mailbox check ${user}" says more.\n`)
  if (later > 0) output.write(`  ${later} came after that time and were removed since: a later time brings them back.\n`)
}

function tellPlan(output: Output, { messages }: RestorePlan, into: string | undefined): void {
  const counts = new Map<string, number>()
  for (const { mailbox } of messages) counts.set(mailbox.name, (counts.get(mailbox.name) ?? 0) + 1)
  if (counts.size > 0) printRows(output, [...counts].map(([mailbox, count]) => ({ mailbox, 'to restore': count, into: into ?? mailbox })), '')
}
