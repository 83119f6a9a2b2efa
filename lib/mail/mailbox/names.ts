/** The names of mailboxes that an entry carries along, for readers that have no state. */
import type { Draft } from './draft.ts'
import { encodeEntry, entryLimitBytes } from './entry.ts'
import type { Change, Entry, MailboxName } from './entry.ts'
import { mailboxId } from './origin.ts'

/** Of every mailbox that the draft's changes name by its id, those that it makes itself included. */
export function namesIn({ state, sequence, changes }: Draft): MailboxName[] {
  const names = new Map<string, MailboxName>()
  for (const id of new Set(changes.flatMap(mailboxesOf))) {
    const mailbox = state.mailboxById(id)
    if (mailbox !== undefined) names.set(id, { id, name: mailbox.name, use: mailbox.specialUse })
  }
  for (const [index, change] of changes.entries()) {
    const id = mailboxId(sequence, index)
    if (change.kind === 'create' && changes.some((other) => mailboxesOf(other).includes(id))) names.set(id, { id, name: change.name, use: change.specialUse })
  }
  return [...names.values()]
}

function mailboxesOf(change: Change): string[] {
  switch (change.kind) {
    case 'file':
    case 'flags':
    case 'expunge':
    case 'delete':
      return [change.mailbox]
    case 'copy':
    case 'move':
      return [change.from, change.to]
    default:
      return []
  }
}

/** Names are left out where they would make the entry too large: they are long, and nothing is built on them. */
export function encodeWithNames(entry: Entry): Uint8Array {
  const value = encodeEntry(entry)
  return value.length <= entryLimitBytes || entry.mailboxes === undefined ? value : encodeEntry({ ...entry, mailboxes: [] })
}
