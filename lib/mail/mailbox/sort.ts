/**
 * SORT (RFC 5256 §3): messages of a mailbox in the order of their columns and states.
 *
 * Invariant: every key becomes a column of numbers first, texts by their rank among all different texts, so that sorting
 * compares numbers only; equal messages stand in the order of the mailbox.
 */
import type { SortKey } from '#lib/formats/imap/sort.ts'
import type { MailboxState } from './state.ts'
import type { AccountMail } from './store.ts'
import { viewColumns } from './textIndex/columnView.ts'
import type { ColumnView } from './textIndex/columnView.ts'
import type { TextWord } from './textIndex/columns.ts'

const textOf: Partial<Record<SortKey['by'], TextWord>> = { SUBJECT: 'baseSubject', CC: 'ccMailbox', FROM: 'fromMailbox', TO: 'toMailbox', DISPLAYFROM: 'fromDisplay', DISPLAYTO: 'toDisplay' }

export interface SortRequest {
  readonly mailboxId: string
  /** Ascending. */
  readonly uids: readonly number[]
  readonly order: readonly SortKey[]
  /** For RELEVANCY: how well each of `uids` fits. */
  readonly scores?: readonly number[] | undefined
}

/** The UIDs in order. */
export async function sortMessages(account: AccountMail, { mailboxId, uids, order, scores }: SortRequest): Promise<number[]> {
  const stateOnly = order.every(({ by }) => by === 'ARRIVAL' || by === 'SIZE' || by === 'RELEVANCY')
  const view = stateOnly ? undefined : await viewColumns(account, mailboxId, uids)
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return []
  const listed = view?.uids ?? uids
  const relevancy = scores === undefined ? undefined : new Map(uids.map((uid, at) => [uid, scores[at] ?? 0]))
  const sorted = sortPlaces(order.map(({ by, reverse }) => ({ values: valuesOf(by, mailbox, view, listed, relevancy), reverse })), listed.length)
  const result: number[] = []
  for (const at of sorted) result.push(listed[at] as number)
  return result
}

function valuesOf(by: SortKey['by'], mailbox: MailboxState, view: ColumnView | undefined, uids: readonly number[], relevancy: ReadonlyMap<number, number> | undefined): Float64Array {
  if (by === 'ARRIVAL') return stateNumbers(mailbox, uids, 'internalDate')
  if (by === 'SIZE') return stateNumbers(mailbox, uids, 'sizeBytes')
  // RFC 6203 §5: the best first.
  if (by === 'RELEVANCY') return Float64Array.from(uids, (uid) => -(relevancy?.get(uid) ?? 0))
  if (view === undefined) throw new Error('a sort without columns')
  return by === 'DATE' ? sentTimes(view, mailbox) : view.ranks(textOf[by] ?? 'baseSubject')
}

/** Ascending UIDs; who is gone this moment counts as the first. */
export function stateNumbers({ messages }: MailboxState, uids: readonly number[], word: 'internalDate' | 'sizeBytes'): Float64Array {
  const numbers = new Float64Array(uids.length)
  let next = 0
  for (let at = 0; at < uids.length; at++) {
    const uid = uids[at] as number
    const place = next < messages.count && messages.at(next, 'uid') === uid ? next : Math.max(messages.indexOf(uid), 0)
    numbers[at] = messages.at(place, word)
    next = place + 1
  }
  return numbers
}

/** RFC 5256 §2.2: in UTC; a message without a date that can be read was sent when it arrived. ms */
export function sentTimes(view: ColumnView, mailbox: MailboxState): Float64Array {
  const times = view.numbers('sentAt')
  let arrivals: Float64Array | undefined
  for (let at = 0; at < times.length; at++) {
    if (!Number.isNaN(times[at])) continue
    arrivals ??= stateNumbers(mailbox, view.uids, 'internalDate')
    times[at] = arrivals[at] ?? 0
  }
  return times
}

interface Column {
  readonly values: Float64Array
  readonly reverse: boolean
}

/** Places beside a value in one number: as many as a number has room for. */
const mostPlaces = 2 ** 20

/** The numbers from 0 in the order of the columns. */
export function sortPlaces(columns: readonly Column[], count: number): Uint32Array {
  const [first] = columns
  if (columns.length === 1 && first !== undefined && count <= mostPlaces) {
    const packed = sortPacked(first, count)
    if (packed !== undefined) return packed
  }
  const places = new Uint32Array(count)
  for (let at = 0; at < count; at++) places[at] = at
  return places.sort((a, b) => {
    for (const { values, reverse } of columns) {
      const difference = (values[a] as number) - (values[b] as number)
      if (difference !== 0) return reverse ? -difference : difference
    }
    return a - b
  })
}

/** Value and place in one number, which the platform sorts without asking; undefined when the values are too far from each other. */
function sortPacked({ values, reverse }: Column, count: number): Uint32Array | undefined {
  let least = Infinity
  let most = -Infinity
  let whole = true
  for (const value of values) {
    if (value < least) least = value
    if (value > most) most = value
    if (value % 1000 !== 0) whole = false
  }
  // Times are whole seconds.
  const unit = whole ? 1000 : 1
  if ((most - least) / unit >= Number.MAX_SAFE_INTEGER / mostPlaces) return undefined
  const packed = new Float64Array(count)
  for (let at = 0; at < count; at++) {
    const value = values[at] as number
    packed[at] = ((reverse ? most - value : value - least) / unit) * mostPlaces + at
  }
  packed.sort()
  const places = new Uint32Array(count)
  for (let at = 0; at < count; at++) places[at] = (packed[at] as number) % mostPlaces
  return places
}
