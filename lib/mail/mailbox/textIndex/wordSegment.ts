/** The words of a stretch of messages: those of their headers and those of their bodies, for TEXT looks into both and BODY does not. */
import { setImmediate as turn } from 'node:timers/promises'
import { Packr } from 'msgpackr'
import type { Origin } from '../origin.ts'
import { makeDocs } from './docs.ts'
import type { Docs } from './docs.ts'
import { asBytes, packNumbers, unpackU16, unpackU32 } from './packing.ts'
import { docsOf, markDocs, startsOf, WordListBuilder, WordListWriter, wordsOf } from './wordList.ts'
import type { WordList } from './wordList.ts'
import { eachJoined, eachWord } from './words.ts'
import type { WordPlan } from './words.ts'

export type Zone = 'headers' | 'body'
export const zones: readonly Zone[] = ['headers', 'body']

export interface WordSegment extends Record<Zone, WordList> {
  readonly docs: Docs
  /** 1 for a message of which only a part is indexed. */
  readonly cut: Uint8Array
}

/** Folded. */
export interface IndexedTexts extends Record<Zone, readonly string[]> {
  readonly cut: boolean
}

export class WordSegmentBuilder {
  readonly #origins: Origin[] = []
  readonly #cut: number[] = []
  readonly #lists = { headers: new WordListBuilder(), body: new WordListBuilder() }

  get count(): number {
    return this.#origins.length
  }

  add(origin: Origin, texts: IndexedTexts): void {
    const doc = this.#origins.length
    this.#origins.push(origin)
    this.#cut.push(texts.cut ? 1 : 0)
    for (const zone of zones) {
      const take = (word: string) => this.#lists[zone].add(word, doc)
      for (const text of texts[zone]) {
        eachWord(text, take)
        eachJoined(text, take)
      }
    }
  }

  finish(): WordSegment {
    return { docs: makeDocs(this.#origins), cut: Uint8Array.from(this.#cut), headers: this.#lists.headers.finish(), body: this.#lists.body.finish() }
  }
}

export const found = 1
export const perhaps = 2

/** For each message 0, {@link found} or {@link perhaps} (the message has to be looked at). */
export function matchWords(segment: WordSegment, plan: WordPlan, within: readonly Zone[]): Uint8Array {
  const verdicts = new Uint8Array(segment.cut.length)
  for (const zone of within) {
    const marks = matchZone(segment[zone], plan, verdicts.length)
    const sure = new Uint8Array(verdicts.length)
    if (plan.sure !== undefined) markDocs(segment[zone], plan.sure, sure)
    for (let doc = 0; doc < marks.length; doc++) {
      if (sure[doc] === 1 || (plan.exact && marks[doc] === 1)) verdicts[doc] = found
      else if (marks[doc] === 1 && verdicts[doc] === 0) verdicts[doc] = perhaps
    }
  }
  for (let doc = 0; doc < verdicts.length; doc++) if (segment.cut[doc] === 1 && verdicts[doc] === 0) verdicts[doc] = perhaps
  return verdicts
}

function matchZone(list: WordList, { needs }: WordPlan, count: number): Uint8Array {
  const all = new Uint8Array(count).fill(1)
  for (const need of needs) {
    const marks = new Uint8Array(count)
    markDocs(list, need, marks)
    for (let doc = 0; doc < count; doc++) if (marks[doc] === 0) all[doc] = 0
  }
  return all
}

// ---------------------------------------------------------------- packed

const packr = new Packr({ useRecords: false })
const segmentVersion = 1

export function packWords({ docs, cut, headers, body }: WordSegment): Uint8Array {
  const list = ({ words, places, postings }: WordList) => [places.length - 1, words, packNumbers(places), postings]
  return packr.pack([segmentVersion, packNumbers(docs.sequence), packNumbers(docs.index), cut, list(headers), list(body)])
}

/** @throws when these octets are no words, or of another version */
export function unpackWords(bytes: Uint8Array): WordSegment {
  const [version, sequence, index, cut, headers, body] = packr.unpack(bytes) as readonly unknown[]
  if (version !== segmentVersion) throw new Error(`words of version ${String(version)}, not ${segmentVersion}`)
  const list = (packed: unknown): WordList => {
    const [count, words, places, postings] = packed as readonly unknown[]
    const octets = Buffer.from(asBytes(words))
    return { words: octets, starts: startsOf(octets, count as number), places: unpackU32(places), postings: Uint8Array.from(asBytes(postings)) }
  }
  return { docs: { sequence: unpackU32(sequence), index: unpackU16(index) }, cut: Uint8Array.from(asBytes(cut)), headers: list(headers), body: list(body) }
}

export function wordsBytes({ docs, headers, body }: WordSegment): number {
  const list = ({ words, starts, places, postings }: WordList) => words.length + starts.byteLength + places.byteLength + postings.length
  return docs.sequence.length * 7 + list(headers) + list(body)
}

// ---------------------------------------------------------------- merging

/** Words after which other work gets its turn. */
const wordsInARow = 10_000

/** One segment out of several that follow each other, without the messages that are not wanted any more. */
export async function mergeWords(segments: readonly WordSegment[], keep: (sequence: number, index: number) => boolean): Promise<WordSegment> {
  const origins: Origin[] = []
  const cut: number[] = []
  const numbers = segments.map(({ docs, cut: marks }) => {
    const renumbered = new Int32Array(marks.length).fill(-1)
    for (let doc = 0; doc < marks.length; doc++) {
      const [sequence, index] = [docs.sequence[doc] ?? 0, docs.index[doc] ?? 0]
      if (!keep(sequence, index)) continue
      renumbered[doc] = origins.push({ sequence, index }) - 1
      cut.push(marks[doc] ?? 0)
    }
    return renumbered
  })
  const zone = async (name: Zone) => await mergeLists(segments.map((segment) => segment[name]), numbers)
  return { docs: makeDocs(origins), cut: Uint8Array.from(cut), headers: await zone('headers'), body: await zone('body') }
}

async function mergeLists(lists: readonly WordList[], numbers: readonly Int32Array[]): Promise<WordList> {
  const writer = new WordListWriter()
  const words = lists.map(wordsOf)
  const at = lists.map(() => 0)
  for (let round = 1; ; round++) {
    let least: string | undefined
    for (const [place, list] of words.entries()) {
      const word = list[at[place] ?? 0]
      if (word !== undefined && (least === undefined || word < least)) least = word
    }
    if (least === undefined) return writer.finish()
    const docs: number[] = []
    for (const [place, list] of lists.entries()) {
      const word = at[place] ?? 0
      if (words[place]?.[word] !== least) continue
      at[place] = word + 1
      for (const doc of docsOf(list, word)) {
        const number = numbers[place]?.[doc] ?? -1
        if (number >= 0) docs.push(number)
      }
    }
    if (docs.length > 0) writer.add(least, docs)
    if (round % wordsInARow === 0) await turn()
  }
}
