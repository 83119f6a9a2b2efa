/** From the envelope to the rooms below: builds what the message is handed on with, and tells of what became of it. */
import { errorFields } from '#lib/base/log.ts'
import { formatReceived } from '#lib/formats/smtp/received.ts'
import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { encodeBinaryParts } from '#lib/formats/smtp/binaryMime.ts'
import type { ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import type { Envelope } from '#lib/mail/transit/note.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { CutOffError, Incoming } from './incoming.ts'
import type { Session } from './session.ts'

/** Begins the message of the session's open transaction. */
export function receive(session: Session, framing: 'dots' | 'counted', onSpace: () => void): Incoming {
  const incoming: Incoming = new Incoming({
    framing,
    binary: session.envelope?.body === 'BINARYMIME',
    settings: session.deps.settings.smtp,
    start: (content) => handOn(session, content, () => incoming.sizeBytes),
    onSpace,
  })
  return incoming
}

async function handOn(session: Session, content: AsyncIterable<Uint8Array>, sizeBytes: () => number): Promise<{ readonly queueId: string }> {
  const { deps, account, connection } = session
  const { accepted, acceptedBytes, acceptSeconds } = session.shared.meters
  const message = arriving(session, content)
  const { envelope, client } = message
  const begun = deps.clock.now()
  const done = account === undefined ? await deps.accept(message) : await deps.submit({ ...textOnly(message), account })
  acceptSeconds.observe((deps.clock.now() - begun) / 1000)
  accepted.add()
  acceptedBytes.add(sizeBytes())
  deps.log.info('received', {
    queueId: done.queueId,
    from: envelope.mailFrom,
    to: envelope.recipients.map((recipient) => recipient.address),
    sizeBytes: sizeBytes(),
    client: connection.remoteAddress,
    hello: session.hello,
    tls: client.tls?.version ?? 'no',
    ...(session.login === undefined ? {} : { login: session.login }),
  })
  return done
}

/** We sign what is submitted here, so its binary parts may become text before; mail of others is judged as it came. */
function textOnly(message: ArrivingMessage): ArrivingMessage {
  if (message.envelope.body !== 'BINARYMIME') return message
  return { ...message, envelope: { ...message.envelope, body: '8BITMIME' }, content: encodeBinaryParts(message.content) }
}

function arriving(session: Session, content: AsyncIterable<Uint8Array>): ArrivingMessage {
  const { deps, recipients, connection, account } = session
  const now = deps.clock.now()
  const queueId = newQueueId(now)
  const envelope: Envelope = { mailFrom: '', ...session.envelope, recipients }
  const client = session.client()
  const headerPrefix = formatReceived({
    client: account !== undefined && deps.settings.submission.hideClient ? undefined : { hello: session.hello, address: connection.remoteAddress },
    hostname: deps.hostname,
    protocol: { extended: session.extended, utf8: envelope.smtpUtf8 === true, tls: connection.secure, authenticated: account !== undefined },
    tls: client.tls,
    queueId,
    recipient: recipients.length === 1 ? recipients[0]?.address : undefined,
    at: now,
  })
  return { queueId, envelope, client, content, headerPrefix }
}

/** What the rooms below threw, as a reply: their own words for a refusal, little for a fault, which the log gets whole. */
export function failureReply(session: Session, error: unknown): Reply {
  const { deps, connection, shared } = session
  if (error instanceof SmtpRefusal) return error.reply
  if (isRefusal(error)) return reply(error.code, error.enhancedCode, error.text)
  if (error instanceof CutOffError) return reply(421, '4.4.2', 'Closing')
  shared.meters.putOff.add()
  deps.log.error('put-off', { client: connection.remoteAddress, ...errorFields(error) })
  return reply(451, '4.3.0', 'A passing fault of ours, please try again later')
}

/** A message refused at its end: the operator sees which, and why. */
export function noteRefusal(session: Session, error: unknown): void {
  const refused = error instanceof SmtpRefusal ? { code: error.reply.code, reason: error.message } : isRefusal(error) ? { code: error.code, reason: `${error.enhancedCode} ${error.text}` } : undefined
  if (refused === undefined) return
  session.shared.meters.refused.add()
  const { envelope, recipients, connection, hello } = session
  session.deps.log.info('refused', { ...refused, from: envelope?.mailFrom, to: recipients.map((recipient) => recipient.address), client: connection.remoteAddress, hello })
}

interface Refusal {
  readonly code: number
  readonly enhancedCode: string
  readonly text: string
}

/** Refusals of several rooms: alike by what they carry. */
function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && 'enhancedCode' in error && 'code' in error && 'text' in error && typeof error.code === 'number' && typeof error.enhancedCode === 'string' && typeof error.text === 'string'
}
