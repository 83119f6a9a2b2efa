import type { Command } from 'commander'
import { systemClock } from '#lib/base/clock.ts'
import { showAddress } from '#lib/formats/address/address.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { accountsKept } from '#lib/mail/mailbox/keptContents.ts'
import { beginAnew, logLength, rebuildAccount } from '#lib/mail/mailbox/rebuild.ts'
import type { Rebuilt } from '#lib/mail/mailbox/rebuild.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { demandSomeone, mailDeps } from '../accounts.ts'
import { confirm } from '../ask.ts'
import { CommandError } from '../commandError.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson } from '../output.ts'
import type { Output } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { Progress } from '../progress.ts'

interface RebuildOptions extends PlaceOptions {
  readonly all?: boolean
  readonly fromBlobs?: boolean
  readonly force?: boolean
  readonly yes?: boolean
}

interface Wanted {
  readonly id: string
  /** Undefined when there is no such user any more. */
  readonly user: string | undefined
  /** Entries that its log has had. */
  readonly entries: number
}

interface Outcome extends Wanted {
  /** Undefined where the log was left as it is. */
  readonly rebuilt?: Rebuilt
}

export function addRebuildCommand(program: Command): void {
  withPlace(program.command('rebuild').argument('[account...]', 'user@domain, or the id of an account whose user is lost').description('Makes accounts anew from the blobs of their messages, when their logs are lost. What only the log knew is lost with it: flags, moves, removals.'))
    .option('--from-blobs', 'from blobs alone; has to be said')
    .option('--all', 'every account that has blobs, but none that has a log')
    .option('--force', 'also where a log is, which is thrown away')
    .option('--yes', 'do not ask')
    .action(rebuild)
}

async function rebuild(names: readonly string[], options: RebuildOptions): Promise<void> {
  demandSomeone(names, options.all)
  if (options.fromBlobs !== true) throw new CommandError('say --from-blobs: accounts are made anew from the blobs of their messages, and flags, moves and removals are lost')
  const output = outputOf(options)
  const outcomes = await inPlace(options, async (place) => {
    const wanted = await chosen(place, names, options.all === true)
    await demandLeave(wanted, options)
    const done: Outcome[] = []
    for (const one of wanted) {
      const outcome = one.entries > 0 && options.force !== true ? one : { ...one, rebuilt: await rebuildOne(place, one) }
      if (!output.json) tell(output, outcome, options)
      done.push(outcome)
    }
    return done
  })
  if (output.json) printJson(output, outcomes.map(toJson))
  else if (outcomes.length === 0) output.write('no account has blobs\n')
  if (outcomes.some(({ rebuilt }) => (rebuilt?.unreadable.length ?? 0) > 0)) process.exitCode = 1
}

async function chosen(place: Place, names: readonly string[], all: boolean): Promise<Wanted[]> {
  const users = new Map((await place.directory.listUsers()).map(({ id, address }) => [id, showAddress(address)]))
  const ids = all ? await accountsKept(place.engine.blobs) : await Promise.all(names.map((name) => idOf(place, name)))
  return await Promise.all(ids.map(async (id) => ({ id, user: users.get(id), entries: await logLength(place.engine, id) })))
}

async function idOf({ directory, engine }: Place, name: string): Promise<string> {
  if (name.includes('@')) {
    const account = await directory.user(name)
    if (account === undefined) throw new CommandError(`there is no user ${name}: name the id of the account, which "pennypost rebuild --all --from-blobs" shows`)
    return account.id
  }
  if (!/^[\w-]+$/.test(name) || (await engine.blobs.list(`mail/${name}/`)).items.length === 0) throw new CommandError(`there are no blobs of an account ${name}`)
  return name
}

/** A log is not thrown away unless that was said, and said again. */
async function demandLeave(wanted: readonly Wanted[], { all = false, force = false, yes = false }: RebuildOptions): Promise<void> {
  const withLog = wanted.filter(({ entries }) => entries > 0)
  if (withLog.length === 0) return
  if (force) return await confirm(`Throw away the log of ${withLog.map((one) => `${nameOf(one)} (${one.entries} entries)`).join(', ')}? Flags, moves and removals are forgotten, and messages removed lately come back.`, { yes })
  // With --all they are passed over.
  if (!all) throw new CommandError(`nothing was changed: ${withLog.map((one) => `${nameOf(one)} has a log of ${one.entries} entries`).join(', ')}; "pennypost mailbox check" says whether it is whole, and --force throws it away`)
}

async function rebuildOne(place: Place, one: Wanted): Promise<Rebuilt> {
  const deps: MailDeps = { ...mailDeps(place), bell: place.engine.bell, feed: place.feed }
  const progress = new Progress(nameOf(one))
  try {
    if (one.entries > 0) await beginAnew(deps, one.id)
    return await rebuildAccount(deps, place.mailStore, one.id, (done) => progress.show(done, undefined, 'contents'))
  } catch (error) {
    throw error instanceof MailboxRefusal ? new CommandError(`${nameOf(one)}: ${error.message}; say the same again with --force`) : error
  } finally {
    progress.clear()
  }
}

const nameOf = ({ id, user }: Wanted): string => user ?? id
const now = (): string => new Date(systemClock.now()).toISOString().slice(0, 16).replace('T', ' ') + 'Z'

function tell({ write }: Output, outcome: Outcome, { stack, aws }: RebuildOptions): void {
  const { rebuilt, entries, id, user } = outcome
  if (rebuilt === undefined) return write(`${nameOf(outcome)}: has a log of ${entries} entries, and is left as it is\n`)
  const { mailboxes, homeless, twice, unreadable } = rebuilt
  const count = [...mailboxes.values()].reduce((sum, one) => sum + one, 0)
  write(`${nameOf(outcome)}: ${count} messages, made anew from blobs (${now()})\n`)
  for (const [mailbox, messages] of mailboxes) write(`  ${mailbox}: ${messages}\n`)
  if (homeless > 0) write(`  ${homeless} of those in INBOX do not say where they were.\n`)
  if (twice > 0) write(`  ${twice} contents were the same delivery a second time, and are passed over.\n`)
  for (const { key, reason } of unreadable) write(`  The blob ${key} ${reason}.\n`)
  write('  Not known any more: flags and keywords, what was moved, copied or removed since (all stands where it came in, removed messages of\n  the last weeks too), names given to mailboxes later, subscriptions, sharing and annotations.\n')
  if (user === undefined) write(`  Nobody can read it yet: pennypost ${aws === true ? `--aws ${stack === undefined ? '' : `--stack ${stack} `}` : ''}user add ADDRESS --account ${id}\n`)
}

function toJson({ id, user, entries, rebuilt }: Outcome) {
  const facts = { account: id, user: user ?? null, logEntriesBefore: entries }
  if (rebuilt === undefined) return { ...facts, rebuilt: false }
  const { mailboxes, homeless, twice, unreadable } = rebuilt
  return { ...facts, rebuilt: true, mailboxes: Object.fromEntries(mailboxes), homeless, twice, unreadable, unknown: ['flags', 'moves', 'copies', 'removals', 'renames', 'subscriptions', 'sharing', 'annotations'] }
}
