/** IDLE: RFC 9051 §6.3.13. */
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Answer, Command } from '../command.ts'
import { Goodbye } from '../endings.ts'
import type { Session } from '../session.ts'

const doneLimitBytes = 1024

export async function idle({ session, lexer }: Command): Promise<Answer> {
  lexer.end()
  const unlisten = session.mail.listen(() => session.input.wake())
  try {
    session.output.text('+ idling\r\n')
    await session.mail.refresh()
    await tellUntilDone(session)
  } finally {
    unlisten()
  }
  return {}
}

async function tellUntilDone(session: Session): Promise<void> {
  const { input, output, deps } = session
  const until = deps.clock.now() + deps.settings.idleTimeoutMs
  for (;;) {
    await session.tellNews(true)
    await session.notify?.tellOthers()
    await output.flush()
    const wait = await input.untilLine(doneLimitBytes, Math.max(until - deps.clock.now(), 0))
    if (wait === 'line') break
    if (wait === 'long') throw new Goodbye('A line is too long')
    if (wait === 'timeout') throw new Goodbye('Nothing heard for too long')
    if (session.draining) throw new Goodbye('The server is stopping, connect again in a moment')
  }
  if (input.takeLine().toUpperCase() !== 'DONE') throw bad('Expected DONE')
}
