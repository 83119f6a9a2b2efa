/** CREATE with USE: RFC 9051 §6.3.4, RFC 6154 §3. */
import { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { hierarchySeparator, parseMailbox } from './mailboxName.ts'
import { bad, no } from './refusal.ts'

/** RFC 6154 §2, apart from \All and \Flagged: those would be views, which no one can create here. */
const creatable = ['\\Archive', '\\Drafts', '\\Junk', '\\Sent', '\\Trash'] as const

export interface Create {
  readonly name: string
  readonly specialUse: string | undefined
}

export function parseCreate(lexer: Lexer, encoding: NameEncoding): Create {
  lexer.space()
  const written = parseMailbox(lexer, encoding)
  // RFC 9051 §6.3.4: a separator at the end only says that names below will follow.
  const name = written.length > 1 && written.endsWith(hierarchySeparator) ? written.slice(0, -1) : written
  const uses = lexer.skip(' ') ? parseParameters(lexer) : []
  lexer.end()
  if (uses.length > 1) throw no('A mailbox has one special use at most', 'USEATTR')
  return { name, specialUse: uses[0] }
}

function parseParameters(lexer: Lexer): string[] {
  return lexer
    .list(() => {
      if (lexer.word('a parameter') !== 'USE') throw bad('Unknown parameter')
      lexer.space()
      return lexer.list(() => parseUse(lexer), true)
    })
    .flat()
}

/** RFC 6154 §4: the value of `/private/specialuse`. @throws no USEATTR for what is no use, or more than one */
export function readSpecialUse(value: string): string {
  const lexer = new Lexer(value.trim())
  try {
    const use = parseUse(lexer)
    lexer.end()
    return use
  } catch {
    throw no('This special use cannot be given', 'USEATTR')
  }
}

function parseUse(lexer: Lexer): string {
  lexer.expect('\\')
  const word = `\\${lexer.word('a special use')}`
  const use = creatable.find((one) => one.toUpperCase() === word)
  // RFC 6154 §3: a use that cannot be given is told by USEATTR.
  if (use === undefined) throw no('This special use cannot be given', 'USEATTR')
  return use
}
