/**
 * For functions of other people's apps that are called with mail (lib/stacks/onMail.ts makes them): an event of the bus in, a
 * message with a link to its body out.
 *
 * Invariants: the link is made for each message, and is good for an hour at most; nothing but the message it was made for can
 * be read with it: where several lie in one object, the link demands the range; a failed call is tried again by Lambda, with
 * the same event id.
 */
import { zstdDecompressSync } from 'node:zlib'
import { makeLink } from '#lib/engine/aws/presign.ts'
import type { Environment } from '#lib/engine/aws/environment.ts'
import type { EventOf } from '#lib/formats/events/event.ts'
import { isPackKey } from '#lib/mail/mailbox/logKeys.ts'
import { demandVariable, readCredentials } from './environment.ts'

export type ReceivedEvent = EventOf<'received'>
type Content = ReceivedEvent['detail']['message']['content']

/** Where a message can be read without credentials. */
export interface MailLink {
  readonly url: string
  /** To be sent along with GET, just so: for messages that lie in one object with others. Else there are none. */
  readonly headers: Readonly<Record<string, string>>
}

export interface ReceivedMail {
  readonly event: ReceivedEvent
  readonly link: MailLink
  /** The whole message by that link, header and body, with CRLF line ends. */
  readonly read: () => Promise<Buffer>
}

export type LinkTo = (content: Content) => MailLink
/** What EventBridge calls a function with, as far as it matters here. */
export interface BusCall {
  readonly detail: ReceivedEvent
}

const linkSeconds = 3600

/** The handler of a function in AWS: `export const handler = onMail(async ({ event, link, read }) => { ... })`. */
export function onMail(work: (mail: ReceivedMail) => Promise<void>, linkTo: LinkTo = (content) => linkInBucket(process.env, content)): (call: BusCall) => Promise<void> {
  return async ({ detail }) => {
    const { content } = detail.detail.message
    const link = linkTo(content)
    await work({ event: detail, link, read: () => readBy(link, content) })
  }
}

/** Whoever opens it gets the message as it was: what is packed says so in Content-Encoding. */
export function linkInBucket(environment: Environment, { key, offset, length, codec }: Content): MailLink {
  const { region, ...credentials } = readCredentials(environment)
  const answer = { 'content-type': 'message/rfc822', ...(codec === 'identity' ? {} : { 'content-encoding': codec }) }
  const headers = isPackKey(key) || offset > 0 ? rangeOf(offset, length) : {}
  return { url: makeLink({ bucket: demandVariable(environment, 'PENNYPOST_BUCKET'), key, region, credentials, now: new Date(), seconds: linkSeconds, answer, demanded: headers }), headers }
}

export function rangeOf(offset: number, length: number): Record<string, string> {
  return { range: `bytes=${offset}-${offset + length - 1}` }
}

const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

async function readBy({ url, headers }: MailLink, { codec }: Content): Promise<Buffer> {
  const response = await fetch(url, { headers })
  if (!response.ok) throw new Error(`the message cannot be read: status ${response.status}`)
  const bytes = Buffer.from(await response.arrayBuffer())
  // Some versions of fetch have unpacked it already; no message begins like packed octets.
  return codec === 'zstd' && bytes.subarray(0, 4).equals(zstdMagic) ? zstdDecompressSync(bytes) : bytes
}
