/** What stands in the queues, as an operator sees it. */
import type { Queue, QueuedNote, QueueName } from '#lib/engine/ports.ts'
import { contentSize } from '#lib/mail/transit/content.ts'
import { decodeAnyNote } from '#lib/mail/transit/note.ts'
import type { RecordNote, ReleaseNote, TransitNote } from '#lib/mail/transit/note.ts'
import { showBytes, showTime } from './output.ts'
import type { Place } from './place.ts'

const queues: readonly QueueName[] = ['inbound', 'outbound', 'delivery']

/** The others are bookkeeping of ours (lib/mail/transit/lifetime.ts, lib/mail/events/record.ts), not messages. */
export type Mail = Exclude<TransitNote, ReleaseNote | RecordNote>

export interface Found {
  readonly queue: QueueName
  readonly note: QueuedNote
  /** Undefined when the note cannot be read by this program; it is shown all the same. */
  readonly mail: Mail | undefined
}

/** Every message in transit, the one longest here first. */
export async function listMail({ engine }: Place): Promise<Found[]> {
  // Side by side: in AWS each queue is waited for a little.
  const found = await Promise.all(queues.map((queue) => listOne(engine.queue, queue)))
  return found.flat().sort((a, b) => sinceOf(a) - sinceOf(b))
}

async function listOne(engine: Queue, queue: QueueName): Promise<Found[]> {
  const found: Found[] = []
  let cursor: string | undefined
  do {
    const page = await engine.list(queue, cursor)
    for (const note of page.items) {
      const mail = readable(note)
      if (mail?.kind !== 'release' && mail?.kind !== 'record') found.push({ queue, note, mail })
    }
    cursor = page.next
  } while (cursor !== undefined)
  return found
}

const sinceOf = ({ note, mail }: Found): number => mail?.receivedAt ?? note.sentAt

function readable(note: QueuedNote): TransitNote | undefined {
  try {
    return decodeAnyNote(note.body)
  } catch {
    // Shown without its envelope: an operator must be able to see and drop what no program can read.
    return undefined
  }
}

export interface RecipientFacts {
  readonly address: string
  readonly status?: string | undefined
  readonly reply?: string | undefined
  readonly host?: string | undefined
}

export function factsOf(found: Found) {
  const { queue, note, mail } = found
  const to = mail === undefined ? [] : recipientsOf(mail)
  return {
    id: note.id,
    queueId: mail?.queueId,
    queue,
    state: note.state,
    since: showTime(sinceOf(found)),
    next: note.dueAt === undefined ? undefined : showTime(note.dueAt),
    tries: mail === undefined || mail.kind === 'inbound' ? note.receives : mail.attempts,
    size: mail === undefined ? undefined : showBytes(contentSize(mail.content)),
    from: mail === undefined ? '(cannot be read)' : mail.envelope.mailFrom === '' ? '<>' : mail.envelope.mailFrom,
    to,
    destination: mail?.kind === 'delivery' ? mail.destination.key : undefined,
    why: note.reason ?? to.find(({ reply }) => reply !== undefined)?.reply?.replaceAll('\n', ' '),
  }
}

function recipientsOf(mail: Mail): RecipientFacts[] {
  if (mail.kind === 'inbound') return mail.envelope.recipients.map(({ address }) => ({ address }))
  return mail.recipients.map(({ address, last }) => ({ address, status: last?.status, reply: last?.reply, host: last?.host }))
}
