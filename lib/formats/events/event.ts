/**
 * The events that tell other programs what happens to mail: each type once, with its version, its fields and their sentences.
 * docs/events.md and docs/schemas are written from here.
 *
 * Invariants: an event says what a log entry says and no more, so that the same entry gives the same event for ever; the
 * same happening has the same id, however often it is told; within a version fields are only ever added; a change of
 * meaning is a new version. Never a word of a message's body.
 */
import { integer, list, object, orNull, runs, text, time, word } from './field.ts'
import type { Fields, ValuesOf } from './field.ts'

const address = object({ name: orNull(text('Display name.')), address: text('`user@domain`, as the header has it.') }, 'One address.')

const mailbox = object(
  {
    id: text('The same for as long as the mailbox lives, whatever its name (MAILBOXID, RFC 8474).'),
    name: orNull(text('Its name at that time, `/` between levels; null in entries of older programs.')),
    use: orNull(text('Its special use, such as `\\Sent` or `\\Junk` (RFC 6154).')),
  },
  'A mailbox.',
)

const content = object(
  {
    key: text('The blob: on AWS the key of the object in the bucket.'),
    offset: integer('Where in the blob the message begins.'),
    length: integer('Octets it takes there.'),
    codec: word(['identity', 'zstd'], 'How these octets are packed.'),
  },
  'Where the whole message is kept, header and body.',
)

const message = object(
  {
    emailId: text('The same for every copy of the message in the account (EMAILID, RFC 8474).'),
    messageId: orNull(text('Message-ID, without brackets.')),
    inReplyTo: list(text('One Message-ID.'), 'Message-IDs this one answers, oldest first (References, else In-Reply-To).'),
    subject: orNull(text('Decoded.')),
    from: list(address, 'From.'),
    to: list(address, 'To.'),
    cc: list(address, 'Cc.'),
    sentAt: orNull(time('Date, as its sender says.')),
    internalDate: time('When it was received, or what the client that stored it says.'),
    sizeBytes: integer('Octets of the whole message.'),
    type: orNull(text('Content-Type without parameters, such as `multipart/mixed`.')),
    content,
  },
  'The message. Its header fields are null or empty in entries whose metadata was given up (a month after the message was deleted).',
)

const uids = runs('UIDs, as runs of first and last. A run may span numbers whose messages were gone before.')
const queueId = text('Names the message in transit: in the log, in Received lines, and in the Message-ID we give.')
const messageId = orNull(text('Message-ID of the message, without brackets; null for what was looked up before this was kept.'))
const recipients = list(text('One address.'), 'Those of whom this is true.')

const outcome = {
  queueId,
  messageId,
  from: text('The envelope\'s sender (reverse path); empty for none.'),
  recipients,
  host: orNull(text('The server that said so; null when it was this one.')),
  reply: text('What it said, or our own words.'),
  code: orNull(integer('Its SMTP reply code.')),
  enhancedCode: text('RFC 3463, such as `5.1.1`.'),
  attempt: integer('Which try this was, from 1 on; 0 when none was made.'),
}

interface Declaration {
  readonly version: number
  readonly sentence: string
  readonly fields: Fields
}

export const declarations = {
  received: {
    version: 1,
    sentence: 'Mail was delivered to an account. `filed` follows, with the place.',
    fields: {
      queueId: orNull(queueId),
      from: orNull(text('The envelope\'s sender (reverse path); empty for a report, null in entries of older programs.')),
      to: orNull(text('The envelope\'s recipient: the address that the sender wrote to, be it the account\'s own, one with a detail, or an alias.')),
      mailbox,
      uid: orNull(integer('Its UID there.', 1)),
      message,
    },
  },
  filed: {
    version: 1,
    sentence: 'A message stands in a mailbox: delivered, stored by a client, or copied.',
    fields: {
      how: word(['delivered', 'stored', 'copied'], 'Who brought it: the mail system, a client (APPEND), or a copy from another mailbox (COPY).'),
      mailbox,
      uid: orNull(integer('Its UID there; null for copies, and in entries of older programs.', 1)),
      flags: list(text('A flag or keyword.'), 'Its flags; those of copies are their originals\'.'),
      message: orNull(message),
      copied: orNull(object({ from: mailbox, uids }, 'What was copied.')),
    },
  },
  flagged: {
    version: 1,
    sentence: 'Flags or keywords of messages were changed.',
    fields: {
      mailbox,
      uids,
      action: word(['add', 'remove', 'replace'], 'What was done with the flags.'),
      flags: list(text('A flag such as `\\Seen`, or a keyword.'), 'The flags added, removed, or put in place of all.'),
    },
  },
  moved: { version: 1, sentence: 'Messages were moved to another mailbox, where they got new UIDs.', fields: { from: mailbox, to: mailbox, uids } },
  deleted: {
    version: 1,
    sentence: 'Messages, a mailbox with all its messages, or the account are gone.',
    fields: {
      what: word(['messages', 'mailbox', 'account'], 'How much.'),
      mailbox: orNull(mailbox),
      uids: orNull(uids),
    },
  },
  submitted: {
    version: 1,
    sentence: 'The account handed in a message to be sent.',
    fields: {
      queueId,
      messageId,
      from: text('The envelope\'s sender (reverse path).'),
      recipients: list(text('One address.'), 'The envelope\'s recipients; one event for each hundred of them.'),
      sizeBytes: integer('Octets of the message.'),
    },
  },
  delivered: { version: 1, sentence: 'A server took the message that the account had sent, for these recipients.', fields: outcome },
  deferred: {
    version: 1,
    sentence: 'The message could not be delivered to these recipients yet; it is tried again.',
    fields: { ...outcome, nextAt: time('When it is tried again.') },
  },
  bounced: { version: 1, sentence: 'These recipients do not get the message; the sender is told, if that is wanted.', fields: outcome },
  complained: {
    version: 1,
    sentence: 'A report came in by which someone calls a message spam (feedback loop, RFC 5965). Anyone can write such a report: look at its Authentication-Results before you act on it.',
    fields: {
      mailbox,
      uid: orNull(integer('The report\'s UID there.', 1)),
      report: message,
      original: orNull(
        object({ messageId: orNull(text('Message-ID, without brackets.')), from: list(address, 'From.'), to: list(address, 'To.'), subject: orNull(text('Decoded.')), sentAt: orNull(time('Date.')) }, 'The message complained of, as far as the report holds it.'),
      ),
    },
  },
} as const satisfies Record<string, Declaration>

export type EventType = keyof typeof declarations
export const eventTypes = Object.keys(declarations) as readonly EventType[]

/** What all events have. */
export const commonFields = {
  id: text('The same whenever the same event is told again: whoever keeps the ids of the last days does nothing twice.'),
  type: word(eventTypes, 'What happened.'),
  version: integer('Of the type\'s schema.', 1),
  time: time('When it happened.'),
  account: text('The id of the account (`pennypost mailbox list --json` shows it).'),
  sequence: integer('The place of the log entry that says so: events of one account ascend by it. `pennypost events replay --from` takes it.', 1),
}

export type Details<T extends EventType> = ValuesOf<(typeof declarations)[T]['fields']>
export type EventOf<T extends EventType> = { readonly [K in T]: Omit<ValuesOf<typeof commonFields>, 'type'> & { readonly type: K; readonly detail: Details<K> } }[T]
export type MailEvent = EventOf<EventType>
export type MailboxFacts = Details<'flagged'>['mailbox']
export type MessageFacts = Details<'received'>['message']
