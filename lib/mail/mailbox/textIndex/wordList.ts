/**
 * Words of many messages, each with the messages that hold it, packed: all words one after another, sorted, each between
 * line feeds, so that a part of a word is found by one pass of the platform's own search over plain octets.
 *
 * Invariants: words have no line feed; order is that of JavaScript's strings; message numbers of a word ascend and are
 * kept as differences of seven bits an octet.
 */
import type { WordNeed } from './words.ts'

const lineFeed = 10

export interface WordList {
  /** UTF-8. */
  readonly words: Buffer
  /** Where each word begins, and the end. */
  readonly starts: Uint32Array
  /** Where each word's messages begin among `postings`, and the end. */
  readonly places: Uint32Array
  readonly postings: Uint8Array
}

/** Gathers words message by message, their numbers ascending. */
export class WordListBuilder {
  readonly #docs = new Map<string, number[]>()

  add(word: string, doc: number): void {
    const docs = this.#docs.get(word)
    if (docs === undefined) this.#docs.set(word, [doc])
    else if (docs[docs.length - 1] !== doc) docs.push(doc)
  }

  finish(): WordList {
    const writer = new WordListWriter()
    for (const word of [...this.#docs.keys()].sort()) writer.add(word, this.#docs.get(word) ?? [])
    return writer.finish()
  }
}

/** Takes words in their order. */
export class WordListWriter {
  readonly #words: string[] = []
  #places = new Uint32Array(1024)
  #postings = new Uint8Array(4096)
  #size = 0

  add(word: string, docs: readonly number[]): void {
    const count = this.#words.push(word)
    if (count >= this.#places.length) this.#places = grown(this.#places, count * 2)
    let last = 0
    for (const doc of docs) {
      this.#put(doc - last)
      last = doc
    }
    this.#places[count] = this.#size
  }

  #put(value: number): void {
    if (this.#size + 5 > this.#postings.length) this.#postings = grown(this.#postings, this.#postings.length * 2)
    let rest = value
    for (; rest >= 128; rest >>>= 7) this.#postings[this.#size++] = (rest & 127) | 128
    this.#postings[this.#size++] = rest
  }

  finish(): WordList {
    const words = Buffer.from(`\n${this.#words.join('\n')}\n`)
    return { words, starts: startsOf(words, this.#words.length), places: this.#places.slice(0, this.#words.length + 1), postings: this.#postings.slice(0, this.#size) }
  }
}

function grown<T extends Uint8Array | Uint32Array>(array: T, length: number): T {
  const larger = new (array.constructor as new (length: number) => T)(length)
  larger.set(array)
  return larger
}

/** @throws when the octets are not so many words */
export function startsOf(words: Buffer, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1)
  let at = 0
  for (let word = 0; word <= count; word++) {
    if (words[at] !== lineFeed) throw new Error('a list of words is damaged')
    starts[word] = at + 1
    at = words.indexOf(lineFeed, at + 1)
    if (at < 0) at = words.length
  }
  return starts
}

/** The messages of one word, ascending. */
export function docsOf({ places, postings }: WordList, word: number): number[] {
  const docs: number[] = []
  eachDoc(postings, places[word] ?? 0, places[word + 1] ?? 0, (doc) => docs.push(doc))
  return docs
}

function eachDoc(postings: Uint8Array, from: number, to: number, take: (doc: number) => void): void {
  let doc = 0
  for (let at = from; at < to; ) {
    let octet = postings[at++] as number
    let value = octet & 127
    for (let shift = 7; octet >= 128; shift += 7) {
      octet = postings[at++] as number
      value |= (octet & 127) << shift
    }
    take((doc += value))
  }
}

/** Marks with 1 the messages that hold a word as it is needed. */
export function markDocs(list: WordList, need: WordNeed, marks: Uint8Array): void {
  let left = marks.length
  for (const marked of marks) left -= marked
  eachWordWith(list, need, (word) => {
    left -= markWord(list, word, marks)
    // All that there are: no further word can add to them.
    return left > 0
  })
}

/** How many were not marked before. */
export function markWord({ places, postings }: WordList, word: number, marks: Uint8Array): number {
  const to = places[word + 1] as number
  let fresh = 0
  let doc = 0
  // The loop of eachDoc once more: this is where a search for a common part of words spends its time.
  for (let at = places[word] as number; at < to; ) {
    let octet = postings[at++] as number
    let value = octet & 127
    for (let shift = 7; octet >= 128; shift += 7) {
      octet = postings[at++] as number
      value |= (octet & 127) << shift
    }
    doc += value
    fresh += 1 - (marks[doc] as number)
    marks[doc] = 1
  }
  return fresh
}

/** Words that hold this text, by their numbers, each once, until `take` says no. */
function eachWordWith({ words, starts }: WordList, { text, atStart, atEnd }: WordNeed, take: (word: number) => boolean): void {
  const wanted = Buffer.from(`${atStart ? '\n' : ''}${text}${atEnd ? '\n' : ''}`)
  const shift = atStart ? 1 : 0
  let word = 0
  for (let found = words.indexOf(wanted); found >= 0; ) {
    word = wordAt(starts, found + shift, word)
    if (!take(word)) return
    // Its own final line feed may be the next word's first.
    found = words.indexOf(wanted, (starts[word + 1] ?? words.length) - 1)
  }
}

/** The word that holds this octet, which does not lie before `from`. */
function wordAt(starts: Uint32Array, at: number, from: number): number {
  let low = from
  let step = 1
  while (low + step < starts.length && (starts[low + step] as number) <= at) {
    low += step
    step *= 2
  }
  let high = Math.min(low + step, starts.length - 1)
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((starts[middle] as number) <= at) low = middle
    else high = middle
  }
  return low
}

/** All words in their order. */
export function wordsOf({ words, starts }: WordList): string[] {
  return starts.length <= 1 ? [] : words.toString('utf8', 1, words.length - 1).split('\n')
}
