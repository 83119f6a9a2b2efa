/** Puts the answers of an account's index into the leaves of a search, for all its messages at once. */
import { dayMs } from '#lib/formats/imap/date.ts'
import { allowedChanges, averageScore, exactScore, fuzzyScore, fuzzyWords, isNear, nearWordScore } from '../fuzzy.ts'
import { originKey } from '../origin.ts'
import { dayFits, maybe, yes } from '../searchTest.ts'
import type { CompiledSearch } from '../searchTest.ts'
import type { AccountMail } from '../store.ts'
import { noDay } from './columns.ts'
import { originsAt, viewColumns } from './columnView.ts'
import type { ColumnView } from './columnView.ts'
import { placeDocs } from './docs.ts'
import type { Docs } from './docs.ts'
import type { Progress } from './mailIndex.ts'
import { markDocs, markWord, wordsOf } from './wordList.ts'
import { found, matchWords, zones } from './wordSegment.ts'
import type { WordSegment, Zone } from './wordSegment.ts'
import { planWords } from './words.ts'

/** False when these leaves were not asked: there are none, or so few messages that each is better looked at. */
export async function askColumns(account: AccountMail, mailboxId: string, uids: readonly number[], leaves: CompiledSearch['columnLeaves']): Promise<boolean> {
  if (leaves.length === 0) return false
  if (uids.length <= account.log.deps.settings.searchDirectly && !(await account.index.hasColumns())) {
    for (const leaf of leaves) if (leaf.fuzzy) leaf.scores = new Uint8Array(uids.length)
    return false
  }
  const view = await viewColumns(account, mailboxId, uids)
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return false
  // Most often nobody is gone, and the view's order is ours.
  const placeOf = view.uids.length === uids.length ? undefined : new Map(uids.map((uid, at) => [uid, at]))
  for (const leaf of leaves) {
    const scores = scoreColumn(leaf, view, (uid) => mailbox.internalDateAt(mailbox.indexOf(uid)))
    leaf.verdicts = new Uint8Array(uids.length).fill(placeOf === undefined ? 0 : maybe)
    if (leaf.fuzzy) leaf.scores = new Uint8Array(uids.length)
    for (let at = 0; at < view.uids.length; at++) {
      const place = placeOf === undefined ? at : (placeOf.get(view.uids[at] ?? 0) ?? 0)
      const score = scores[at] as number
      leaf.verdicts[place] = score > 0 ? yes : 0
      if (leaf.scores !== undefined) leaf.scores[place] = score
    }
  }
  return true
}

/** Above 0: it fits. */
function scoreColumn({ key, fuzzy, wanted }: CompiledSearch['columnLeaves'][number], view: ColumnView, arrivedAt: (uid: number) => number): Float64Array {
  if (key.kind === 'date') return view.numbers('sentDay').map((day, at) => (dayFits(key, day === noDay ? Math.floor(arrivedAt(view.uids[at] ?? 0) / dayMs) : day) ? exactScore : 0))
  return view.look(key.kind === 'subject' ? 'subject' : key.field, fuzzy ? (text) => fuzzyScore([text], wanted) : (text) => (text.includes(wanted) ? exactScore : 0))
}

type WordLeaf = CompiledSearch['wordLeaves'][number]

/** `open` of the messages are still undecided. False when the leaves were not asked. */
export async function askWords(account: AccountMail, mailboxId: string, uids: readonly number[], open: number, leaves: readonly WordLeaf[], onProgress: Progress | undefined): Promise<boolean> {
  for (const leaf of leaves) if (leaf.fuzzy) leaf.scores = new Uint8Array(uids.length)
  if (leaves.length === 0 || (open <= account.log.deps.settings.searchDirectly && !(await account.index.hasWords()))) return false
  const segments = await account.index.words(account.state, (segment) => ({ docs: segment.docs, answers: leaves.map((leaf) => answersOf(segment, leaf)) }), onProgress)
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return false
  const origins = originsAt(mailbox, uids)
  const { segment, doc } = placeDocs(origins, segments)
  for (const [number, leaf] of leaves.entries()) {
    const scored = isScored(leaf)
    const answers = segments.map((one) => one.answers[number] ?? new Uint8Array())
    leaf.verdicts = new Uint8Array(uids.length)
    for (let at = 0; at < uids.length; at++) {
      const place = segment[at] as number
      const value = place < 0 ? maybe : (answers[place]?.[doc[at] as number] ?? maybe)
      leaf.verdicts[at] = scored && place >= 0 ? Math.min(value, yes) : value
      if (scored && place >= 0 && leaf.scores !== undefined) leaf.scores[at] = value
    }
    if (!leaf.fuzzy) recall(account, leaf, leaf.verdicts, origins)
  }
  return true
}

