/** BODY sections and partials: `[1.2.HEADER.FIELDS (From)]<0.100>` (RFC 9051 §6.4.5.1). */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import { writeAstring } from './write.ts'

export type SectionText = 'ALL' | 'HEADER' | 'FIELDS' | 'TEXT' | 'MIME'

export interface Section {
  readonly path: readonly number[]
  readonly what: SectionText
  /** Of FIELDS: the names as written. */
  readonly names: readonly string[]
  /** HEADER.FIELDS.NOT */
  readonly not: boolean
}

export interface Partial {
  readonly offset: number
  readonly length: number
}

/** Deep enough for any real message; the structure itself has a limit of its own. */
const longestPath = 100

/** `1.2`, up to the bracket, or up to the dot before a section text, which is moved over. */
function parsePath(lexer: Lexer): number[] {
  const path: number[] = []
  while (/[0-9]/.test(lexer.peek())) {
    path.push(lexer.nzNumber('a part number'))
    if (path.length > longestPath) throw bad('A part number is too deep')
    if (lexer.peek() === ']') break
    lexer.expect('.')
    if (lexer.peek() === ']') throw bad('A section ends with a dot')
  }
  return path
}

/** `[1.2]` of BINARY. */
export function parseBinaryPath(lexer: Lexer): number[] {
  lexer.expect('[')
  const path = parsePath(lexer)
  lexer.expect(']')
  return path
}

export function parseSection(lexer: Lexer): Section {
  lexer.expect('[')
  const path = parsePath(lexer)
  const section = lexer.peek() === ']' ? whole(path) : parseSectionText(lexer, path)
  lexer.expect(']')
  return section
}

const whole = (path: readonly number[]): Section => ({ path, what: 'ALL', names: [], not: false })

function parseSectionText(lexer: Lexer, path: readonly number[]): Section {
  const plain = (what: SectionText): Section => ({ path, what, names: [], not: false })
  if (lexer.skipWord('HEADER.FIELDS')) {
    const not = lexer.skipWord('.NOT')
    lexer.space()
    return { path, what: 'FIELDS', names: lexer.list(() => lexer.astring('a field name')), not }
  }
  if (lexer.skipWord('HEADER')) return plain('HEADER')
  if (lexer.skipWord('TEXT')) return plain('TEXT')
  // RFC 9051 §6.4.5.1: MIME needs a part number before it.
  if (path.length > 0 && lexer.skipWord('MIME')) return plain('MIME')
  throw bad('Expected a section like HEADER, TEXT or a part number')
}

export function parsePartial(lexer: Lexer): Partial | undefined {
  if (!lexer.skip('<')) return undefined
  const offset = lexer.number64('an offset')
  lexer.expect('.')
  const length = lexer.number64('a length')
  if (length === 0) throw bad('A partial has a length above zero')
  lexer.expect('>')
  return { offset, length }
}

const sectionNames = { ALL: '', HEADER: 'HEADER', TEXT: 'TEXT', MIME: 'MIME' } as const

/** The section as responses name it, without brackets. */
export function writeSection({ path, what, names, not }: Section): string {
  const text = what === 'FIELDS' ? `HEADER.FIELDS${not ? '.NOT' : ''} (${names.map(writeAstring).join(' ')})` : sectionNames[what]
  return [...path.map(String), ...(text === '' ? [] : [text])].join('.')
}
