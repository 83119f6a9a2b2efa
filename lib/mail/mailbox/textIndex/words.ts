/**
 * Texts as words, and what a search asks of words.
 *
 * A folded text falls into runs of letters and digits, runs of ideographs and symbols, and what stands between them. A run
 * of letters is a word; of ideographs, which no space divides, each pair of neighbours is one. A word of more than
 * {@link longestWord} characters is kept as overlapping pieces. What people write without spaces (addresses, names of
 * hosts, numbers with points) is kept as it stands too, while it is short: it says yes at once to who looks for it.
 *
 * Invariant: what is found in a text as a part of it is found in its words: a part within one run lies within one word
 * (letters up to {@link longestPart}, ideographs up to two), a longer part has words that must all be there.
 */
const longestWord = 64
/** Pieces overlap by this, so that any part up to this length lies within one piece. */
const longestPart = 32

const between = 0
const letters = 1
const ideographs = 2
type RunClass = typeof between | typeof letters | typeof ideographs

const isIdeograph = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3099\u309a\p{S}\p{Co}]/u
const isLetter = /[\p{L}\p{N}\p{M}]/u

const unknown = 255
/** Classes of the characters up to U+FFFF, found out when first met. */
const classes = new Uint8Array(0x10000).fill(unknown)
for (let code = 0; code < 128; code++) classes[code] = /[0-9A-Za-z]/.test(String.fromCharCode(code)) ? letters : between

function classOf(char: string): RunClass {
  if (isIdeograph.test(char)) return ideographs
  return isLetter.test(char) ? letters : between
}

function classOfCode(code: number): RunClass {
  let known = classes[code] as number
  if (known === unknown) classes[code] = known = code >= 0xd800 && code < 0xe000 ? between : classOf(String.fromCharCode(code))
  return known as RunClass
}

type TakeRun = (start: number, end: number, kind: typeof letters | typeof ideographs) => void

function eachRun(text: string, take: TakeRun): void {
  const n = text.length
  let start = 0
  let kind: RunClass = between
  for (let at = 0; at < n; ) {
    const code = text.charCodeAt(at)
    let width = 1
    let here = classOfCode(code)
    if (code >= 0xd800 && code < 0xdc00 && (text.codePointAt(at) as number) > 0xffff) {
      width = 2
      here = classOf(text.slice(at, at + 2))
    }
    if (here !== kind) {
      if (kind !== between) take(start, at, kind)
      start = at
      kind = here
    }
    at += width
  }
  if (kind !== between) take(start, n, kind)
}

/** The words of a folded text in their order, again and again when they stand again and again. */
export function eachWord(text: string, take: (word: string) => void): void {
  eachRun(text, (start, end, kind) => {
    if (kind === ideographs) eachPair(text, start, end, take)
    else if (end - start <= longestWord) take(text.slice(start, end))
    else eachPiece(text, start, end, take)
  })
}

/** The longest of what is joined by single signs, as `anna@example.org` is. */
const longestJoined = 48
const joiners = new Set([...'.@-_:/\'+,=&#'].map((char) => char.charCodeAt(0)))

/** Words that are joined, as they stand; longer ones in several parts, of which some may be left out. */
export function eachJoined(text: string, take: (joined: string) => void): void {
  let start = -1
  let end = -1
  let single = true
  const flush = () => {
    if (!single) take(text.slice(start, end))
  }
  eachRun(text, (from, to, kind) => {
    if (kind === letters && start >= 0 && from === end + 1 && joiners.has(text.charCodeAt(end)) && to - start <= longestJoined) {
      single = false
      end = to
      return
    }
    flush()
    start = kind === letters && to - from <= longestJoined ? from : -1
    end = to
    single = true
  })
  flush()
}

function eachPair(text: string, start: number, end: number, take: (word: string) => void): void {
  let before = start
  for (let at = start + widthAt(text, start); at < end; ) {
    const next = at + widthAt(text, at)
    take(text.slice(before, next))
    before = at
    at = next
  }
  if (before === start) take(text.slice(start, end))
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}

function eachPiece(text: string, start: number, end: number, take: (word: string) => void): void {
  for (let at = start; ; at += longestPart) {
    const last = at + longestWord >= end
    // No half of a character at either edge: a piece rather takes one more.
    const from = isLowHalf(text, at) ? at - 1 : at
    const until = last ? end : isLowHalf(text, at + longestWord) ? at + longestWord + 1 : at + longestWord
    take(text.slice(from, until))
    if (last) return
  }
}

function isLowHalf(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code < 0xe000
}

// ---------------------------------------------------------------- what a search asks

/** A word that holds this text, at its beginning and at its end where it says so. */
export interface WordNeed {
  readonly text: string
  readonly atStart: boolean
  readonly atEnd: boolean
}

export interface WordPlan {
  /** All of them must be in one text; none of them means that words do not help. */
  readonly needs: readonly WordNeed[]
  /** Having the words is having the text: nothing more is to be looked at. */
  readonly exact: boolean
  /** Whoever holds this in a word or in what is joined holds the text. */
  readonly sure: WordNeed | undefined
}

/** For a folded text that is looked for. */
export function planWords(wanted: string): WordPlan {
  const needs: WordNeed[] = []
  let exact = wanted === ''
  eachRun(wanted, (start, end, kind) => {
    const whole = start === 0 && end === wanted.length
    if (kind === letters) {
      const long = end - start > longestPart
      needs.push({ text: cutPart(wanted, start, end), atStart: start > 0, atEnd: end < wanted.length && !long })
      exact = whole && !long
    } else {
      let pairs = 0
      eachPair(wanted, start, end, (text) => {
        pairs++
        needs.push({ text, atStart: false, atEnd: false })
      })
      exact = whole && pairs === 1
    }
  })
  const joined = !exact && wanted.length <= longestJoined && !/\s/.test(wanted)
  return { needs, exact, sure: joined ? { text: wanted, atStart: false, atEnd: false } : undefined }
}

function cutPart(text: string, start: number, end: number): string {
  if (end - start <= longestPart) return text.slice(start, end)
  const cut = start + longestPart
  return text.slice(start, isLowHalf(text, cut) ? cut - 1 : cut)
}
