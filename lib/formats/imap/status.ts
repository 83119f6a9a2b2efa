/** STATUS: RFC 9051 §6.3.11, with the items of RFC 7162, RFC 7889, RFC 8474 and RFC 9208. */
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox } from './mailboxName.ts'
import { bad } from './refusal.ts'

const items = ['MESSAGES', 'RECENT', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'DELETED', 'SIZE', 'HIGHESTMODSEQ', 'APPENDLIMIT', 'MAILBOXID', 'DELETED-STORAGE'] as const

export type StatusItem = (typeof items)[number]

export function parseStatusItems(lexer: Lexer): StatusItem[] {
  return lexer.list(() => {
    const name = lexer.word('a STATUS item')
    const item = items.find((one) => one === name)
    if (item === undefined) throw bad(`Unknown STATUS item ${name}`)
    return item
  })
}

export function parseStatus(lexer: Lexer, encoding: NameEncoding): { name: string; items: StatusItem[] } {
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  lexer.space()
  const wanted = parseStatusItems(lexer)
  lexer.end()
  return { name, items: wanted }
}
