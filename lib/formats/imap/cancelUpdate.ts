/** CANCELUPDATE: RFC 5267 §4.3.4 and §6. */
import type { Lexer } from './lexer.ts'

/** The tags of the searches that are to be watched no longer. */
export function parseCancelUpdate(lexer: Lexer): string[] {
  const tags: string[] = []
  do {
    lexer.space()
    tags.push(lexer.string('a tag in quotes'))
  } while (!lexer.ended)
  return tags
}
