/** Flags: system flags in their RFC spelling, keywords as first written (RFC 9051 §2.3.2). */
import type { Lexer } from './lexer.ts'
import { bad, no } from './refusal.ts'

export const systemFlags: readonly string[] = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']

const spelling = new Map(systemFlags.map((flag) => [flag.toUpperCase(), flag]))

/** RFC 9051 §2.3.2: keywords are ASCII atoms; longer ones are refused so that state stays small. */
const longestKeyword = 100

function parseFlag(lexer: Lexer): string | undefined {
  if (!lexer.skip('\\')) {
    const keyword = lexer.atom('a flag')
    if (keyword.length > longestKeyword) throw no('A keyword is too long', 'LIMIT')
    return keyword
  }
  const name = `\\${lexer.word('a flag')}`
  // \Recent is the server's alone: clients that copy flags send it all the same.
  if (name === '\\RECENT') return undefined
  const known = spelling.get(name)
  if (known === undefined) throw bad('An unknown system flag')
  return known
}

function distinct(flags: (string | undefined)[]): string[] {
  return [...new Set(flags.filter((flag) => flag !== undefined))]
}

/** `(\Seen $Forwarded)`, possibly empty. */
export function parseFlagList(lexer: Lexer): string[] {
  return distinct(lexer.list(() => parseFlag(lexer), true))
}

/** A list in parentheses, or flags with spaces between to the end of the command. */
export function parseFlags(lexer: Lexer): string[] {
  if (lexer.peek() === '(') return parseFlagList(lexer)
  const flags = [parseFlag(lexer)]
  while (lexer.skip(' ')) flags.push(parseFlag(lexer))
  return distinct(flags)
}

const written = new WeakMap<readonly string[], string>()

/** `(\Seen $Junk)`. Flag sets are shared between messages, so each is written once. */
export function writeFlags(flags: readonly string[]): string {
  let text = written.get(flags)
  if (text === undefined) {
    text = `(${flags.join(' ')})`
    written.set(flags, text)
  }
  return text
}
