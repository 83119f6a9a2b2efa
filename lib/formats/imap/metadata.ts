/** GETMETADATA and SETMETADATA with their response: RFC 5464. */
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox, writeMailbox } from './mailboxName.ts'
import { bad } from './refusal.ts'
import { writeAstring, writeString } from './write.ts'

export interface MetadataEntry {
  readonly scope: 'shared' | 'private'
  /** Lower case, from the slash after the scope on: `/comment`; '' for the scope itself. */
  readonly name: string
}

export interface GetMetadata {
  /** '' for the server. */
  readonly mailbox: string
  readonly entries: readonly MetadataEntry[]
  /** Octets; values above are counted, not told. */
  readonly maxSize: number | undefined
  /** How many levels below an entry are told too. */
  readonly depth: number
}

export interface SetMetadata {
  readonly mailbox: string
  readonly changes: readonly (MetadataEntry & { readonly value: Uint8Array | null })[]
}

/** Names and how many of them one command may have. */
const longestName = 255
const mostEntries = 100

/** Both the grammar's order and that of the examples are taken: options before or after the mailbox (RFC 5464 §4.2 and §5). */
export function parseGetMetadata(lexer: Lexer, encoding: NameEncoding): GetMetadata {
  lexer.space()
  const before = lexer.peek() === '(' ? parseOptions(lexer) : undefined
  if (before !== undefined) lexer.space()
  const mailbox = parseMailbox(lexer, encoding)
  lexer.space()
  const after = before === undefined && startsOptions(lexer) ? parseOptions(lexer) : undefined
  if (after !== undefined) lexer.space()
  const entries = parseEntries(lexer)
  // RFC 5464 §4.4.1: some clients write several without parentheses.
  while (lexer.skip(' ')) entries.push(parseEntry(lexer))
  lexer.end()
  if (entries.length > mostEntries) throw bad('Too many entries')
  return { mailbox, entries, maxSize: undefined, depth: 0, ...before, ...after }
}

function startsOptions(lexer: Lexer): boolean {
  return /^\((MAXSIZE|DEPTH) /i.test(lexer.text.slice(lexer.at, lexer.at + 9))
}

function parseOptions(lexer: Lexer): Partial<Pick<GetMetadata, 'maxSize' | 'depth'>> {
  const options = lexer.list(() => {
    const word = lexer.word('an option')
    lexer.space()
    if (word === 'MAXSIZE') return { maxSize: lexer.number() }
    if (word === 'DEPTH') return { depth: parseDepth(lexer.word('a depth')) }
    throw bad(`Unknown option ${word}`)
  })
  return Object.assign({}, ...options) as Partial<Pick<GetMetadata, 'maxSize' | 'depth'>>
}

function parseDepth(word: string): number {
  if (word === '0' || word === '1') return Number(word)
  if (word === 'INFINITY') return Infinity
  throw bad('DEPTH is 0, 1 or infinity')
}

/** One entry, or several in parentheses. */
export function parseEntries(lexer: Lexer): MetadataEntry[] {
  return lexer.peek() === '(' ? lexer.list(() => parseEntry(lexer)) : [parseEntry(lexer)]
}

/** RFC 5464 §3.2: case does not matter. */
function parseEntry(lexer: Lexer): MetadataEntry {
  const text = lexer.astring('an entry').toLowerCase()
  const [, scope, name = ''] = /^\/(shared|private)((?:\/[^/]*)*)$/.exec(text) ?? []
  if (scope !== 'shared' && scope !== 'private') throw bad('An entry begins with /shared or /private')
  if (text.length > longestName || text.includes('//') || text.endsWith('/') || /[*%]|[^\x20-\x7e]/.test(text)) throw bad('This can be no entry')
  return { scope, name }
}

export function parseSetMetadata(lexer: Lexer, encoding: NameEncoding): SetMetadata {
  lexer.space()
  const mailbox = parseMailbox(lexer, encoding)
  lexer.space()
  const changes = lexer.list(() => {
    const entry = parseEntry(lexer)
    if (entry.name === '') throw bad('/shared and /private have no value themselves')
    lexer.space()
    return { ...entry, value: parseValue(lexer) }
  })
  lexer.end()
  if (changes.length > mostEntries) throw bad('Too many entries')
  return { mailbox, changes }
}

function parseValue(lexer: Lexer): Uint8Array | null {
  const octets = lexer.peek() === '~' ? lexer.literal8() : lexer.nstring()
  return octets === null ? null : Buffer.from(octets, 'latin1')
}

export function writeMetadata(mailbox: string, values: readonly (MetadataEntry & { readonly value: Uint8Array | null })[], encoding: NameEncoding): string {
  const items = values.map(({ scope, name, value }) => `${writeAstring(`/${scope}${name}`)} ${writeMetadataValue(value)}`)
  return `* METADATA ${mailbox === '' ? '""' : writeMailbox(mailbox, encoding)} (${items.join(' ')})\r\n`
}

/** RFC 5464 §4.4.2: entries that have changed, without their values. */
export function writeMetadataNames(mailbox: string, entries: readonly string[], encoding: NameEncoding): string {
  return `* METADATA ${mailbox === '' ? '""' : writeMailbox(mailbox, encoding)} ${entries.map(writeAstring).join(' ')}\r\n`
}

function writeMetadataValue(value: Uint8Array | null): string {
  if (value === null) return 'NIL'
  const octets = Buffer.from(value).toString('latin1')
  return octets.includes('\0') ? `~{${octets.length}}\r\n${octets}` : writeString(octets)
}

/** `text` is the command so far: whether its next literal may hold any octets (RFC 5464 §5, `value`). */
export function takesAnyOctets(text: string): boolean {
  return /^[^ ]+ SETMETADATA /i.test(text)
}
