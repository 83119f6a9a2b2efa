/** ID: RFC 2971. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import { writeString } from './write.ts'

/** RFC 2971 §3.3 */
const mostFields = 30
const longestName = 30
const longestValue = 1024

/** What the client says of itself; names in lower case. */
export function parseId(lexer: Lexer): ReadonlyMap<string, string> {
  lexer.space()
  const fields = new Map<string, string>()
  if (lexer.peek() === '(') {
    const pairs = lexer.list(() => {
      const name = lexer.string('a field name')
      lexer.space()
      return [name, lexer.nstring()] as const
    }, true)
    if (pairs.length > mostFields) throw bad('ID has too many fields')
    for (const [name, value] of pairs) {
      if (name.length > longestName || (value?.length ?? 0) > longestValue) throw bad('A field of ID is too long')
      if (value !== null) fields.set(name.toLowerCase(), value)
    }
  } else if (lexer.nstring() !== null) throw bad('Expected a list or NIL')
  lexer.end()
  return fields
}

export function writeId(fields: Readonly<Record<string, string>>): string {
  return `* ID (${Object.entries(fields).map(([name, value]) => `${writeString(name)} ${writeString(value)}`).join(' ')})\r\n`
}
