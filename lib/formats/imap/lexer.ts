/**
 * Reads the words of one command, RFC 9051 §9.
 *
 * The text is an octet string (code points 0-255 are the octets) without the final CRLF; literals stand in it as they
 * came, `{3}` CRLF and the octets. Every method moves over what it returns or throws {@link bad}; none looks back.
 */
import { isUtf8 } from 'node:buffer'
import { bad } from './refusal.ts'

const atomBit = 1
const astringBit = 2
const listBit = 4
const tagBit = 8

/** RFC 9051 §9: atom-specials, list-wildcards, resp-specials, quoted-specials, CTL. */
const classes = classify()

function classify(): Uint8Array {
  const table = new Uint8Array(256)
  for (let code = 0x21; code < 0x7f; code++) {
    const char = String.fromCharCode(code)
    if ('(){"\\'.includes(char)) continue
    const wildcard = char === '%' || char === '*'
    const bits = wildcard ? listBit : char === ']' ? astringBit | listBit | tagBit : atomBit | astringBit | listBit | tagBit
    table[code] = char === '+' ? bits & ~tagBit : bits
  }
  return table
}

const largestNumber = 0xffffffff

export class Lexer {
  readonly text: string
  at: number

  constructor(text: string, at = 0) {
    this.text = text
    this.at = at
  }

  get ended(): boolean {
    return this.at >= this.text.length
  }

  /** The next character without moving, '' at the end. */
  peek(): string {
    return this.text.charAt(this.at)
  }

  /** Whether this character comes next; moves over it when it does. */
  skip(char: string): boolean {
    if (this.text.charAt(this.at) !== char) return false
    this.at++
    return true
  }

  expect(char: string): void {
    if (!this.skip(char)) throw bad(this.ended ? 'The command ends too early' : `Expected ${char === ' ' ? 'a space' : `"${char}"`}`)
  }

  space(): void {
    this.expect(' ')
  }

  end(): void {
    if (!this.ended) throw bad('The command has more arguments than it takes')
  }

  /** Characters of a class from here on; '' when there is none. */
  #run(bit: number): string {
    const start = this.at
    let at = start
    // Octets above 255 cannot occur, and code 0 has no class: the end of the text stops the loop too.
    while (at < this.text.length && ((classes[this.text.charCodeAt(at)] ?? 0) & bit) !== 0) at++
    this.at = at
    return this.text.slice(start, at)
  }

  tag(): string {
    return this.#run(tagBit)
  }

  atom(what = 'a word'): string {
    return this.#run(atomBit) || this.#missing(what)
  }

  /** An atom in upper case: command words and the like are case-insensitive. */
  word(what = 'a word'): string {
    return this.atom(what).toUpperCase()
  }

  #missing(what: string): never {
    throw bad(this.ended ? `Expected ${what} before the end of the command` : `Expected ${what}`)
  }

  /** Whether these letters come next, in any case; moves over them when they do. */
  skipWord(word: string): boolean {
    if (this.text.slice(this.at, this.at + word.length).toUpperCase() !== word) return false
    this.at += word.length
    return true
  }

  number(what = 'a number'): number {
    const value = this.number64(what)
    if (value > largestNumber) throw bad('A number is too large')
    return value
  }

  /** A number above zero that fits in 32 bits. */
  nzNumber(what = 'a number'): number {
    const value = this.number(what)
    return value === 0 ? this.#missing(`${what} above zero`) : value
  }

  /** Up to 63 bits; above 2^53 the last digits are lost, which no comparison here minds. */
  number64(what = 'a number'): number {
    const start = this.at
    let at = start
    for (let code = this.text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = this.text.charCodeAt(++at));
    if (at === start) this.#missing(what)
    if (at - start > 19) throw bad('A number is too large')
    this.at = at
    return Number(this.text.slice(start, at))
  }

  /** Whether a string (quoted or literal) begins here. */
  atString(): boolean {
    const char = this.peek()
    return char === '"' || char === '{'
  }

  string(what = 'a string'): string {
    const char = this.peek()
    if (char === '"') return this.#quoted()
    if (char === '{') return this.literal()
    return this.#missing(what)
  }

  astring(what = 'a string'): string {
    return this.atString() ? this.string() : this.#run(astringBit) || this.#missing(what)
  }

  /** A mailbox name with wildcards. */
  listMailbox(): string {
    return this.atString() ? this.string() : this.#run(listBit) || this.#missing('a mailbox pattern')
  }

  nstring(): string | null {
    if (this.atString()) return this.string()
    if (this.skipWord('NIL')) return null
    return this.#missing('a string or NIL')
  }

  #quoted(): string {
    let at = this.at + 1
    let value = ''
    let start = at
    for (;;) {
      const code = this.text.charCodeAt(at)
      if (code === 0x22) break
      if (Number.isNaN(code) || code === 0x0d || code === 0x0a || code === 0) throw bad('A quoted string does not end')
      if (code === 0x5c) {
        const escaped = this.text.charAt(at + 1)
        if (escaped !== '"' && escaped !== '\\') throw bad('A quoted string has a backslash before something else than a quote or backslash')
        value += this.text.slice(start, at) + escaped
        at += 2
        start = at
      } else at++
    }
    value += this.text.slice(start, at)
    // RFC 9051 §4.3, RFC 6855 §3: other octets go in literals.
    if (!isAscii(value) && !isUtf8(Buffer.from(value, 'latin1'))) throw bad('A quoted string is not UTF-8')
    this.at = at + 1
    return value
  }

  /** `{n}` or `{n+}`, CRLF, n octets. */
  literal(): string {
    const value = this.#octets()
    // RFC 9051 §4.3: NUL stands in literal8 only.
    if (value.includes('\0')) throw bad('A literal holds a NUL')
    return value
  }

  /** `~{n}`: any octets (RFC 9051 §9). */
  literal8(): string {
    this.expect('~')
    return this.#octets()
  }

  #octets(): string {
    this.expect('{')
    const size = this.number64('the size of a literal')
    this.skip('+')
    this.expect('}')
    if (this.text.slice(this.at, this.at + 2) !== '\r\n') throw bad('A literal does not begin on a new line')
    const start = this.at + 2
    if (start + size > this.text.length) throw bad('A literal is shorter than it says')
    this.at = start + size
    return this.text.slice(start, this.at)
  }

  /** `(` one, one, ... `)`: at least one unless `empty`. */
  list<T>(one: () => T, empty = false): T[] {
    const items: T[] = []
    this.expect('(')
    if (empty && this.skip(')')) return items
    do items.push(one())
    while (this.skip(' '))
    this.expect(')')
    return items
  }
}

/** Octets that were sent as UTF-8, as text. What is not UTF-8 becomes U+FFFD. */
export function utf8Text(octets: string): string {
  return isAscii(octets) ? octets : Buffer.from(octets, 'latin1').toString('utf8')
}

export function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text)
}
