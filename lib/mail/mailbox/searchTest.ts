/**
 * The key of a SEARCH (RFC 9051 §6.4.4) as a test of one message with three outcomes: yes, no, and that more of it has to
 * be known. State is always known; the answers of the index come for all messages of a search at once, into its leaves.
 */
import { dayMs } from '#lib/formats/imap/date.ts'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import { resolveRanges } from '#lib/formats/imap/sequenceSet.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import { fuzzyScore } from './fuzzy.ts'
import { addressText, foldText, sentDay, subjectText } from './searchText.ts'
import type { MailboxState } from './state.ts'
import { bodyOf, fieldHas, textHas } from './textIndex/texts.ts'
import type { MessageTexts } from './textIndex/texts.ts'

/** What is known of one message so far. */
export interface Candidate {
  readonly mailbox: MailboxState
  /** Its place there. */
  readonly index: number
  /** Its place among the messages that the leaves have been asked about; -1 before. */
  readonly at: number
  readonly metadata?: MessageMetadata
  readonly texts?: MessageTexts
}

/** Undefined: more of the message has to be known. */
export type Test = (candidate: Candidate) => boolean | undefined

type ColumnKey = Extract<SearchKey, { kind: 'address' | 'subject' | 'date' }>
type WordKey = Extract<SearchKey, { kind: 'header' | 'body' | 'text' }>

/** 0 for no. */
export const yes = 1
export const maybe = 2

/** A key that asks for more than the state. */
export interface Leaf<K extends SearchKey = ColumnKey | WordKey> {
  readonly key: K
  readonly fuzzy: boolean
  /** Folded; '' for a date. */
  readonly wanted: string
  /** For each message of the search 0, {@link yes} or {@link maybe}; absent until the index was asked. */
  verdicts: Uint8Array | undefined
  /** What looking at messages has shown that the index left open: by their places. */
  readonly seen: Map<number, boolean>
  /** Of a fuzzy one: how well each message fits, 1 to 100. */
  scores: Uint8Array | undefined
}

export interface CompiledSearch {
  readonly test: Test
  readonly columnLeaves: readonly Leaf<ColumnKey>[]
  readonly wordLeaves: readonly Leaf<WordKey>[]
}

export interface Moment {
  /** For OLDER and YOUNGER. */
  readonly now: number
  readonly lastUid: number
}

/** The cost of a key: cheap ones are asked first inside AND and OR. */
const costs: Partial<Record<SearchKey['kind'], number>> = { address: 1, subject: 1, header: 2, body: 3, text: 3 }

function costOf(key: SearchKey): number {
  if (key.kind === 'and' || key.kind === 'or') return Math.max(...key.keys.map(costOf))
  if (key.kind === 'not' || key.kind === 'fuzzy') return costOf(key.key)
  if (key.kind === 'date') return key.date === 'sent' ? 1 : 0
  return costs[key.kind] ?? 0
}

/** `key` without sequence numbers, `$` and filters: the caller has put UIDs and keys for them. */
export function compileSearch(key: SearchKey, moment: Moment): CompiledSearch {
  const compiler = new Compiler(moment)
  return { test: compiler.compile(key, false), columnLeaves: compiler.columnLeaves, wordLeaves: compiler.wordLeaves }
}

class Compiler {
  readonly columnLeaves: Leaf<ColumnKey>[] = []
  readonly wordLeaves: Leaf<WordKey>[] = []
  readonly #moment: Moment

  constructor(moment: Moment) {
    this.#moment = moment
  }

