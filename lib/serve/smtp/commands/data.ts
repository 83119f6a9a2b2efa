import { reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Answer, Session } from '../session.ts'

const goAhead: Answer = { reply: reply(354, undefined, 'End data with <CR><LF>.<CR><LF>'), then: 'readData' }

export function obeyData(session: Session): Answer {
  // RFC 5321 §3.3
  if (session.state === 'mail') throw new SmtpRefusal(554, '5.5.1', 'No valid recipients')
  // RFC 3030 §3: binary octets cannot pass through DATA.
  if (session.envelope?.body === 'BINARYMIME') throw new SmtpRefusal(503, '5.5.1', 'BINARYMIME needs BDAT')
  return goAhead
}

/** The octets follow whatever the reply will be: they are read even when nobody wants them. RFC 3030 §2 */
export function obeyBdat(session: Session, { sizeBytes, last }: { readonly sizeBytes: number; readonly last: boolean }): Answer {
  const chunk = { then: 'readChunk', sizeBytes, last } as const
  const { maxMessageBytes } = session.deps.settings.smtp
  // So many octets to be thrown away are an attack on the line, not a mistake.
  if (sizeBytes > 2 * maxMessageBytes) throw new SmtpRefusal(552, '5.3.4', `Message larger than ${maxMessageBytes} octets`, 'close')
  if (session.state === 'rcpt' || session.state === 'chunks') return chunk
  if (session.state === 'mail') return { ...chunk, refusal: reply(554, '5.5.1', 'No valid recipients') }
  return { ...chunk, refusal: reply(503, '5.5.1', session.state === 'broken' ? 'The message failed already: RSET first' : 'MAIL and RCPT first') }
}
