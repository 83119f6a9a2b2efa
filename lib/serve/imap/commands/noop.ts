/** NOOP and CHECK: RFC 9051 §6.1.2, RFC 3501 §6.4.1. Their use is the news told after them. */
import type { Answer, Command } from '../command.ts'

export async function noop({ session, lexer }: Command): Promise<Answer> {
  lexer.end()
  if (session.state !== 'notAuthenticated') await session.mail.refresh()
  return {}
}
