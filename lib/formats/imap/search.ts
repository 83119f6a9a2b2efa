/** SEARCH: RFC 9051 §6.4.4, with the keys of RFC 5032, RFC 5466, RFC 6203, RFC 7162, RFC 8474 and RFC 8514. */
import { parseDay } from './date.ts'
import type { Lexer } from './lexer.ts'
import { utf8Text } from './lexer.ts'
import { bad, no } from './refusal.ts'
import { parseReturn } from './searchReturn.ts'
import type { SearchReturns } from './searchReturn.ts'
import type { SequenceSet } from './sequenceSet.ts'
import { parseSequenceSet, startsSequenceSet } from './sequenceSet.ts'

export type SearchKey =
  | { readonly kind: 'all' | 'nothing' }
  | { readonly kind: 'and' | 'or'; readonly keys: readonly SearchKey[] }
  | { readonly kind: 'not'; readonly key: SearchKey }
  | { readonly kind: 'sequence' | 'uid'; readonly set: SequenceSet }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'larger' | 'smaller'; readonly bytes: number }
  /** `day` counts from 1970; `date` says which of the message's three dates. */
  | { readonly kind: 'date'; readonly date: 'internal' | 'sent' | 'saved'; readonly when: 'before' | 'on' | 'since'; readonly day: number }
  | { readonly kind: 'older' | 'younger'; readonly seconds: number }
  | { readonly kind: 'address'; readonly field: 'from' | 'to' | 'cc' | 'bcc'; readonly text: string }
  /** `text` '': any message that has the field. Field names in lower case. */
  | { readonly kind: 'header'; readonly field: string; readonly text: string }
  | { readonly kind: 'subject'; readonly text: string }
  | { readonly kind: 'body' | 'text'; readonly text: string }
  | { readonly kind: 'modSeq'; readonly least: number }
  | { readonly kind: 'emailId' | 'threadId'; readonly id: string }
  /** RFC 6203 §3: what is written much like it counts too. */
  | { readonly kind: 'fuzzy'; readonly key: SearchKey }
  /** RFC 5466 §3.1: the search kept under this name. */
  | { readonly kind: 'filter'; readonly name: string }

export interface SearchProgram {
  readonly key: SearchKey
  /** A MODSEQ key stands in it: the answer tells the highest mod-sequence found. */
  readonly modSeq: boolean
  /** A FUZZY key stands in it. */
  readonly fuzzy: boolean
  /** A character set was named. */
  readonly charset: boolean
}

export interface Search extends SearchProgram {
  /** Undefined: no RETURN was given. */
  readonly returns: SearchReturns | undefined
}

export interface SearchLimits {
  /** Parentheses, NOT and OR inside each other. */
  readonly depth: number
  /** Keys in one command. */
  readonly keys: number
}

export function parseSearch(lexer: Lexer, limits: SearchLimits): Search {
  lexer.space()
  const returns = lexer.skipWord('RETURN ') ? parseReturn(lexer) : undefined
  const program = parseSearchProgram(lexer, limits, 'optional')
  if (returns?.words.has('RELEVANCY') === true && !program.fuzzy) throw bad('RELEVANCY is for searches with FUZZY')
  return { returns, ...program }
}

/** The criteria to the end of the command; `charset` says whether the character set stands before them without a word (SORT, THREAD). */
export function parseSearchProgram(lexer: Lexer, limits: SearchLimits, charset: 'optional' | 'charset'): SearchProgram {
  const named = charset === 'charset' || lexer.skipWord('CHARSET ')
  if (named) parseCharset(lexer)
  const parser = new KeyParser(lexer, limits)
  const keys = [parser.key(0)]
  while (lexer.skip(' ')) keys.push(parser.key(0))
  lexer.end()
  return { key: all(keys), modSeq: parser.modSeq, fuzzy: parser.fuzzy, charset: named }
}

function all(keys: readonly SearchKey[]): SearchKey {
  const [only] = keys
  return keys.length === 1 && only !== undefined ? only : { kind: 'and', keys }
}