/** Answered by scores, not by verdicts. */
function isScored({ key, fuzzy }: WordLeaf): boolean {
  return fuzzy && key.kind !== 'header'
}

function answersOf(segment: WordSegment, leaf: WordLeaf): Uint8Array {
  return isScored(leaf) ? scoreWords(segment, zonesOf(leaf), leaf.wanted) : narrow(segment, leaf)
}

/** What was looked at before need not be looked at again. */
function recall({ index: { verdicts } }: AccountMail, { key, wanted }: WordLeaf, answers: Uint8Array, { sequence, index }: Docs): void {
  const known = verdicts.of(key, wanted)
  if (known === undefined) return
  for (let at = 0; at < answers.length; at++) {
    if (answers[at] !== maybe) continue
    const verdict = known.get(originKey(sequence[at] as number, index[at] as number))
    if (verdict !== undefined) answers[at] = verdict ? yes : 0
  }
}

/** For the next search for these texts. */
export function rememberSeen(account: AccountMail, mailboxId: string, uids: readonly number[], leaves: readonly WordLeaf[]): void {
  const mailbox = account.state.mailboxById(mailboxId)
  if (mailbox === undefined) return
  for (const { key, wanted, fuzzy, seen } of leaves) {
    if (fuzzy || seen.size === 0) continue
    const origins = originsAt(mailbox, uids)
    const verdicts = Array.from(seen, ([at, verdict]) => [originKey(origins.sequence[at] ?? 0, origins.index[at] ?? 0), verdict] as const)
    account.index.verdicts.add(key, wanted, new Map(verdicts))
  }
}

function zonesOf({ key }: WordLeaf): readonly Zone[] {
  return key.kind === 'text' ? zones : key.kind === 'body' ? ['body'] : ['headers']
}

/** The index does not know in which field a word stands, so a field that might hold it has to be looked at. */
function narrow(segment: WordSegment, leaf: WordLeaf): Uint8Array {
  const { key, wanted, fuzzy } = leaf
  if (key.kind !== 'header') return matchWords(segment, planWords(wanted), zonesOf(leaf))
  // What is spelt differently is not found by the words wanted, but the field has a name.
  const byText = fuzzy ? undefined : matchWords(segment, planWords(wanted), zonesOf(leaf))
  const byName = matchWords(segment, planWords(`${key.field}:`), zonesOf(leaf))
  return byName.map((verdict, doc) => (verdict === 0 || byText?.[doc] === 0 ? 0 : maybe))
}

/** For each message 0, or how well it fits. */
function scoreWords(segment: WordSegment, within: readonly Zone[], wanted: string): Uint8Array {
  const words = fuzzyWords(wanted)
  if (words.length === 0) return matchWords(segment, planWords(wanted), within).map((verdict) => (verdict === found ? exactScore : 0))
  const scores = words.map((word) => scoreWord(segment, within, word))
  return Uint8Array.from(segment.cut, (_, doc) => averageScore(scores.map((of) => of[doc] ?? 0)))
}

function scoreWord(segment: WordSegment, within: readonly Zone[], wanted: string): Uint8Array {
  const exact = new Uint8Array(segment.cut.length)
  const near = new Uint8Array(segment.cut.length)
  const changes = allowedChanges(wanted)
  for (const zone of within) {
    const list = segment[zone]
    markDocs(list, { text: wanted, atStart: false, atEnd: false }, exact)
    if (changes > 0) wordsOf(list).forEach((word, number) => void (isNear(word, wanted, changes) && markWord(list, number, near)))
  }
  return exact.map((mark, doc) => (mark === 1 ? exactScore : near[doc] === 1 ? nearWordScore : 0))
}
