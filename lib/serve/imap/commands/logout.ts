/** LOGOUT: RFC 9051 §6.1.3. */
import type { Answer, Command } from '../command.ts'

export function logout({ session, lexer }: Command): Answer {
  lexer.end()
  session.output.text('* BYE Good-bye\r\n')
  session.end()
  return {}
}
