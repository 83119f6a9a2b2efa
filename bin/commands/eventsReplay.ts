import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { replayEvents } from '#lib/mail/events/replay.ts'
import { positionOf } from '#lib/mail/events/since.ts'
import { CommandError } from '../commandError.ts'
import { openTargets } from '../eventTargets.ts'
import type { EventTarget } from '../eventTargets.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { say } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { accountIdOf, readPosition, readStretch, toOption, typeOption } from './eventsStretch.ts'

interface ReplayOptions extends PlaceOptions {
  readonly account?: string
  readonly all?: boolean
  readonly from?: number
  readonly since?: number
  readonly to?: number
  readonly type?: readonly string[]
}

interface Start {
  readonly account: string
  readonly from: number
}

interface Done {
  readonly to: string
  readonly events: number
  readonly accounts: number
  /** Where it stopped, and why; nothing behind that was sent. */
  readonly stopped?: { readonly account: string; readonly sequence: number; readonly reason: string }
}

export function addReplayCommand(events: Command): void {
  withPlace(events.command('replay').description('Sends events once more, to the webhooks of events.urls or the bus of a deployment; exit code 1 when they were not taken.'))
    .option('--account <account>', 'user@domain, or the id of an account')
    .addOption(new Option('--all', 'every account; needs --since').conflicts('account'))
    .option('--from <sequence>', 'the position to begin with', readPosition)
    .addOption(new Option('--since <time>', 'instead of a position: what happened from this time on, such as 2026-11-25T14:05Z').argParser(readTime).conflicts('from'))
    .addOption(toOption())
    .addOption(typeOption())
    .action(replay)
}

/** @returns ms */
function readTime(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) throw new InvalidArgumentError('A time such as 2026-11-25T14:05Z is expected.')
  return time
}

async function replay(options: ReplayOptions): Promise<void> {
  demandStart(options)
  const done = await inPlace(options, async (place) => {
    const targets = await openTargets(options, place)
    const starts = await startsOf(place, options)
    const all: Done[] = []
    for (const target of targets) all.push(await replayTo(place, target, starts, options))
    return all
  })
  if (done.some(({ stopped }) => stopped !== undefined)) process.exitCode = 1
  say(outputOf(options), done.map((one) => sentenceOf(one, options.all === true)).join('\n'), done)
}

function demandStart({ account, all, from, since }: ReplayOptions): void {
  if (account === undefined && all !== true) throw new CommandError('name an account with --account, or say --all')
  if (from === undefined && since === undefined) throw new CommandError('say where to begin: --from SEQUENCE, or --since TIME')
  if (all === true && since === undefined) throw new CommandError('positions are those of one account: say --since TIME with --all')
}

/** Accounts in which nothing has happened since then have no place to begin. */
async function startsOf(place: Place, { account, from, since = 0 }: ReplayOptions): Promise<Start[]> {
  const accounts = account === undefined ? (await place.directory.listUsers()).map(({ id }) => id) : [await accountIdOf(place, account)]
  const starts: Start[] = []
  for (const id of accounts) {
    const position = from ?? (await positionOf(place.engine.table, id, since))
    if (position !== undefined) starts.push({ account: id, from: position })
  }
  return starts
}

async function replayTo(place: Place, { name, take }: EventTarget, starts: readonly Start[], { to, type }: ReplayOptions): Promise<Done> {
  let events = 0
  for (const { account, from } of starts) {
    const done = await replayEvents(readStretch(place, account, { from, to, type }), take, place.config.events.batch)
    events += done.events
    if (done.stopped !== undefined) return { to: name, events, accounts: starts.length, stopped: { account, ...done.stopped } }
  }
  return { to: name, events, accounts: starts.length }
}

function sentenceOf({ to, events, accounts, stopped }: Done, all: boolean): string {
  const sent = `${to}: ${events} events${all ? ` of ${accounts} accounts` : ''} sent`
  if (stopped === undefined) return sent
  return `${sent}, then "${stopped.reason}"; ${all ? 'say the same again, or ' : ''}go on with ${all ? `--account ${stopped.account} ` : ''}--from ${stopped.sequence}`
}
