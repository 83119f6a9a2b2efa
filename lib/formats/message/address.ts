/**
 * Addresses of a header field (RFC 5322 §3.4, with the obsolete forms of §4.4), as IMAP tells them.
 *
 * Invariants: octet strings in, octet strings out; encoded words stay as they are; whatever stands there yields what can
 * be understood of it, in linear time, and never throws.
 */

export interface Address {
  /** The phrase before the address, else the comment behind it. */
  readonly name: string | null
  /** The obsolete route, `@a,@b`. */
  readonly adl?: string
  /** Null only at the end of a group; '' when it is missing. */
  readonly mailbox: string | null
  /** Null only at the start of a group, whose name is the mailbox, and at its end; '' when it is missing. */
  readonly host: string | null
}

/** More than any message is sent to; a header field of nothing but commas is read no further. */
const addressLimit = 10_000

export function parseAddressList(value: string): Address[] {
  return new AddressReader(value).list()
}

/** What separates words, RFC 5322 §3.2.3 without the dot, which stands in local parts and (wrongly) in phrases. */
// Not \s, nor trim(): in octet strings it takes 0xA0, the middle of many UTF-8 characters, for a space.
const special = /[ \t\r\n()<>@,;:\\"[\]]/
const aroundText = /^[ \t\r\n]+|[ \t\r\n]+$/g
const wordRun = /[^ \t\r\n()<>@,;:\\"[\]]+/y
/** Most fields: one address, its name of plain words. */
const plainAddress = /^(?:([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*) <|<)([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)@([A-Za-z0-9.-]+)>$/

interface Word {
  readonly text: string
  readonly quoted: boolean
  /** White space or a comment stands before it. */
  readonly spaced: boolean
}

class AddressReader {
  readonly #text: string
  #at = 0
  #comment: string | null = null
  #spaced = false
  #inGroup = false
  readonly #found: Address[] = []

  constructor(text: string) {
    this.#text = text
  }

  list(): Address[] {
    const plain = plainAddress.exec(this.#text)
    if (plain !== null) return [{ name: plain[1] ?? null, mailbox: plain[2] ?? '', host: plain[3] ?? '' }]
    while (this.#found.length < addressLimit && this.#one());
    if (this.#inGroup) this.#endGroup()
    return this.#found
  }

  /** Reads up to and including the next separator; false at the end. */
  #one(): boolean {
    this.#comment = null
    const words = this.#words()
    const next = this.#text.charAt(this.#at)
    switch (next) {
      case '<':
        this.#at++
        this.#angle(words)
        return true
      case '@':
        this.#at++
        this.#bare(joinTight(words))
        return true
      case ':':
        this.#at++
        if (!this.#inGroup) this.#startGroup(words)
        else this.#lone(words)
        return true
      case '':
      case ',':
      case ';':
        this.#at++
        this.#lone(words)
        if (next === ';' && this.#inGroup) this.#endGroup()
        return next !== ''
      default:
        // A stray special: as if it were not there.
        this.#at++
        this.#lone(words)
        return true
    }
  }

  #put(name: string | null, mailbox: string, host: string, adl?: string): void {
    this.#space()
    const known = name ?? this.#comment
    this.#found.push(adl === undefined ? { name: known, mailbox, host } : { name: known, adl, mailbox, host })
  }

  /** Words without an address: one may be a mailbox here, more are somebody's name. */
  #lone(words: readonly Word[]): void {
    const [first] = words
    if (first === undefined) return
    if (words.length > 1 || first.quoted) this.#put(joinSpaced(words), '', '')
    else this.#put(null, first.text, '')
  }

  /** Behind the `@` of an address without brackets. */
  #bare(mailbox: string): void {
    const host = this.#host()
    this.#space()
    // An address as the name of another, without the quotes it should have.
    if (this.#text.charAt(this.#at) !== '<') return this.#put(null, mailbox, host)
    this.#at++
    this.#angle([{ text: `${mailbox}@${host}`, quoted: false, spaced: false }])
  }

  #startGroup(words: readonly Word[]): void {
    this.#inGroup = true
    this.#found.push({ name: null, mailbox: joinSpaced(words), host: null })
  }

  #endGroup(): void {
    this.#inGroup = false
    this.#found.push({ name: null, mailbox: null, host: null })
  }

  /** Behind `<`. */
  #angle(phrase: readonly Word[]): void {
    const name = phrase.length === 0 ? null : joinSpaced(phrase)
    const adl = this.#route()
    const mailbox = joinTight(this.#words())
    let host = ''
    if (this.#text.charAt(this.#at) === '@') {
      this.#at++
      host = this.#host()
    }
    const end = this.#text.indexOf('>', this.#at)
    const comma = this.#text.indexOf(',', this.#at)
    // A missing `>` must not swallow the next address.
    if (end >= 0 && (comma < 0 || end < comma)) this.#at = end + 1
    // Only what stands behind the brackets is a name.
    this.#comment = null
    this.#put(name, mailbox, host, adl)
  }

  /** RFC 5322 §4.4: `@a,@b:` before the address proper. */
  #route(): string | undefined {
    this.#space()
    if (this.#text.charAt(this.#at) !== '@') return undefined
    const colon = this.#text.indexOf(':', this.#at)
    const end = this.#text.indexOf('>', this.#at)
    if (colon < 0 || (end >= 0 && end < colon)) return undefined
    const route = this.#text.slice(this.#at, colon).replaceAll(/[ \t\r\n]+/g, '')
    this.#at = colon + 1
    return route
  }

  /** Behind `@`: a domain or a literal. */
  #host(): string {
    this.#space()
    if (this.#text.charAt(this.#at) !== '[') return this.#domain()
    const end = this.#text.indexOf(']', this.#at)
    const until = end < 0 ? this.#text.length : end + 1
    const literal = this.#text.slice(this.#at, until)
    this.#at = until
    return literal.replaceAll(/[ \t\r\n]+/g, '')
  }

  /** RFC 5322 §4.4: white space and comments may stand around the dots. */
  #domain(): string {
    let text = this.#atom()
    for (;;) {
      const end = this.#at
      this.#space()
      wordRun.lastIndex = this.#at
      const next = wordRun.exec(this.#text)?.[0] ?? ''
      if (next === '' || !(text.endsWith('.') || next.startsWith('.'))) {
        // What follows is not of the domain, but a comment there may be a name.
        if (this.#comment === null) this.#at = end
        return text
      }
      text += next
      this.#at += next.length
    }
  }

  /** Atoms and quoted strings up to a separator. */
  #words(): Word[] {
    const words: Word[] = []
    this.#spaced = false
    for (;;) {
      this.#space()
      const spaced = this.#spaced && words.length > 0
      const next = this.#text.charAt(this.#at)
      if (next === '"') words.push({ text: this.#quoted(), quoted: true, spaced })
      else if (next === '\\') this.#at++
      else if (next === '' || special.test(next)) return words
      else words.push({ text: this.#atom(), quoted: false, spaced })
      this.#spaced = false
    }
  }

  #atom(): string {
    wordRun.lastIndex = this.#at
    const text = wordRun.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    return text
  }

  #quoted(): string {
    const start = ++this.#at
    const text = this.#text
    let escaped = false
    while (this.#at < text.length && text.charAt(this.#at) !== '"') {
      if (text.charAt(this.#at) === '\\') {
        escaped = true
        this.#at++
      }
      this.#at++
    }
    const inner = text.slice(start, this.#at).replaceAll(/\r?\n/g, '')
    this.#at++
    return escaped ? inner.replaceAll(/\\([^])/g, '$1') : inner
  }

  /** Moves over white space and comments; the last comment is kept. */
  #space(): void {
    for (;;) {
      const next = this.#text.charAt(this.#at)
      if (next === ' ' || next === '\t' || next === '\r' || next === '\n') this.#at++
      else if (next === '(') this.#comment = this.#readComment()
      else return
      this.#spaced = true
    }
  }

  #readComment(): string {
    const text = this.#text
    const start = this.#at + 1
    let depth = 0
    for (; this.#at < text.length; this.#at++) {
      const next = text.charAt(this.#at)
      if (next === '\\') this.#at++
      else if (next === '(') depth++
      else if (next === ')' && --depth === 0) break
    }
    const inner = text.slice(start, this.#at)
    this.#at++
    return inner.replaceAll(/\\([^])/g, '$1').replaceAll(/[ \t\r\n]+/g, ' ').replaceAll(aroundText, '')
  }
}

function joinSpaced(words: readonly Word[]): string {
  const [first] = words
  if (words.length === 1 && first !== undefined) return first.text.replaceAll(aroundText, '')
  let text = ''
  for (const word of words) text += word.spaced ? ` ${word.text}` : word.text
  return text.replaceAll(aroundText, '')
}

/** Local parts and domains: white space around dots is obsolete (RFC 5322 §4.4), elsewhere it is wrong, and kept. */
function joinTight(words: readonly Word[]): string {
  const [first] = words
  if (words.length === 1 && first !== undefined) return first.text
  let text = ''
  for (const word of words) text += word.spaced && !text.endsWith('.') && !word.text.startsWith('.') ? ` ${word.text}` : word.text
  return text
}
