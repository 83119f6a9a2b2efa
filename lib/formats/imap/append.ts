/**
 * APPEND, of one message or several, and REPLACE, up to each literal that is a message or a part of one: RFC 9051 §6.3.12,
 * RFC 3502 §6.3, RFC 4469 §3, RFC 8508 §3. The literals themselves never pass through here, so that their size does not matter.
 */
import { readCommandStart } from './command.ts'
import { parseDateTime } from './date.ts'
import { parseFlagList } from './flags.ts'
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox } from './mailboxName.ts'
import { bad, ImapRefusal } from './refusal.ts'

/** What stands before a message. */
export interface MessageStart {
  readonly flags: readonly string[]
  readonly internalDate: number | undefined
  /** `utf8`: in parentheses (RFC 6855 §4). `catenate`: parts follow (RFC 4469 §3). */
  readonly form: 'literal' | 'utf8' | 'catenate'
}

const withMessage: ReadonlySet<string> = new Set(['APPEND', 'REPLACE', 'UID REPLACE'])

/** `text` is the command so far, its last literal mark cut off: whether that literal is a message. */
export function endsBeforeMessage(text: string): boolean {
  try {
    const { word, lexer } = readCommandStart(text)
    if (!withMessage.has(word)) return false
    lexer.space()
    if (word !== 'APPEND') {
      lexer.listMailbox()
      lexer.space()
    }
    lexer.astring()
    lexer.space()
    return endsBeforeNextMessage(text)
  } catch (error) {
    if (error instanceof ImapRefusal) return false
    throw error
  }
}

/** The same behind a message: only a URL can be a literal besides messages and their parts. */
export function endsBeforeNextMessage(text: string): boolean {
  return !/[ (]URL $/i.test(text)
}

export function parseAppend(lexer: Lexer, encoding: NameEncoding): string {
  lexer.space()
  return parseMailbox(lexer, encoding)
}

/** From the space before it to where the message itself begins. */
export function parseMessageStart(lexer: Lexer): MessageStart {
  lexer.space()
  let flags: readonly string[] = []
  let internalDate: number | undefined
  if (lexer.peek() === '(') {
    flags = parseFlagList(lexer)
    lexer.space()
  }
  if (lexer.peek() === '"') {
    internalDate = parseDateTime(lexer)
    lexer.space()
  }
  const form = lexer.skipWord('CATENATE (') ? 'catenate' : lexer.skipWord('UTF8 (') ? 'utf8' : 'literal'
  if (form !== 'catenate') lexer.end()
  return { flags, internalDate, form }
}

/** One part of CATENATE: a URL, or the literal that follows; `utf8`: in parentheses (RFC 6855 §4). */
export type CatenatePart = { readonly form: 'url'; readonly url: string } | { readonly form: 'text' | 'utf8' }

export function parseCatenatePart(lexer: Lexer): CatenatePart {
  if (lexer.skipWord('URL ')) return { form: 'url', url: lexer.astring('a URL') }
  const form = lexer.skipWord('TEXT ') ? 'text' : lexer.skipWord('UTF8 (') ? 'utf8' : undefined
  if (form === undefined) throw bad('Expected URL or TEXT')
  lexer.end()
  return { form }
}
