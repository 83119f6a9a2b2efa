/** A stretch of an account's events, as `events list` and `events replay` are asked for it. */
import { InvalidArgumentError, Option } from 'commander'
import { eventTypes } from '#lib/formats/events/event.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { readEvents } from '#lib/mail/events/replay.ts'
import { EntryFormatError } from '#lib/mail/mailbox/entry.ts'
import { readEnd } from '#lib/mail/mailbox/tail.ts'
import { CommandError } from '../commandError.ts'
import { collect } from '../options.ts'
import type { Place } from '../place.ts'

export interface Stretch {
  readonly from: number
  readonly to?: number | undefined
  readonly type?: readonly string[] | undefined
}

export const toOption = (): Option => new Option('--to <sequence>', 'the last position; default: the end of the log').argParser(readPosition)
export const typeOption = (): Option => new Option('--type <type>', `only these: ${eventTypes.join(', ')}; may be repeated`).argParser(readType)

export function readPosition(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is expected.')
  return Number(text)
}

function readType(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!(eventTypes as readonly string[]).includes(text)) throw new InvalidArgumentError(`One of ${eventTypes.join(', ')} is expected.`)
  return collect(text, before)
}

/** Says on standard error which entries are not there any more. @throws {CommandError} for a log that cannot be read */
export async function* readStretch({ engine }: Place, account: string, { from, to, type = [] }: Stretch): AsyncGenerator<MailEvent> {
  let gone: { readonly first: number; readonly last: number; readonly entries: number } | undefined
  const onGone = (first: number, last: number): void => void (gone = { first: gone?.first ?? first, last, entries: (gone?.entries ?? 0) + last - first + 1 })
  try {
    yield* readEvents(engine.table, account, { from, ...(to === undefined ? {} : { to }), types: type, onGone })
  } catch (error) {
    throw error instanceof EntryFormatError ? new CommandError(error.message) : error
  } finally {
    if (gone !== undefined && (type.length === 0 || type.includes('flagged'))) process.stderr.write(goneSentence(gone))
  }
}

function goneSentence({ first, last, entries }: { readonly first: number; readonly last: number; readonly entries: number }): string {
  return `not told: ${entries} entries between ${first} and ${last}, which are not kept any more (changes of flags older than mailbox.retentionMs are merged; a rebuild begins anew). All is told from ${last + 1} on.\n`
}

/** Also of accounts that are deleted, by their ids. @throws {CommandError} */
export async function accountIdOf({ directory, engine }: Place, account: string): Promise<string> {
  const id = account.includes('@') ? (await directory.user(account))?.id : account
  if (id === undefined) throw new CommandError(`there is no user ${account}`)
  if (!account.includes('@') && (await readEnd(engine.table, id)).rows.length === 0) throw new CommandError(`there is no account ${account}, or nothing has happened in it`)
  return id
}