function parseCharset(lexer: Lexer): void {
  const charset = lexer.astring('a charset').toUpperCase()
  // RFC 9051 §7.1: the code lists what would be understood.
  if (charset !== 'UTF-8' && charset !== 'US-ASCII') throw no('This charset is not known', 'BADCHARSET (US-ASCII UTF-8)')
  lexer.space()
}

const flagKeys: Readonly<Record<string, string>> = { ANSWERED: '\\Answered', DELETED: '\\Deleted', DRAFT: '\\Draft', FLAGGED: '\\Flagged', SEEN: '\\Seen' }
const fixedKeys: Readonly<Record<string, SearchKey>> = {
  ALL: { kind: 'all' },
  // No message is \Recent here (see serve/imap/view.ts): RECENT and NEW find none, OLD all.
  RECENT: { kind: 'nothing' },
  NEW: { kind: 'nothing' },
  OLD: { kind: 'all' },
  // RFC 8514 §4.3: every mailbox here has save dates.
  SAVEDATESUPPORTED: { kind: 'all' },
}

const dateKey = /^(SENT|SAVED)?(BEFORE|ON|SINCE)$/
const whens = { BEFORE: 'before', ON: 'on', SINCE: 'since' } as const

class KeyParser {
  readonly #lexer: Lexer
  readonly #limits: SearchLimits
  #count = 0
  modSeq = false
  fuzzy = false

  constructor(lexer: Lexer, limits: SearchLimits) {
    this.#lexer = lexer
    this.#limits = limits
  }

  key(depth: number): SearchKey {
    const lexer = this.#lexer
    if (depth > this.#limits.depth) throw no('The search is nested too deeply', 'LIMIT')
    if (++this.#count > this.#limits.keys) throw no('The search has too many keys', 'LIMIT')
    const char = lexer.peek()
    if (char === '(') return all(lexer.list(() => this.key(depth + 1)))
    if (startsSequenceSet(char)) return { kind: 'sequence', set: parseSequenceSet(lexer) }
    const word = lexer.word('a search key')
    if (Object.hasOwn(fixedKeys, word) && fixedKeys[word] !== undefined) return fixedKeys[word]
    return this.#flagKey(word) ?? this.#dateKey(word) ?? this.#nested(word, depth) ?? this.#textKey(word) ?? this.#numberKey(word)
  }

  #flagKey(word: string): SearchKey | undefined {
    const not = word.startsWith('UN')
    const name = not ? word.slice(2) : word
    if (name === 'KEYWORD') {
      this.#lexer.space()
      return flagged(this.#lexer.atom('a keyword'), not)
    }
    const flag = Object.hasOwn(flagKeys, name) ? flagKeys[name] : undefined
    return flag === undefined ? undefined : flagged(flag, not)
  }

  #dateKey(word: string): SearchKey | undefined {
    const found = dateKey.exec(word)
    if (found === null) return undefined
    this.#lexer.space()
    const when = whens[found[2] as keyof typeof whens]
    const date = found[1] === 'SENT' ? 'sent' : found[1] === 'SAVED' ? 'saved' : 'internal'
    return { kind: 'date', date, when, day: parseDay(this.#lexer) }
  }

  #nested(word: string, depth: number): SearchKey | undefined {
    if (word === 'NOT') {
      this.#lexer.space()
      return { kind: 'not', key: this.key(depth + 1) }
    }
    if (word === 'FUZZY') {
      this.#lexer.space()
      this.fuzzy = true
      return { kind: 'fuzzy', key: this.key(depth + 1) }
    }
    if (word !== 'OR') return undefined
    this.#lexer.space()
    const left = this.key(depth + 1)
    this.#lexer.space()
    return { kind: 'or', keys: [left, this.key(depth + 1)] }
  }

  #textKey(word: string): SearchKey | undefined {
    const lexer = this.#lexer
    const text = () => {
      lexer.space()
      return utf8Text(lexer.astring())
    }
    switch (word) {
      case 'FROM':
        return { kind: 'address', field: 'from', text: text() }
      case 'TO':
        return { kind: 'address', field: 'to', text: text() }
      case 'CC':
        return { kind: 'address', field: 'cc', text: text() }
      case 'BCC':
        return { kind: 'address', field: 'bcc', text: text() }
      case 'SUBJECT':
        return { kind: 'subject', text: text() }
      case 'BODY':
        return { kind: 'body', text: text() }
      case 'TEXT':
        return { kind: 'text', text: text() }
      case 'HEADER': {
        lexer.space()
        const field = lexer.astring('a field name').toLowerCase()
        return { kind: 'header', field, text: text() }
      }
      default:
        return undefined
    }
  }

  #numberKey(word: string): SearchKey {
    const lexer = this.#lexer
    const known = ['LARGER', 'SMALLER', 'OLDER', 'YOUNGER', 'UID', 'UIDAFTER', 'UIDBEFORE', 'MODSEQ', 'EMAILID', 'THREADID', 'FILTER']
    if (!known.includes(word)) throw bad(`Unknown search key ${word}`)
    lexer.space()
    if (word === 'LARGER') return { kind: 'larger', bytes: lexer.number64() }
    if (word === 'SMALLER') return { kind: 'smaller', bytes: lexer.number64() }
    // RFC 5032 §3: an interval of seconds above zero.
    if (word === 'OLDER') return { kind: 'older', seconds: lexer.nzNumber() }
    if (word === 'YOUNGER') return { kind: 'younger', seconds: lexer.nzNumber() }
    if (word === 'UID') return { kind: 'uid', set: parseSequenceSet(lexer) }
    // RFC 9738 §3.2
    if (word === 'UIDAFTER') return uidRange(lexer.nzNumber('a UID') + 1, 0xffff_ffff)
    if (word === 'UIDBEFORE') return uidRange(1, lexer.nzNumber('a UID') - 1)
    if (word === 'MODSEQ') return this.#modSeqKey()
    if (word === 'FILTER') return { kind: 'filter', name: parseFilterName(lexer) }
    return { kind: word === 'EMAILID' ? 'emailId' : 'threadId', id: lexer.astring('an object id') }
  }

