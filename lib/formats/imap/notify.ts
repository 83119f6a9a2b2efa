/** NOTIFY: RFC 5465 §8. */
import type { FetchItem } from './fetch.ts'
import { parseFetchItems } from './fetch.ts'
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox } from './mailboxName.ts'
import { bad, no } from './refusal.ts'

const eventNames = ['MessageNew', 'MessageExpunge', 'FlagChange', 'MailboxName', 'SubscriptionChange', 'MailboxMetadataChange', 'ServerMetadataChange'] as const

/** RFC 5465 §8, message-event: these alone are of the selected mailbox. */
const ofMessages: ReadonlySet<string> = new Set(['MessageNew', 'MessageExpunge', 'FlagChange'])

export type NotifyEvent = (typeof eventNames)[number]

const filters = ['selected', 'selected-delayed', 'inboxes', 'personal', 'subscribed', 'subtree', 'mailboxes'] as const

export interface NotifyGroup {
  readonly filter: (typeof filters)[number]
  /** Of `subtree` and `mailboxes`. */
  readonly names: readonly string[]
  readonly events: ReadonlySet<NotifyEvent>
  /** Of `selected`: what is told of new messages. */
  readonly items: readonly FetchItem[]
}

export interface Notify {
  /** Begin with the state of each mailbox. */
  readonly status: boolean
  /** None: nothing is to be told. */
  readonly groups: readonly NotifyGroup[]
}

/** Each is held against every mailbox. */
const mostNames = 1000

export function parseNotify(lexer: Lexer, encoding: NameEncoding): Notify {
  lexer.space()
  const word = lexer.word('SET or NONE')
  if (word === 'NONE') {
    lexer.end()
    return { status: false, groups: [] }
  }
  if (word !== 'SET') throw bad('Expected SET or NONE')
  lexer.space()
  const status = lexer.skipWord('STATUS ')
  const groups = [parseGroup(lexer, encoding)]
  while (lexer.skip(' ')) groups.push(parseGroup(lexer, encoding))
  lexer.end()
  if (groups.filter(isOfSelected).length > 1) throw bad('The selected mailbox is named twice')
  if (groups.reduce((sum, { names }) => sum + names.length, 0) > mostNames) throw no('NOTIFY of too many mailboxes', 'LIMIT')
  return { status, groups }
}

export function isOfSelected({ filter }: NotifyGroup): boolean {
  return filter === 'selected' || filter === 'selected-delayed'
}

function parseGroup(lexer: Lexer, encoding: NameEncoding): NotifyGroup {
  lexer.expect('(')
  const word = lexer.word('a filter').toLowerCase()
  const filter = filters.find((one) => one === word)
  if (filter === undefined) throw bad(`Unknown filter ${word}`)
  lexer.space()
  let names: readonly string[] = []
  if (filter === 'subtree' || filter === 'mailboxes') {
    names = lexer.peek() === '(' ? lexer.list(() => parseMailbox(lexer, encoding)) : [parseMailbox(lexer, encoding)]
    lexer.space()
  }
  const { events, items } = lexer.skipWord('NONE') ? { events: [], items: [] } : parseEvents(lexer)
  lexer.expect(')')
  const group = { filter, names, events: new Set(events), items }
  checkGroup(group)
  return group
}

function parseEvents(lexer: Lexer): { events: NotifyEvent[]; items: readonly FetchItem[] } {
  const events: NotifyEvent[] = []
  let items: readonly FetchItem[] = []
  lexer.expect('(')
  do {
    // Behind MessageNew stands what is asked of the new message.
    if (lexer.peek() === '(' && events.at(-1) === 'MessageNew' && items.length === 0) items = parseFetchItems(lexer)
    else events.push(parseEvent(lexer))
  } while (lexer.skip(' '))
  lexer.expect(')')
  return { events, items }
}

function parseEvent(lexer: Lexer): NotifyEvent {
  const word = lexer.word('an event')
  const event = eventNames.find((one) => one.toUpperCase() === word)
  // RFC 5465 §3.1: the code lists what could be asked for.
  if (event === undefined) throw no('An event is not known', `BADEVENT (${eventNames.join(' ')})`)
  return event
}

/** RFC 5465 §5 and §8: which events go together, and with what. */
function checkGroup(group: NotifyGroup): void {
  const { events, items } = group
  if (events.has('MessageNew') !== events.has('MessageExpunge')) throw bad('MessageNew and MessageExpunge go together')
  if (events.has('FlagChange') && !events.has('MessageNew')) throw bad('FlagChange goes with MessageNew and MessageExpunge')
  if (isOfSelected(group) && [...events].some((event) => !ofMessages.has(event))) throw bad('The selected mailbox has events of messages alone')
  if (!isOfSelected(group) && items.length > 0) throw bad('Items are told of the selected mailbox alone')
}
