import type { Command } from 'commander'
import { systemClock } from '#lib/base/clock.ts'
import { showAddress } from '#lib/formats/address/address.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { readStateAsOf } from '#lib/mail/mailbox/asOf.ts'
import type { PastState } from '#lib/mail/mailbox/asOf.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { readFiled } from '#lib/mail/mailbox/filed.ts'
import type { MailboxState } from '#lib/mail/mailbox/mailboxState.ts'
import { originKey } from '#lib/mail/mailbox/origin.ts'
import { openMetadata } from '#lib/mail/mailbox/read.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { demandUser, mailDeps } from '../accounts.ts'
import { CommandError } from '../commandError.ts'
import { outputOf, withPlace } from '../options.ts'
import type { PlaceOptions } from '../options.ts'
import { printJson, printRows, showBytes, showTime } from '../output.ts'
import type { Output } from '../output.ts'
import { inPlace } from '../place.ts'
import type { Place } from '../place.ts'
import { readCount } from '../readers.ts'
import { readTime } from '../when.ts'

interface ShowOptions extends PlaceOptions {
  readonly asOf?: number
  readonly limit: number
}

export const asOfSentence = 'a time such as "2026-11-24 14:05", "yesterday 14:05" or "2 hours ago"; without a zone, that of this machine'
export const readAsOf = (text: string): number => readTime(text, systemClock.now())

export function addShowCommand(mailbox: Command): void {
  withPlace(mailbox.command('show').argument('<user>', 'user@domain').argument('[mailbox]', 'its messages too').description('Mailboxes and counts as they were at a time, and the messages of one.'))
    .option('--as-of <time>', `${asOfSentence}; default: now`, readAsOf)
    .option('--limit <n>', 'the most messages, the last ones that came', readCount, 100)
    .action(showMailboxes)
}

interface ShownMessage {
  readonly uid: number
  /** null where changes of flags of that time are not kept any more. */
  readonly flags: readonly string[] | null
  readonly date: string
  readonly octets: number
  /** null once the message was given up. */
  readonly from: string | null
  readonly subject: string | null
}

async function showMailboxes(user: string, mailbox: string | undefined, options: ShowOptions): Promise<void> {
  const output = outputOf(options)
  const asOf = options.asOf ?? systemClock.now()
  const shown = await inPlace(options, async (place) => {
    const account = await demandUser(place, user)
    const past = await readPast(place, account, asOf)
    const one = mailbox === undefined ? undefined : demandMailbox(past, mailbox, asOf)
    return { user: showAddress(account.address), past, one, messages: one === undefined ? undefined : await readMessages(place, account, one, past.flagsKnown, options.limit) }
  })
  if (output.json) return printJson(output, { user: shown.user, asOf: new Date(asOf).toISOString(), flagsKnown: shown.past.flagsKnown, mailboxes: factsOf(shown.past), ...(shown.messages === undefined ? {} : { messages: shown.messages }) })
  print(output, shown, asOf, options.limit)
}

/** @throws {CommandError} when the account cannot be read */
export async function readPast(place: Place, { id, address }: Account, asOf: number): Promise<PastState> {
  try {
    return await readStateAsOf(mailDeps(place), id, asOf)
  } catch (error) {
    if (error instanceof EntryFormatError || error instanceof MailboxRefusal) throw new CommandError(`the mailboxes of ${showAddress(address)} cannot be read: ${error.message}`)
    throw error
  }
}

function demandMailbox({ state }: PastState, name: string, asOf: number): MailboxState {
  const mailbox = state.mailbox(name)
  if (mailbox === undefined) throw new CommandError(`there was no mailbox ${name} at ${showTime(asOf)}`)
  return mailbox
}

function factsOf({ state, flagsKnown }: PastState) {
  return state.mailboxes().map(({ name, specialUse, count, unseen, sizeBytes, uidNext, uidValidity }) => ({ mailbox: name, use: specialUse, messages: count, unseen: flagsKnown ? unseen : null, octets: sizeBytes, uidNext, uidValidity }))
}

async function readMessages({ engine }: Place, { id }: Account, mailbox: MailboxState, flagsKnown: boolean, limit: number): Promise<ShownMessage[]> {
  const places = Array.from({ length: Math.min(limit, mailbox.count) }, (_, at) => mailbox.count - Math.min(limit, mailbox.count) + at)
  const filed = await readFiled(engine.table, id, places.map((place) => mailbox.originAt(place)))
  const shown: ShownMessage[] = []
  for (const place of places) {
    const { sequence, index } = mailbox.originAt(place)
    const metadata = filed.get(originKey(sequence, index))?.metadata ?? null
    const envelope = metadata === null ? undefined : (await openMetadata(engine.blobs, metadata).catch(() => undefined))?.envelope
    const from = envelope?.from?.find(({ mailbox: local, host }) => local !== null && host !== null)
    shown.push({
      uid: mailbox.uidAt(place),
      flags: flagsKnown ? mailbox.flagsAt(place) : null,
      date: new Date(mailbox.internalDateAt(place)).toISOString(),
      octets: mailbox.sizeAt(place),
      from: from === undefined ? null : `${from.mailbox}@${from.host}`,
      subject: envelope === undefined || envelope.subject === null ? null : decodeEncodedWords(envelope.subject),
    })
  }
  return shown
}

interface Shown {
  readonly user: string
  readonly past: PastState
  readonly one: MailboxState | undefined
  readonly messages: readonly ShownMessage[] | undefined
}

function print(output: Output, { user, past, one, messages }: Shown, asOf: number, limit: number): void {
  const when = showTime(asOf)
  if (messages === undefined) printRows(output, factsOf(past).map(({ octets, ...facts }) => ({ ...facts, size: showBytes(octets) })), `${user} had no mailboxes at ${when}`)
  else printRows(output, messages.map(messageRow), `${one?.name} was empty at ${when}`)
  const count = one?.count ?? past.state.messageCount
  if (messages !== undefined && count > limit) output.write(`These are the last ${limit}; --limit shows more.\n`)
  if (past.state.sequence > 0) output.write(`${user}${one === undefined ? '' : `, ${one.name}`} at ${when}: ${count} messages\n`)
  if (!past.flagsKnown) output.write('Flags of that time are not known any more: their changes are older than mailbox.retentionMs and were merged.\n')
}

function messageRow({ uid, flags, date, octets, from, subject }: ShownMessage) {
  return { uid, date: date.replace('T', ' ').slice(0, 19) + 'Z', size: showBytes(octets), flags: flags === null ? '?' : flags.join(' ') || null, from: clip(from, 30), subject: clip(subject, 50) }
}

/** One line, nothing that moves the cursor. */
function clip(text: string | null, chars: number): string | null {
  if (text === null) return null
  const plain = text.replace(/[\p{Cc}\p{Cf}]/gu, ' ')
  return plain.length > chars ? `${plain.slice(0, chars - 1).toWellFormed()}…` : plain
}
