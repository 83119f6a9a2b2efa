import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { eventTypes } from '#lib/formats/events/event.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { readDue } from '#lib/mail/events/feed.ts'
import { readEvents, replayEvents } from '#lib/mail/events/replay.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { readEnd } from '#lib/mail/mailbox/tail.ts'
import { CommandError } from '../commandError.ts'
import { openTargets } from '../eventTargets.ts'
import { collect, outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson, printRows, say } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'

interface StretchOptions extends PlaceOptions {
  readonly account: string
  readonly from: number
  readonly to?: number
  readonly type?: readonly string[]
}

interface ListOptions extends StretchOptions {
  readonly limit: number
}

export function addEventsCommands(program: Command): void {
  const events = program.command('events').description('What happened to mail, as other programs are told of it (docs/events.md).')
  withStretch(events.command('list').description('Events of an account, as its log tells them.'), 1)
    .option('--limit <n>', 'the most events', readPosition, 200)
    .action(listEvents)
  withPlace(events.command('status').description('Each webhook of events.urls, and how many accounts have events that it has not got yet.')).action(showStatus)
  withStretch(events.command('replay').description('Sends events once more, to the webhooks of events.urls or the bus of a deployment; exit code 1 when they were not taken.')).action(replay)
}

const mostWaiting = 100_000
const namedAccounts = 5

/** Of webhooks; a bus shows by its own alarms how late it is. */
async function showStatus(options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  const found = await inPlace(options, async ({ config, engine }) => await Promise.all(config.events.urls.map(async (url) => ({ url, accounts: await readDue(engine.table, url, mostWaiting) }))))
  if (output.json) return printJson(output, found.map(({ url, accounts }) => ({ url, waiting: accounts.length, accounts: accounts.slice(0, namedAccounts) })))
  const rows = found.map(({ url, accounts }) => ({ url: new URL(url).host + new URL(url).pathname, waiting: accounts.length, accounts: accounts.length === 0 ? '-' : accounts.slice(0, namedAccounts).join(', ') + (accounts.length > namedAccounts ? ', ...' : '') }))
  printRows(output, rows, 'events are sent nowhere: events.urls is empty')
}

function withStretch(command: Command, first?: number): Command {
  const from = ['--from <sequence>', 'the position to begin with'] as const
  const made = withPlace(command).requiredOption('--account <account>', 'user@domain, or the id of an account')
  if (first === undefined) made.requiredOption(...from, readPosition)
  else made.option(...from, readPosition, first)
  return made.option('--to <sequence>', 'the last position; default: the end of the log', readPosition).option('--type <type>', `only these: ${eventTypes.join(', ')}; may be repeated`, readType)
}

function readPosition(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is expected.')
  return Number(text)
}

function readType(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!(eventTypes as readonly string[]).includes(text)) throw new InvalidArgumentError(`One of ${eventTypes.join(', ')} is expected.`)
  return collect(text, before)
}

async function listEvents(options: ListOptions): Promise<void> {
  const output = outputOf(options)
  const found = await inPlace(options, async (place) => await gather(read(place, await accountId(place, options.account), options), options.limit + 1))
  const shown = found.slice(0, options.limit)
  if (output.json) return printJson(output, shown)
  printRows(output, shown.map((event) => ({ sequence: event.sequence, time: event.time.replace('T', ' ').slice(0, 19) + 'Z', type: event.type, what: summaryOf(event) })), 'no events')
  const next = found[options.limit]
  if (next !== undefined) output.write(`And more: go on with --from ${next.sequence}.\n`)
}

async function replay(options: StretchOptions): Promise<void> {
  const done = await inPlace(options, async (place) => {
    const account = await accountId(place, options.account)
    const all = []
    for (const { name, take } of await openTargets(options, place)) all.push({ to: name, ...(await replayEvents(read(place, account, options), take, place.config.events.batch)) })
    return all
  })
  if (done.some(({ stopped }) => stopped !== undefined)) process.exitCode = 1
  say(outputOf(options), done.map(({ to, events, stopped }) => `${to}: ${events} events sent${stopped === undefined ? '' : `, then "${stopped.reason}"; go on with --from ${stopped.sequence}`}`).join('\n'), done)
}

async function* read({ engine }: Place, account: string, { from, to, type = [] }: StretchOptions): AsyncGenerator<MailEvent> {
  try {
    yield* readEvents(engine.table, account, { from, ...(to === undefined ? {} : { to }), types: type })
  } catch (error) {
    throw error instanceof EntryFormatError ? new CommandError(error.message) : error
  }
}

async function gather(events: AsyncIterable<MailEvent>, most: number): Promise<MailEvent[]> {
  const found: MailEvent[] = []
  for await (const event of events) if (found.push(event) >= most) break
  return found
}

/** Also of accounts that are deleted, by their ids. */
async function accountId({ directory, engine }: Place, account: string): Promise<string> {
  const id = account.includes('@') ? (await directory.user(account))?.id : account
  if (id === undefined) throw new CommandError(`there is no user ${account}`)
  if (!account.includes('@') && (await readEnd(engine.table, id)).rows.length === 0) throw new CommandError(`there is no account ${account}, or nothing has happened in it`)
  return id
}

function summaryOf(event: MailEvent): string {
  const clipped = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)
  switch (event.type) {
    case 'received':
      return clipped(`${event.detail.from === '' ? '<>' : (event.detail.from ?? '?')} to ${event.detail.to ?? '?'}: ${event.detail.message.subject ?? ''}`)
    case 'filed':
      return clipped(`${event.detail.how} in ${nameOf(event.detail.mailbox)}${event.detail.uid === null ? '' : `, UID ${event.detail.uid}`}`)
    case 'flagged':
      return clipped(`${nameOf(event.detail.mailbox)} ${uidsOf(event.detail.uids)}: ${event.detail.action} ${event.detail.flags.join(' ')}`)
    case 'moved':
      return clipped(`${nameOf(event.detail.from)} ${uidsOf(event.detail.uids)} to ${nameOf(event.detail.to)}`)
    case 'deleted':
      return clipped(event.detail.mailbox === null ? 'the account' : `${nameOf(event.detail.mailbox)} ${event.detail.uids === null ? 'with all its messages' : uidsOf(event.detail.uids)}`)
    case 'complained':
      return clipped(`about ${event.detail.original?.messageId ?? 'a message'}: ${event.detail.report.subject ?? ''}`)
    case 'submitted':
      return clipped(`to ${event.detail.recipients.join(', ')}`)
    case 'delivered':
    case 'deferred':
    case 'bounced':
      return clipped(`${event.detail.recipients.join(', ')}: ${event.detail.reply.replaceAll('\n', ' ')}`)
  }
}

const nameOf = ({ id, name }: { readonly id: string; readonly name: string | null }): string => name ?? id
const uidsOf = (uids: readonly (readonly [number, number])[]): string => uids.map(([first, last]) => (first === last ? String(first) : `${first}:${last}`)).join(',')
