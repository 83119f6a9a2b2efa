/**
 * How a command begins and how a line says that a literal follows, RFC 9051 §2.2.1 and §4.3.
 */
import { bad } from './refusal.ts'
import { Lexer } from './lexer.ts'

export interface CommandStart {
  readonly tag: string
  /** Upper case; `UID FETCH` is one word. */
  readonly word: string
  /** Stands after the word, before the space that begins the arguments. */
  readonly lexer: Lexer
}

/** The tag alone, for the answer to a line that is no command. Undefined when there is none to answer with. */
export function readTag(text: string): string | undefined {
  const tag = new Lexer(text).tag()
  const next = text.charAt(tag.length)
  return tag !== '' && (next === ' ' || next === '') ? tag : undefined
}

/** Throws {@link bad} when the line has no command word; the caller answers with {@link readTag}. */
export function readCommandStart(text: string): CommandStart {
  const lexer = new Lexer(text)
  const tag = lexer.tag()
  if (tag === '') throw bad('A command begins with a tag')
  lexer.space()
  const word = lexer.word('a command')
  if (word !== 'UID') return { tag, word, lexer }
  lexer.space()
  return { tag, word: `UID ${lexer.word('a command')}`, lexer }
}

export interface LiteralMark {
  readonly sizeBytes: number
  /** The client waits for `+` before it sends the octets (RFC 7888 §4). */
  readonly waits: boolean
  /** `~{n}`: may hold any octets (RFC 3516 §4.4). */
  readonly binary: boolean
  /** Characters of the mark itself. */
  readonly markLength: number
}

const mark = /(~?)\{(\d{1,19})(\+?)\}$/

/** The literal that a line (without CRLF) announces at its end. */
export function literalAtEnd(line: string): LiteralMark | undefined {
  if (!line.endsWith('}')) return undefined
  // The mark is short: looking at the tail alone keeps long lines cheap.
  const found = mark.exec(line.slice(-24))
  if (found === null) return undefined
  return { sizeBytes: Number(found[2]), waits: found[3] !== '+', binary: found[1] === '~', markLength: found[0].length }
}
