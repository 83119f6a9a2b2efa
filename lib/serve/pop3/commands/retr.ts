/** RETR and TOP: RFC 1939 §5 and §7. A chunk of the message is in memory, never the whole. */
import { DotStuffing } from '#lib/formats/pop3/dots.ts'
import { TopCut } from '#lib/formats/pop3/top.ts'
import { ConnectionEnded } from '../../input.ts'
import type { Answer } from '../command.ts'
import type { Session } from '../session.ts'

export async function obeyRetr(session: Session, { number }: { readonly number: number }): Promise<Answer> {
  const body = await session.maildrop.open(number)
  return await send(session, `${body.sizeBytes} octets`, body.read(), (chunk) => chunk, () => false)
}

export async function obeyTop(session: Session, { number, lines }: { readonly number: number; readonly lines: number }): Promise<Answer> {
  const body = await session.maildrop.open(number)
  const cut = new TopCut(lines)
  return await send(session, 'Top of message follows', body.read(), (chunk) => cut.take(chunk), () => cut.done)
}

async function send({ output, log }: Session, text: string, source: AsyncIterable<Uint8Array>, cut: (chunk: Buffer) => Buffer, enough: () => boolean): Promise<Answer> {
  const chunks = source[Symbol.asyncIterator]()
  // What cannot be read at all is refused; behind +OK it would be too late.
  let next = await chunks.next()
  output.line(`+OK ${text}`)
  const dots = new DotStuffing()
  try {
    while (next.done !== true && !enough()) {
      const { buffer, byteOffset, length } = next.value
      output.bytes(...dots.stuff(cut(Buffer.from(buffer, byteOffset, length))))
      await output.room()
      if (!enough()) next = await chunks.next()
    }
  } catch (error) {
    if (error instanceof ConnectionEnded) throw error
    log.error('message-cut-off', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    // The end may not be sent, or half a message would pass for a whole one.
    throw new ConnectionEnded('the message cannot be read to its end')
  } finally {
    await chunks.return?.()
  }
  output.bytes(Buffer.from(dots.end()))
  return undefined
}
