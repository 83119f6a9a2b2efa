/** The whole of a state as text, so that two states can be compared and their difference be read. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Annotation } from './annotations.ts'
import type { MailboxState } from './mailboxState.ts'
import type { AccountState } from './state.ts'

/** Equal lines for equal states, one for each message and few more. */
export function* stateLines(state: AccountState): Generator<string> {
  yield `sequence ${state.sequence}, time ${state.time}, last UIDVALIDITY ${state.lastUidValidity}`
  yield `subscribed to ${JSON.stringify([...state.subscriptions].sort())}`
  yield `names given up ${JSON.stringify([...state.vacated].sort())}`
  for (const annotation of state.annotations.all()) yield `account ${annotationLine(annotation)}`
  for (const [key, count] of [...state.shares].sort(([a], [b]) => a - b)) yield `message ${key} is in ${count} mailboxes`
  for (const { origin, at } of state.departed.all()) yield `message ${origin.sequence}.${origin.index} left at ${at}`
  for (const { columns, count } of state.deliveries.segments) yield `deliveries ${Buffer.from(Uint32Array.from(columns.a.subarray(0, count)).buffer).toString('hex')}`
  for (const mailbox of state.mailboxes()) yield* mailboxLines(mailbox)
}

function* mailboxLines(mailbox: MailboxState): Generator<string> {
  const { id, name, specialUse, subscribed, createdAt, uidValidity, uidNext, highestModSeq, count, unseen, deletedCount, sizeBytes } = mailbox
  yield `mailbox ${JSON.stringify({ id, name, specialUse, subscribed, createdAt, uidValidity, uidNext, highestModSeq, count, unseen, deletedCount, sizeBytes, keywords: mailbox.keywords() })}`
  for (const [identifier, rights] of [...mailbox.acl].sort(([a], [b]) => (a < b ? -1 : 1))) yield `${name} lets ${identifier} ${rights}`
  for (const annotation of mailbox.annotations.all()) yield `${name} ${annotationLine(annotation)}`
  for (const { columns, count: rows } of mailbox.vanished.segments) {
    for (let row = 0; row < rows; row++) yield `${name} lost ${columns.first[row]} to ${columns.last[row]} at modseq ${columns.modSeq[row]}`
  }
  for (let place = 0; place < count; place++) yield messageLine(mailbox, place)
}

function annotationLine({ user, name, value }: Annotation): string {
  return `annotation ${JSON.stringify([user, name])} ${Buffer.from(value).toString('base64')}`
}

function messageLine(mailbox: MailboxState, place: number): string {
  const flags = mailbox.flagsAt(place).join(' ')
  return `${mailbox.name} ${mailbox.uidAt(place)}: ${mailbox.emailIdAt(place)} (${flags}) modseq ${mailbox.modSeqAt(place)}, ${mailbox.sizeAt(place)} octets, ${mailbox.internalDateAt(place)}, saved ${mailbox.savedAt(place)}`
}

type Difference = readonly [one: string, other: string] | undefined

/** Where two states differ first: what the one says and the other; undefined when they are equal. */
export function firstDifference(one: AccountState, other: AccountState): Difference {
  const steps = compare(one, other)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** The same beside other work: a million messages take seconds. */
export async function firstDifferenceInTurns(one: AccountState, other: AccountState): Promise<Difference> {
  const steps = compare(one, other)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await turn()
  }
}

/** Lines compared before others get their turn. */
const linesInARow = 2000

function* compare(one: AccountState, other: AccountState): Generator<undefined, Difference> {
  const left = stateLines(one)
  const right = stateLines(other)
  for (let lines = 1; ; lines++) {
    const a = left.next()
    const b = right.next()
    if (a.done === true && b.done === true) return undefined
    if (a.value !== b.value) return [a.value ?? 'nothing more', b.value ?? 'nothing more']
    if (lines % linesInARow === 0) yield
  }
}
