/** The command ESEARCH, which looks into several mailboxes: RFC 7377 §2 and §3. */
import type { Lexer } from './lexer.ts'
import { parseMailbox } from './mailboxName.ts'
import type { NameEncoding } from './mailboxName.ts'
import { bad } from './refusal.ts'
import { parseSearch } from './search.ts'
import type { Search, SearchLimits } from './search.ts'

export type MailboxSource =
  | { readonly kind: 'selected' | 'inboxes' | 'personal' | 'subscribed' }
  | { readonly kind: 'subtree' | 'subtree-one' | 'mailboxes'; readonly names: readonly string[] }

export interface MultiSearch extends Search {
  /** Undefined: the selected mailbox alone. */
  readonly sources: readonly MailboxSource[] | undefined
}

const named = ['SUBTREE', 'SUBTREE-ONE', 'MAILBOXES']
const plain = ['SELECTED', 'INBOXES', 'PERSONAL', 'SUBSCRIBED']

export function parseMultiSearch(lexer: Lexer, encoding: NameEncoding, limits: SearchLimits): MultiSearch {
  const start = lexer.at
  lexer.space()
  const sources = lexer.skipWord('IN (') ? parseSources(lexer, encoding) : undefined
  if (sources === undefined) lexer.at = start
  return { sources, ...parseSearch(lexer, limits) }
}

function parseSources(lexer: Lexer, encoding: NameEncoding): MailboxSource[] {
  const sources: MailboxSource[] = []
  do {
    // RFC 7377 §3: options of the scope, of which none are defined.
    if (sources.length > 0 && lexer.peek() === '(') throw bad('Unknown scope option')
    sources.push(parseSource(lexer, encoding))
  } while (lexer.skip(' '))
  lexer.expect(')')
  return sources
}

function parseSource(lexer: Lexer, encoding: NameEncoding): MailboxSource {
  const word = lexer.word('a source of mailboxes')
  // The words of the table are those of the type, in capitals.
  if (plain.includes(word)) return { kind: word.toLowerCase() as 'selected' }
  if (!named.includes(word)) throw bad(`Unknown source ${word}`)
  lexer.space()
  const names = lexer.peek() === '(' ? lexer.list(() => parseMailbox(lexer, encoding)) : [parseMailbox(lexer, encoding)]
  return { kind: word.toLowerCase() as 'subtree', names }
}
