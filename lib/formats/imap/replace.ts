/** REPLACE: RFC 8508 §3. What follows is as in APPEND. */
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox } from './mailboxName.ts'

export interface Replace {
  /** A sequence number, or a UID in UID REPLACE; Infinity is `*`. */
  readonly message: number
  readonly name: string
}

export function parseReplace(lexer: Lexer, encoding: NameEncoding): Replace {
  lexer.space()
  const message = lexer.skip('*') ? Infinity : lexer.nzNumber('a message number')
  lexer.space()
  return { message, name: parseMailbox(lexer, encoding) }
}
