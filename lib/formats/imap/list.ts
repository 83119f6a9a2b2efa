/** LIST, extended (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590) and LSUB (RFC 3501 §6.3.9). */
import type { Lexer } from './lexer.ts'
import type { MetadataEntry } from './metadata.ts'
import { parseEntries } from './metadata.ts'
import type { NameEncoding } from './mailboxName.ts'
import { decodeMailboxName, hierarchySeparator, writeMailbox } from './mailboxName.ts'
import { bad, no } from './refusal.ts'
import type { StatusItem } from './status.ts'
import { parseStatusItems } from './status.ts'

export interface List {
  readonly reference: string
  readonly patterns: readonly string[]
  /** Of the selection options: only subscribed names; only those with a special use. */
  readonly onlySubscribed: boolean
  readonly onlySpecialUse: boolean
  readonly recursiveMatch: boolean
  /** Of the return options. */
  readonly returnSubscribed: boolean
  readonly returnStatus: readonly StatusItem[]
  readonly returnRights: boolean
  readonly returnMetadata: readonly MetadataEntry[]
  /** Extended syntax was used: `LIST "" ""` then names nothing special. */
  readonly extended: boolean
}

/** Each is held against every name. */
const mostPatterns = 100

type Selection = Pick<List, 'onlySubscribed' | 'onlySpecialUse' | 'recursiveMatch'>

export function parseList(lexer: Lexer, encoding: NameEncoding): List {
  lexer.space()
  const selects = lexer.peek() === '('
  const selection = selects ? parseSelection(lexer) : parseNoSelection()
  const reference = decodeMailboxName(lexer.astring('a reference name'), encoding)
  lexer.space()
  const many = lexer.peek() === '('
  const pattern = () => decodePattern(lexer.listMailbox(), encoding)
  const patterns = many ? lexer.list(pattern) : [pattern()]
  if (patterns.length > mostPatterns) throw no('LIST of too many patterns', 'LIMIT')
  const returns = lexer.skip(' ') ? parseReturn(lexer) : undefined
  lexer.end()
  // RFC 5258 §3.1: selecting by subscription implies returning it.
  const returnSubscribed = selection.onlySubscribed || (returns?.subscribed ?? false)
  return { reference, patterns, ...selection, returnSubscribed, returnStatus: returns?.status ?? [], returnRights: returns?.rights ?? false, returnMetadata: returns?.metadata ?? [], extended: selects || many || returns !== undefined }
}

/** LSUB is answered as LIST (SUBSCRIBED) RECURSIVEMATCH would be, in its own words. */
export function parseLsub(lexer: Lexer, encoding: NameEncoding): { reference: string; pattern: string } {
  lexer.space()
  const reference = decodeMailboxName(lexer.astring('a reference name'), encoding)
  lexer.space()
  const pattern = decodePattern(lexer.listMailbox(), encoding)
  lexer.end()
  return { reference, pattern }
}

/** Wildcards pass modified UTF-7 unchanged, so a pattern decodes as a name does. */
function decodePattern(octets: string, encoding: NameEncoding): string {
  return octets === '' ? '' : decodeMailboxName(octets, encoding)
}

function parseNoSelection(): Selection {
  return { onlySubscribed: false, onlySpecialUse: false, recursiveMatch: false }
}

function parseSelection(lexer: Lexer): Selection {
  const words = new Set(lexer.list(() => lexer.word('a selection option'), true))
  lexer.space()
  for (const word of words) if (!['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'].includes(word)) throw bad(`Unknown selection option ${word}`)
  // RFC 5258 §3.1: RECURSIVEMATCH modifies another option, REMOTE does not count as one.
  if (words.has('RECURSIVEMATCH') && !words.has('SUBSCRIBED') && !words.has('SPECIAL-USE')) throw bad('RECURSIVEMATCH needs another selection option')
  return { onlySubscribed: words.has('SUBSCRIBED'), onlySpecialUse: words.has('SPECIAL-USE'), recursiveMatch: words.has('RECURSIVEMATCH') }
}

function parseReturn(lexer: Lexer): { subscribed: boolean; status: readonly StatusItem[]; rights: boolean; metadata: readonly MetadataEntry[] } {
  if (lexer.word('RETURN') !== 'RETURN') throw bad('Expected RETURN')
  lexer.space()
  let subscribed = false
  let status: readonly StatusItem[] = []
  let rights = false
  let metadata: readonly MetadataEntry[] = []
  lexer.list(() => {
    const word = lexer.word('a return option')
    if (word === 'SUBSCRIBED') subscribed = true
    else if (word === 'STATUS') {
      lexer.space()
      status = parseStatusItems(lexer)
      // RFC 8440
    } else if (word === 'MYRIGHTS') rights = true
    else if (word === 'METADATA') {
      // RFC 9590
      lexer.space()
      metadata = parseEntries(lexer)
      // CHILDREN and SPECIAL-USE attributes are always told (RFC 5258 §4, RFC 6154 §2).
    } else if (word !== 'CHILDREN' && word !== 'SPECIAL-USE') throw bad(`Unknown return option ${word}`)
  }, true)
  return { subscribed, status, rights, metadata }
}

export interface ListLine {
  readonly word: 'LIST' | 'LSUB'
  readonly attributes: readonly string[]
  readonly name: string
  /** RFC 5258 §3.5: names below match the selection although this one may not. */
  readonly childInfo?: readonly string[]
  /** RFC 9051 §6.3.9.7: the name it had until now. */
  readonly oldName?: string
}

export function writeListLine({ word, attributes, name, childInfo, oldName }: ListLine, encoding: NameEncoding): string {
  const items = [
    ...(childInfo === undefined ? [] : [`"CHILDINFO" (${childInfo.map((info) => `"${info}"`).join(' ')})`]),
    ...(oldName === undefined ? [] : [`"OLDNAME" (${writeMailbox(oldName, encoding)})`]),
  ]
  return `* ${word} (${attributes.join(' ')}) "${hierarchySeparator}" ${writeMailbox(name, encoding)}${items.length === 0 ? '' : ` (${items.join(' ')})`}\r\n`
}
