/** What the sender's log says of its mail on the way: made from notes and what became of their recipients. Pure. */
import { hash } from 'node:crypto'
import type { OutcomeChange, SubmitChange } from '#lib/mail/mailbox/entry.ts'
import { contentSize } from '#lib/mail/transit/content.ts'
import type { InboundNote, Outcome, OutboundNote } from '#lib/mail/transit/note.ts'

/** Recipients in one change, so that the event made of it stays small. */
const recipientsTogether = 100

type Sent = Pick<InboundNote | OutboundNote, 'queueId' | 'envelope' | 'content' | 'client' | 'submission'>

/** Nothing but for mail that an account handed in and whose log does not say so yet. */
export function submitChanges({ queueId, envelope, content, client, submission }: Sent): SubmitChange[] {
  if (submission === undefined || submission.told || client.accountId === undefined) return []
  const { messageId } = submission
  return together(envelope.recipients.map(({ address }) => address)).map((recipients) => ({ kind: 'submit', queueId, messageId, from: envelope.mailFrom, recipients, sizeBytes: contentSize(content) }))
}

/** The note as it goes on once the log says that it was handed in. */
export function toldOf({ submission }: Pick<Sent, 'submission'>): Pick<Sent, 'submission'> | undefined {
  return submission === undefined ? undefined : { submission: { ...submission, told: true } }
}

export interface Fate {
  readonly address: string
  readonly last: Omit<Outcome, 'at'>
}

export interface Attempt {
  /** From 1 on. */
  readonly attempt: number
  /** Names the step: a repeat has the same. */
  readonly noteId: string
}

/** One change for all recipients of whom the same was said. */
export function outcomeChanges(note: Sent, { noteId, attempt }: Attempt, outcome: OutcomeChange['outcome'], fates: readonly Fate[], nextAt: number | null = null): OutcomeChange[] {
  const { queueId, envelope, submission } = note
  const groups = Map.groupBy(fates, ({ last }) => `${last.host ?? ''} ${last.enhancedCode} ${last.reply}`)
  return [...groups.values()].flatMap((group) => {
    const last = group[0]?.last
    if (last === undefined) return []
    return together(group.map(({ address }) => address)).map((recipients): OutcomeChange => ({
      kind: 'outcome', outcome, key: `${noteId}.${attempt}.${outcome}.${hash('sha256', recipients.join('\n')).slice(0, 12)}`, queueId, messageId: submission?.messageId ?? null, from: envelope.mailFrom, recipients,
      host: last.host ?? null, reply: last.reply, code: last.code ?? null, enhancedCode: last.enhancedCode, attempt, nextAt,
    }))
  })
}

function together(addresses: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(addresses.length / recipientsTogether) }, (_, n) => addresses.slice(n * recipientsTogether, (n + 1) * recipientsTogether))
}