  /** RFC 7162 §3.1.5: one mod-sequence a message is kept, so that the entry name and type change nothing. */
  #modSeqKey(): SearchKey {
    const lexer = this.#lexer
    if (lexer.peek() === '"') {
      lexer.string()
      lexer.space()
      if (!['ALL', 'PRIV', 'SHARED'].includes(lexer.word('an entry type'))) throw bad('Unknown entry type')
      lexer.space()
    }
    this.modSeq = true
    return { kind: 'modSeq', least: lexer.number64('a mod-sequence') }
  }
}

/** RFC 5466 §4: atom characters without the slash. */
function parseFilterName(lexer: Lexer): string {
  const name = lexer.atom('the name of a filter')
  if (name.includes('/')) throw bad('The name of a filter has no slash')
  return name
}

function uidRange(low: number, high: number): SearchKey {
  return { kind: 'uid', set: { saved: false, ranges: low > high ? [] : [[low, high]] } }
}

function flagged(flag: string, not: boolean): SearchKey {
  const key: SearchKey = { kind: 'flag', flag }
  return not ? { kind: 'not', key } : key
}

/** Replaces keys by what `change` makes of them, leaves the rest; undefined leaves a key as it is. */
export function rewriteSearch(key: SearchKey, change: (key: SearchKey) => SearchKey | undefined): SearchKey {
  if (key.kind === 'and' || key.kind === 'or') return { kind: key.kind, keys: key.keys.map((one) => rewriteSearch(one, change)) }
  if (key.kind === 'not' || key.kind === 'fuzzy') return { kind: key.kind, key: rewriteSearch(key.key, change) }
  return change(key) ?? key
}
