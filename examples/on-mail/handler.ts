/** Each message to the support address becomes a ticket: a line in the function's log, which a real app would put into its database. */
import { onMail } from '../../functions/onMail.ts'
import type { ReceivedMail } from '../../functions/onMail.ts'

export interface Ticket {
  /** The same when the event comes twice. */
  readonly id: string
  readonly from: string
  readonly subject: string
  /** An order that the message speaks of, such as AB-1234. */
  readonly order: string | null
  readonly sizeBytes: number
  /** For whoever works on it: opens the whole message, for an hour. */
  readonly link: string
}

export async function openTicket({ event, link, read }: ReceivedMail): Promise<Ticket> {
  const { from, message } = event.detail
  const text = (await read()).toString('utf8')
  const order = /\b[A-Z]{2}-\d{4}\b/.exec(text)?.[0] ?? null
  return { id: event.id, from: message.from[0]?.address ?? from ?? '', subject: message.subject ?? '', order, sizeBytes: message.sizeBytes, link: link.url }
}

export const handler = onMail(async (mail) => {
  process.stdout.write(`${JSON.stringify({ event: 'ticket', ...(await openTicket(mail)) })}\n`)
})
