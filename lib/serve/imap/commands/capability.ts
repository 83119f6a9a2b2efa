/** CAPABILITY: RFC 9051 §6.1.1. */
import { capabilities } from '../capability.ts'
import type { Answer, Command } from '../command.ts'

export function capability({ session, lexer }: Command): Answer {
  lexer.end()
  session.output.text(`* CAPABILITY ${capabilities(session)}\r\n`)
  return {}
}
