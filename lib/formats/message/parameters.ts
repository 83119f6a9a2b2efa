/**
 * Values with parameters: Content-Type (RFC 2045 §5.1), Content-Disposition (RFC 2183 §2), both with RFC 2231.
 *
 * Invariants: octet strings; parameters keep their order and their spelling; pieces of one value are put together, as IMAP
 * wants them (RFC 2231 §6), and the encoded ones keep their `*`.
 */
import { decodeCharset } from './charset.ts'
import { decodeEncodedWords, unescapeHex } from './decode.ts'
import { unfold } from './header.ts'

export type Parameters = readonly (readonly [name: string, value: string])[]

export interface ParameterisedValue {
  /** What stands before the first semicolon, white space and comments taken out. */
  readonly value: string
  readonly parameters: Parameters
}

/** More than any part has. */
const parameterLimit = 100

const space = /(?:[ \t\r\n]+|\((?:[^()\\]|\\[^]){0,1000}\))*/y
const token = /[^ \t\r\n()<>@,;:\\"/=[\]?]+/y
const attribute = /[^ \t\r\n()<>@,;:\\"/=[\]]+/y
/** Values are often wrong: everything up to white space or a semicolon is taken. */
const looseToken = /[^ \t\r\n;"]+/y
const separators = /(?:[ \t\r\n;]+|\((?:[^()\\]|\\[^]){0,1000}\))*/y
const untilSemicolon = /[^;]*/y

class Reader {
  readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
  }

  take(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? ''
    this.at += found.length
    return found
  }

  space(): void {
    this.take(space)
  }

  skip(char: string): boolean {
    if (this.text.charAt(this.at) !== char) return false
    this.at++
    return true
  }

  /** Behind the opening quote. */
  quoted(): string {
    const { text } = this
    const start = this.at
    let escaped = false
    while (this.at < text.length && text.charAt(this.at) !== '"') {
      if (text.charAt(this.at) === '\\') {
        escaped = true
        this.at++
      }
      this.at++
    }
    const inner = unfold(text.slice(start, this.at))
    this.at++
    return escaped ? inner.replaceAll(/\\([^])/g, '$1') : inner
  }
}

/** `type/subtype; name=value`, in lower case as far as case has no meaning; undefined when there is no type. */
export function parseContentType(value: string): { type: string; subtype: string; parameters: Parameters } | undefined {
  const reader = new Reader(value)
  reader.space()
  const type = reader.take(token).toLowerCase()
  if (type === '') return undefined
  reader.space()
  if (!reader.skip('/')) return undefined
  reader.space()
  const subtype = reader.take(token).toLowerCase()
  return { type, subtype, parameters: readParameters(reader) }
}

/** `word; name=value`; undefined when there is no word. */
export function parseParameterised(value: string): ParameterisedValue | undefined {
  const reader = new Reader(value)
  reader.space()
  const word = reader.take(token)
  return word === '' ? undefined : { value: word, parameters: readParameters(reader) }
}

/** A single word, as of Content-Transfer-Encoding; undefined when it is none or more. */
export function parseWord(value: string): string | undefined {
  const reader = new Reader(value)
  reader.space()
  const word = reader.take(token)
  reader.space()
  reader.skip(';')
  return word === '' || reader.at < reader.text.length ? undefined : word
}

function readParameters(reader: Reader): Parameters {
  const found: [string, string][] = []
  while (reader.at < reader.text.length && found.length < parameterLimit) {
    // Semicolons are doubled and forgotten.
    reader.take(separators)
    const name = reader.take(attribute)
    reader.space()
    if (name === '' || !reader.skip('=')) {
      reader.take(untilSemicolon)
      continue
    }
    reader.space()
    found.push([name, reader.skip('"') ? reader.quoted() : reader.take(looseToken)])
  }
  return found.some(([name]) => name.includes('*')) ? joinPieces(found) : found
}

const pieceName = /^([^*]+)\*(?:(\d{1,4})(\*?))?$/

interface Piece {
  readonly value: string
  readonly extended: boolean
}

/** RFC 2231 §3 and §4: `name*0`, `name*1*` ... are one value. They come last, for the order means nothing. */
function joinPieces(found: readonly (readonly [string, string])[]): Parameters {
  const plain: (readonly [string, string])[] = []
  const joined = new Map<string, { readonly name: string; readonly pieces: (Piece | undefined)[] }>()
  for (const pair of found) {
    const [, name, number, star] = pieceName.exec(pair[0]) ?? []
    const place = Number(number ?? 0)
    if (name === undefined) plain.push(pair)
    if (name === undefined || place >= parameterLimit) continue
    const key = name.toLowerCase()
    const known = joined.get(key) ?? { name, pieces: [] }
    joined.set(key, known)
    known.pieces[place] ??= { value: pair[1], extended: number === undefined || star === '*' }
  }
  return [...plain, ...[...joined.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, pieces }) => joinRun(name, pieces))]
}

function joinRun(name: string, pieces: readonly (Piece | undefined)[]): readonly [string, string] {
  // Where a piece is missing, what follows has lost its place.
  const missing = pieces.findIndex((piece) => piece === undefined)
  const run = (missing < 0 ? pieces : pieces.slice(0, missing)).filter((piece) => piece !== undefined)
  if (!run.some(({ extended }) => extended)) return [name, run.map(({ value }) => value).join('')]
  const text = run.map(({ value, extended }) => (extended ? value : value.replaceAll('%', '%25'))).join('')
  // The first piece tells the character set; without it there is none.
  return [`${name}*`, run[0]?.extended === true ? text : `''${text}`]
}

/** A parameter as text a person reads: RFC 2231 §4 first, else the plain form, whose encoded words are wrong and common. */
export function parameterText(parameters: Parameters | undefined, name: string): string | undefined {
  const extended = parameters?.find(([key]) => key.toLowerCase() === `${name}*`)?.[1]
  if (extended !== undefined) {
    const [, charset = '', value = extended] = /^([^']*)'[^']*'([^]*)$/.exec(extended) ?? []
    return decodeCharset(Buffer.from(unescapeHex(value, '%'), 'latin1'), charset)
  }
  const plain = parameters?.find(([key]) => key.toLowerCase() === name)?.[1]
  return plain === undefined ? undefined : decodeEncodedWords(plain)
}
