/** CANCELUPDATE: RFC 5267 §4.3.4. */
import { parseCancelUpdate } from '#lib/formats/imap/cancelUpdate.ts'
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Answer, Command } from '../command.ts'

export function cancelUpdate({ session, lexer }: Command): Answer {
  const tags = parseCancelUpdate(lexer)
  const { contexts } = session.selected
  const unknown = tags.find((tag) => !contexts.has(tag))
  if (unknown !== undefined) throw bad('No search with such a tag is watched')
  for (const tag of tags) contexts.delete(tag)
  return {}
}
