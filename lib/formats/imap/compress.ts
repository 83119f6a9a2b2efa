/** COMPRESS: RFC 4978 §3. */
import type { Lexer } from './lexer.ts'

/** The algorithm in capitals. */
export function parseCompress(lexer: Lexer): string {
  lexer.space()
  const algorithm = lexer.word('an algorithm')
  lexer.end()
  return algorithm
}
