import type { Command } from 'commander'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { readDue } from '#lib/mail/events/feed.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson, printRows, say } from '../output.ts'
import { inPlace } from '../place.ts'
import { addReplayCommand } from './eventsReplay.ts'
import { accountIdOf, readPosition, readStretch, toOption, typeOption } from './eventsStretch.ts'
import type { Stretch } from './eventsStretch.ts'

interface ListOptions extends PlaceOptions, Stretch {
  readonly account: string
  readonly limit: number
}

export function addEventsCommands(program: Command): void {
  const events = program.command('events').description('What happened to mail, as other programs are told of it (docs/events.md).')
  withPlace(events.command('list').description('Events of an account, as its log tells them.'))
    .requiredOption('--account <account>', 'user@domain, or the id of an account')
    .option('--from <sequence>', 'the position to begin with', readPosition, 1)
    .addOption(toOption())
    .addOption(typeOption())
    .option('--limit <n>', 'the most events', readPosition, 200)
    .action(listEvents)
  withPlace(events.command('status').description('Each webhook of events.urls, and how many accounts have events that it has not got yet. In AWS, alarms tell.')).action(showStatus)
  addReplayCommand(events)
}

const mostWaiting = 100_000
const namedAccounts = 5

/** Of webhooks; a bus shows by its own alarms how late it is. */
async function showStatus(options: PlaceOptions): Promise<void> {
  const output = outputOf(options)
  if (options.aws === true) {
    const { stack = 'pennypost' } = options
    return say(output, `events of a deployment go to its bus ${stack}, if it was made with events=yes; the alarms ${stack}-record-events-age and -missed tell when they do not (docs/runbook.md)`, { bus: stack })
  }
  const found = await inPlace(options, async ({ config, engine }) => await Promise.all(config.events.urls.map(async (url) => ({ url, accounts: await readDue(engine.table, url, mostWaiting) }))))
  if (output.json) return printJson(output, found.map(({ url, accounts }) => ({ url, waiting: accounts.length, accounts: accounts.slice(0, namedAccounts) })))
  const rows = found.map(({ url, accounts }) => ({ url: new URL(url).host + new URL(url).pathname, waiting: accounts.length, accounts: accounts.length === 0 ? '-' : accounts.slice(0, namedAccounts).join(', ') + (accounts.length > namedAccounts ? ', ...' : '') }))
  printRows(output, rows, 'events are sent nowhere: events.urls is empty')
}

async function listEvents(options: ListOptions): Promise<void> {
  const output = outputOf(options)
  const found = await inPlace(options, async (place) => await gather(readStretch(place, await accountIdOf(place, options.account), options), options.limit + 1))
  const shown = found.slice(0, options.limit)
  if (output.json) return printJson(output, shown)
  printRows(output, shown.map((event) => ({ sequence: event.sequence, time: event.time.replace('T', ' ').slice(0, 19) + 'Z', type: event.type, what: summaryOf(event) })), 'no events')
  const next = found[options.limit]
  if (next !== undefined) output.write(`And more: go on with --from ${next.sequence}.\n`)
}

async function gather(events: AsyncIterable<MailEvent>, most: number): Promise<MailEvent[]> {
  const found: MailEvent[] = []
  for await (const event of events) if (found.push(event) >= most) break
  return found
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