  compile(key: SearchKey, fuzzy: boolean): Test {
    switch (key.kind) {
      case 'and':
      case 'or':
        return this.#compileMany(key.keys, key.kind === 'or', fuzzy)
      case 'not':
        return negate(this.compile(key.key, fuzzy))
      case 'fuzzy':
        return this.compile(key.key, true)
      case 'address':
      case 'subject':
        return testColumn(this.#leaf(this.columnLeaves, key, key.text, fuzzy))
      case 'header':
      case 'body':
      case 'text':
        return testWords(this.#leaf(this.wordLeaves, key, key.text, fuzzy))
      case 'date':
        return key.date === 'sent' ? testColumn(this.#leaf(this.columnLeaves, key, '', false)) : testDate(key, key.date)
      default:
        return compileState(key, this.#moment)
    }
  }

  #leaf<K extends SearchKey>(leaves: Leaf<K>[], key: K, text: string, fuzzy: boolean): Leaf<K> {
    const leaf = { key, fuzzy, wanted: foldText(text), verdicts: undefined, seen: new Map<number, boolean>(), scores: undefined }
    leaves.push(leaf)
    return leaf
  }

  /** AND is false at the first false, OR true at the first true; undefined when neither is certain yet. */
  #compileMany(keys: readonly SearchKey[], decisive: boolean, fuzzy: boolean): Test {
    const tests = [...keys].sort((a, b) => costOf(a) - costOf(b)).map((key) => this.compile(key, fuzzy))
    return (candidate) => {
      let certain = true
      for (const test of tests) {
        const outcome = test(candidate)
        if (outcome === decisive) return decisive
        if (outcome === undefined) certain = false
      }
      return certain ? !decisive : undefined
    }
  }
}

function negate(test: Test): Test {
  return (candidate) => {
    const outcome = test(candidate)
    return outcome === undefined ? undefined : !outcome
  }
}

// ---------------------------------------------------------------- leaves

function verdictOf({ verdicts }: Leaf, { at }: Candidate): boolean | undefined {
  if (verdicts === undefined || at < 0) return undefined
  const verdict = verdicts[at]
  return verdict === maybe ? undefined : verdict === yes
}

function testColumn(leaf: Leaf<ColumnKey>): Test {
  const { key, wanted } = leaf
  return (candidate) => {
    const { metadata } = candidate
    if (metadata === undefined) return verdictOf(leaf, candidate)
    // A message without a usable Date is as old as its arrival.
    if (key.kind === 'date') return dayFits(key, sentDay(metadata.envelope.date) ?? Math.floor(candidate.mailbox.internalDateAt(candidate.index) / dayMs))
    const text = key.kind === 'subject' ? subjectText(metadata.envelope) : addressText(metadata.envelope[key.field])
    return leaf.fuzzy ? noteScore(leaf, candidate, fuzzyScore([text], wanted)) : text.includes(wanted)
  }
}

function testWords(leaf: Leaf<WordKey>): Test {
  const { key, wanted } = leaf
  return (candidate) => {
    const { texts } = candidate
    if (texts === undefined) return verdictOf(leaf, candidate)
    if (leaf.fuzzy) return noteScore(leaf, candidate, fuzzyScore(fuzzyTexts(key, texts), wanted))
    const known = leaf.seen.get(candidate.at) ?? verdictOf(leaf, candidate)
    if (known !== undefined) return known
    const has = key.kind === 'header' ? fieldHas(texts, key.field, wanted) : key.kind === 'body' ? bodyOf(texts).includes(wanted) : textHas(texts, wanted)
    if (candidate.at >= 0) leaf.seen.set(candidate.at, has)
    return has
  }
}

function fuzzyTexts(key: WordKey, { headers, ownHeaders, body }: MessageTexts): readonly string[] {
  if (key.kind === 'header') return headers.slice(0, ownHeaders).filter((text) => text.startsWith(`${key.field}:`)).map((text) => text.slice(key.field.length + 1))
  return key.kind === 'body' ? body : [...headers, ...body]
}

function noteScore(leaf: Leaf, { at }: Candidate, score: number): boolean {
  if (leaf.scores !== undefined && at >= 0) leaf.scores[at] = score
  return score > 0
}

// ---------------------------------------------------------------- state

type StateKey = Exclude<SearchKey, { kind: 'and' | 'or' | 'not' | 'fuzzy' | 'address' | 'subject' | 'header' | 'body' | 'text' | 'date' }>

function compileState(key: StateKey, { now, lastUid }: Moment): Test {
  switch (key.kind) {
    case 'all':
      return () => true
    case 'nothing':
    case 'threadId':
      return () => false
    case 'filter':
      throw new Error(`the filter ${key.name} was not put in`)
    case 'emailId':
      return ({ mailbox, index }) => mailbox.emailIdAt(index) === key.id
    case 'uid':
    case 'sequence':
      return testUids(resolveRanges(key.set, lastUid))
    case 'flag':
      return testFlag(key.flag)
    case 'larger':
      return ({ mailbox, index }) => mailbox.sizeAt(index) > key.bytes
    case 'smaller':
      return ({ mailbox, index }) => mailbox.sizeAt(index) < key.bytes
    // RFC 5032 §3
    case 'older':
      return ({ mailbox, index }) => mailbox.internalDateAt(index) <= now - key.seconds * 1000
    case 'younger':
      return ({ mailbox, index }) => mailbox.internalDateAt(index) >= now - key.seconds * 1000
    // RFC 7162 §3.1.5
    case 'modSeq':
      return ({ mailbox, index }) => mailbox.modSeqAt(index) >= key.least
  }
}

/** Keywords are compared without case (RFC 9051 §2.3.2); flag sets are shared, so each is looked through once. */
function testFlag(flag: string): Test {
  const wanted = flag.toLowerCase()
  const known = new Map<readonly string[], boolean>()
  return ({ mailbox, index }) => {
    const flags = mailbox.flagsAt(index)
    let has = known.get(flags)
    if (has === undefined) {
      has = flags.some((one) => one.toLowerCase() === wanted)
      known.set(flags, has)
    }
    return has
  }
}

function testUids(ranges: readonly (readonly [number, number])[]): Test {
  return ({ mailbox, index }) => {
    const uid = mailbox.uidAt(index)
    let low = 0
    for (let high = ranges.length; low < high; ) {
      const middle = (low + high) >>> 1
      if ((ranges[middle]?.[1] ?? 0) < uid) low = middle + 1
      else high = middle
    }
    const range = ranges[low]
    return range !== undefined && range[0] <= uid
  }
}

type DateKey = Extract<SearchKey, { kind: 'date' }>

export function dayFits({ when, day }: DateKey, at: number): boolean {
  return when === 'before' ? at < day : when === 'on' ? at === day : at >= day
}

/** RFC 9051 §6.4.4: dates without time and zone. Those of the server are in UTC, as INTERNALDATE is told. */
function testDate(key: DateKey, date: 'internal' | 'saved'): Test {
  if (date === 'internal') return ({ mailbox, index }) => dayFits(key, Math.floor(mailbox.internalDateAt(index) / dayMs))
  return ({ mailbox, index }) => dayFits(key, Math.floor(mailbox.savedAt(index) / dayMs))
}
