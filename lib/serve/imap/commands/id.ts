/** ID: RFC 2971. */
import { parseId, writeId } from '#lib/formats/imap/id.ts'
import type { Answer, Command } from '../command.ts'

export function id({ session, lexer }: Command): Answer {
  const fields = parseId(lexer)
  session.log.debug('client-id', { name: fields.get('name'), version: fields.get('version') })
  // No version: it would only serve those who look for a hole.
  session.output.text(writeId({ name: 'Pennypost' }))
  return {}
}
