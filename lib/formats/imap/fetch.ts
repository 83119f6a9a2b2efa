/** FETCH: RFC 9051 §6.4.5, with the items of RFC 7162, RFC 8474, RFC 8514 and RFC 8970. */
import type { Lexer } from './lexer.ts'
import { parsePartialRange } from './partialRange.ts'
import type { PartialRange } from './partialRange.ts'
import { bad } from './refusal.ts'
import type { Partial, Section } from './section.ts'
import { parseBinaryPath, parsePartial, parseSection, writeSection } from './section.ts'
import { parseSequenceSet } from './sequenceSet.ts'
import type { SequenceSet } from './sequenceSet.ts'

const plainItems = ['ENVELOPE', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'UID', 'BODYSTRUCTURE', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE'] as const

export type FetchItem =
  | { readonly kind: (typeof plainItems)[number] | 'BODY' }
  /** RFC 8970 §3.2: LAZY asks only for what is at hand, which a preview here always is. */
  | { readonly kind: 'PREVIEW' }
  /** `label` is what the response calls it, the partial's origin included. */
  | { readonly kind: 'section'; readonly label: string; readonly section: Section; readonly partial: Partial | undefined; readonly peek: boolean }
  | { readonly kind: 'binary'; readonly label: string; readonly path: readonly number[]; readonly partial: Partial | undefined; readonly peek: boolean }
  | { readonly kind: 'binarySize'; readonly label: string; readonly path: readonly number[] }

export interface Fetch {
  readonly set: SequenceSet
  readonly items: readonly FetchItem[]
  /** RFC 7162 §3.1.4 */
  readonly changedSince: number | undefined
  /** RFC 7162 §3.2.6: of the set, tell also what is gone since. */
  readonly vanished: boolean
  /** RFC 9394 §3.3: of the messages of the set, only these. */
  readonly page: PartialRange | undefined
}

const macros: Readonly<Record<string, readonly FetchItem[]>> = {
  ALL: [{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }, { kind: 'ENVELOPE' }],
  FAST: [{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }],
  FULL: [{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }, { kind: 'ENVELOPE' }, { kind: 'BODY' }],
}

/** More items than any client asks for; each may cost a reading of the message. */
const mostItems = 200

/** Everything after the command word, the space included. */
export function parseFetch(lexer: Lexer): Fetch {
  lexer.space()
  const set = parseSequenceSet(lexer)
  lexer.space()
  const items = parseItems(lexer)
  if (items.length > mostItems) throw bad('FETCH of too many items')
  const modifiers = lexer.skip(' ') ? parseModifiers(lexer) : { changedSince: undefined, vanished: false, page: undefined }
  lexer.end()
  return { set, items, ...modifiers }
}

/** Items in parentheses, as in NOTIFY (RFC 5465 §8). */
export function parseFetchItems(lexer: Lexer): readonly FetchItem[] {
  const items = lexer.list(() => parseItem(lexer))
  if (items.length > mostItems) throw bad('FETCH of too many items')
  return items
}

function parseItems(lexer: Lexer): readonly FetchItem[] {
  if (lexer.peek() === '(') return lexer.list(() => parseItem(lexer))
  const start = lexer.at
  const name = lexer.word('a FETCH item')
  const macro = Object.hasOwn(macros, name) ? macros[name] : undefined
  if (macro !== undefined) return macro
  lexer.at = start
  return [parseItem(lexer)]
}

type Modifiers = Pick<Fetch, 'changedSince' | 'vanished' | 'page'>

/** RFC 7162 §3.1.4, RFC 9394 §3.3 and RFC 4466 §2.4: `(CHANGEDSINCE 12345 VANISHED PARTIAL 1:500)` */
function parseModifiers(lexer: Lexer): Modifiers {
  let changedSince: number | undefined
  let vanished = false
  let page: PartialRange | undefined
  lexer.list(() => {
    const name = lexer.word('a FETCH modifier')
    if (name === 'VANISHED') vanished = true
    else if (name === 'CHANGEDSINCE') {
      lexer.space()
      changedSince = lexer.number64('a mod-sequence')
    } else if (name === 'PARTIAL') {
      lexer.space()
      page = parsePartialRange(lexer)
    } else throw bad(`Unknown FETCH modifier ${name}`)
  })
  // RFC 7162 §3.2.6
  if (vanished && changedSince === undefined) throw bad('VANISHED goes with CHANGEDSINCE')
  return { changedSince, vanished, page }
}

const itemName = /[A-Za-z0-9.]*/y

function parseItem(lexer: Lexer): FetchItem {
  itemName.lastIndex = lexer.at
  const name = (itemName.exec(lexer.text)?.[0] ?? '').toUpperCase()
  lexer.at += name.length
  const plain = plainItems.find((item) => item === name)
  if (plain !== undefined) return { kind: plain }
  if (name === 'BODY' || name === 'BODY.PEEK') return lexer.peek() === '[' || name === 'BODY.PEEK' ? parseBody(lexer, name === 'BODY.PEEK') : { kind: 'BODY' }
  if (name === 'PREVIEW') return parsePreview(lexer)
  if (name.startsWith('RFC822')) return parseRfc822(name)
  if (name.startsWith('BINARY')) return parseBinary(lexer, name)
  throw bad(name === '' ? 'Expected a FETCH item' : `Unknown FETCH item ${name}`)
}

const origin = (partial: Partial | undefined) => (partial === undefined ? '' : `<${partial.offset}>`)

function parseBody(lexer: Lexer, peek: boolean): FetchItem {
  const section = parseSection(lexer)
  const partial = parsePartial(lexer)
  return { kind: 'section', label: `BODY[${writeSection(section)}]${origin(partial)}`, section, partial, peek }
}

/** RFC 3501 §6.4.5: old names of three sections, answered under these names. */
function parseRfc822(name: string): FetchItem {
  const section = (what: Section['what'], peek: boolean): FetchItem => ({ kind: 'section', label: name, section: { path: [], what, names: [], not: false }, partial: undefined, peek })
  if (name === 'RFC822') return section('ALL', false)
  if (name === 'RFC822.HEADER') return section('HEADER', true)
  if (name === 'RFC822.TEXT') return section('TEXT', false)
  throw bad(`Unknown FETCH item ${name}`)
}

/** RFC 3516 §4.2 */
function parseBinary(lexer: Lexer, name: string): FetchItem {
  if (name !== 'BINARY' && name !== 'BINARY.PEEK' && name !== 'BINARY.SIZE') throw bad(`Unknown FETCH item ${name}`)
  const path = parseBinaryPath(lexer)
  if (name === 'BINARY.SIZE') return { kind: 'binarySize', label: `BINARY.SIZE[${path.join('.')}]`, path }
  const partial = parsePartial(lexer)
  return { kind: 'binary', label: `BINARY[${path.join('.')}]${origin(partial)}`, path, partial, peek: name === 'BINARY.PEEK' }
}

const previewModifiers = / \(LAZY[ )]/iy

/** Alone, it may stand before the modifiers of FETCH itself, which are in parentheses too. */
function parsePreview(lexer: Lexer): FetchItem {
  previewModifiers.lastIndex = lexer.at
  if (previewModifiers.test(lexer.text)) {
    lexer.space()
    lexer.list(() => {
      if (lexer.word('LAZY') !== 'LAZY') throw bad('Unknown PREVIEW modifier')
    })
  }
  return { kind: 'PREVIEW' }
}
