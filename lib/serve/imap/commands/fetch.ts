/** FETCH and UID FETCH: RFC 9051 §6.4.5 and §6.4.9, CHANGEDSINCE of RFC 7162 §3.1.4. */
import { errorFields } from '#lib/base/log.ts'
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { parseFetch } from '#lib/formats/imap/fetch.ts'
import { takePartial } from '#lib/formats/imap/partialRange.ts'
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { SequenceRange } from '#lib/formats/imap/sequenceSet.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { metadataAtHand, openMetadata, readFilingWindows, readMetadata } from '#lib/mail/mailbox/read.ts'
import type { Answer, Command } from '../command.ts'
import { checkContentItems, needsParts, writeContentItems } from '../fetch/contentItems.ts'
import { metadataWriterOf } from '../fetch/metadataItems.ts'
import type { FetchPlan } from '../fetch/plan.ts'
import { planFetch } from '../fetch/plan.ts'
import { readMessages } from '../fetch/reader.ts'
import { stateWriterOf } from '../fetch/stateItems.ts'
import { demandPage, keepNewest } from '../messageLimit.ts'
import { countOf, eachNumber, expandRanges, resolveMessageRanges } from '../messages.ts'
import { tellVanished } from '../resync.ts'
import { ConnectionEnded, Goodbye } from '../endings.ts'
import type { Session } from '../session.ts'
import { numbersAlong } from '../view.ts'

export const fetch = (command: Command) => answer(command, false)
export const uidFetch = (command: Command) => answer(command, true)

async function answer({ session, lexer, word }: Command, byUid: boolean): Promise<Answer> {
  const request = parseFetch(lexer)
  const { selected } = session
  // RFC 7162 §3.2.6
  if (request.vanished && (!byUid || !session.qresync)) throw bad('VANISHED is for UID FETCH after ENABLE QRESYNC')
  // RFC 9394 §3.3: message numbers need no paging.
  if (request.page !== undefined && !byUid) throw bad('PARTIAL is for UID FETCH')
  const ranges = resolveMessageRanges(selected, request.set, byUid)
  if (request.changedSince !== undefined || request.items.some((item) => item.kind === 'MODSEQ')) session.enableCondstore()
  const plan = planFetch(request, { byUid, uidOnly: session.uidOnly, condstore: session.condstore, readOnly: selected.readOnly || !session.rights.includes('s') })
  session.tellKeywords(session.mailbox)
  // All that there is, told of the state alone, is never listed.
  const isWhole = plan.depth === 'state' && request.page === undefined && request.changedSince === undefined && session.deps.settings.messageLimit === 0
  if (isWhole) return finish(word, { byUid, wanted: countOf(ranges), told: await tellState(session, plan, eachNumber(ranges)) })
  let numbers = request.changedSince === undefined || request.page !== undefined ? expandRanges(ranges) : changedWithin(session, ranges, request.changedSince)
  if (request.page !== undefined) numbers = takePartial(numbers, request.page)
  if (request.page !== undefined && request.changedSince !== undefined) numbers = changedSince(session, numbers, request.changedSince)
  // RFC 9738 §3.3: a page is told whole or not at all.
  if (request.page !== undefined) demandPage(session, numbers.length)
  const { kept, limited } = keepNewest(session, numbers, (number) => selected.view.uidOf(number))
  if (request.vanished && request.changedSince !== undefined) await tellVanished(session, request.set, request.changedSince)
  return { ...finish(word, { byUid, wanted: kept.length, told: await tell(session, plan, kept) }), limited }
}

function finish(word: string, { byUid, wanted, told }: { byUid: boolean; wanted: number; told: number }): Answer {
  // RFC 2180 §4.1.2: sequence numbers of messages that are gone are told so; UIDs are passed over in silence.
  if (!byUid && told < wanted) throw no('Some of the messages are gone', 'EXPUNGEISSUED')
  return { text: `${word} completed` }
}

/** Untagged responses with these items, as they are told of new messages: \Seen stays as it is. */
export async function tellItems(session: Session, items: readonly FetchItem[], numbers: readonly number[]): Promise<void> {
  session.tellKeywords(session.mailbox)
  await tell(session, planFetch({ items, changedSince: undefined }, { byUid: false, uidOnly: session.uidOnly, condstore: session.condstore, readOnly: true }), numbers)
}

/** The changes are looked for, not the messages. */
function changedWithin(session: Session, ranges: readonly SequenceRange[], modSeq: number): number[] {
  const { view } = session.selected
  const numbers: number[] = []
  let place = 0
  for (const uid of session.mailbox.changedSince(modSeq)) {
    const number = view.sequenceNumberOf(uid)
    while (place < ranges.length && (ranges[place]?.[1] ?? 0) < number) place++
    if (number > 0 && (ranges[place]?.[0] ?? Infinity) <= number) numbers.push(number)
  }
  return numbers
}

function changedSince(session: Session, numbers: readonly number[], modSeq: number): number[] {
  const { view } = session.selected
  const { mailbox } = session
  return numbers.filter((number) => {
    const index = mailbox.indexOf(view.uidOf(number))
    return index >= 0 && mailbox.modSeqAt(index) > modSeq
  })
}

/** Writes the responses; returns how many. */
async function tell(session: Session, plan: FetchPlan, numbers: readonly number[]): Promise<number> {
  if (plan.depth === 'state') return await tellState(session, plan, numbers)
  if (plan.depth === 'metadata') return await tellMetadata(session, plan, numbers)
  return await tellContent(session, plan, numbers)
}

/** Walks along the mailbox as long as its messages follow each other as in the view; a search finds it again. */
class Walk {
  #index = -1

  /** The index of this UID, -1 when it is gone. UIDs are asked for in ascending order. */
  find(mailbox: MailboxState, uid: number): number {
    const next = this.#index + 1
    this.#index = next < mailbox.count && mailbox.uidAt(next) === uid ? next : mailbox.indexOf(uid)
    return this.#index
  }
}

async function tellState(session: Session, plan: FetchPlan, numbers: Iterable<number>): Promise<number> {
  const { output, selected } = session
  const write = stateWriterOf(plan.items)
  const walk = new Walk()
  let { mailbox } = session
  let told = 0
  for (const number of numbers) {
    const index = walk.find(mailbox, selected.view.uidOf(number))
    if (index < 0) continue
    output.text(`${session.fetchHead(number, mailbox.uidAt(index))}${write(mailbox, index)})\r\n`)
    told++
    if (!output.full) continue
    await output.flush()
    // Others may have worked on the mailbox meanwhile.
    mailbox = session.mailbox
  }
  return told
}

async function tellMetadata(session: Session, plan: FetchPlan, numbers: readonly number[]): Promise<number> {
  const { output, selected } = session
  const { view } = selected
  const writeState = stateWriterOf(plan.items)
  const writeMetadata = metadataWriterOf(plan.items)
  const walk = new Walk()
  let told = 0
  const numberOf = numbersAlong(view)
  const { blobs } = session.mail.log.deps
  for await (const window of readFilingWindows(session.mail, selected.mailboxId, numbers.map((number) => view.uidOf(number)))) {
    for (const { uid, change } of window) {
      const metadata = metadataAtHand(change.metadata) ?? (await openMetadata(blobs, change.metadata))
      const { mailbox } = session
      const index = walk.find(mailbox, uid)
      if (index < 0) continue
      const state = writeState(mailbox, index)
      const text = writeMetadata(metadata)
      output.text(`${session.fetchHead(numberOf(uid), uid)}${state === '' ? text.slice(1) : state + text})\r\n`)
      told++
      if (output.full) await output.flush()
    }
  }
  return told
}

/** Messages marked as seen by one entry of the account's log. */
const seenTogether = 200

async function tellContent(session: Session, plan: FetchPlan, numbers: readonly number[]): Promise<number> {
  const { view } = session.selected
  let told = 0
  const step = plan.setsSeen ? seenTogether : Math.max(numbers.length, 1)
  for (let at = 0; at < numbers.length; at += step) {
    const uids = numbers.slice(at, at + step).map((number) => view.uidOf(number))
    if (plan.setsSeen) await checkContent(session, plan, uids)
    const modSeq = plan.setsSeen ? await markSeen(session, uids) : 0
    told += await tellBodies(session, plan, uids)
    // Only now: had one of them failed, the flags of the rest would be news.
    view.knows(modSeq)
  }
  return told
}

/** What will be refused must not be marked as seen before. */
async function checkContent({ mail, selected }: Session, { items }: FetchPlan, uids: readonly number[]): Promise<void> {
  if (!items.some((item) => item.kind === 'binary' || item.kind === 'binarySize')) return
  for await (const { metadata } of readMetadata(mail, selected.mailboxId, uids)) checkContentItems(items, metadata)
}

async function tellBodies(session: Session, plan: FetchPlan, uids: readonly number[]): Promise<number> {
  const { output, selected } = session
  const writeState = stateWriterOf(plan.items)
  const writeMetadata = metadataWriterOf(plan.items)
  let told = 0
  const withMetadata = plan.readsMetadata || needsParts(plan.items)
  for await (const { uid, metadata, source } of readMessages(session.mail, selected.mailboxId, uids, withMetadata)) {
    const { mailbox } = session
    const index = mailbox.indexOf(uid)
    if (index < 0) continue
    checkContentItems(plan.items, metadata)
    // UID is always told with content, so that there is something before the first space.
    const state = writeState(mailbox, index) || `UID ${uid}`
    output.text(`${session.fetchHead(selected.view.sequenceNumberOf(uid), uid)}${state}${metadata === undefined ? '' : writeMetadata(metadata)}`)
    await writeContentItems(output, plan.items, metadata, source).catch((error: unknown) => abandon(session, uid, error))
    output.text(')\r\n')
    told++
    if (output.full) await output.flush()
  }
  return told
}

/** Half of a response is out: no tagged answer could follow it. */
function abandon(session: Session, uid: number, error: unknown): never {
  if (error instanceof ConnectionEnded) throw error
  session.log.error('message-unreadable', { uid, ...errorFields(error) })
  throw new Goodbye('A message could not be read')
}

/** The mod-sequence of the change, 0 for none. */
async function markSeen(session: Session, uids: readonly number[]): Promise<number> {
  const { selected, mailbox } = session
  const unseen = uids.filter((uid) => {
    const index = mailbox.indexOf(uid)
    return index >= 0 && !mailbox.flagsAt(index).includes('\\Seen')
  })
  if (unseen.length === 0) return 0
  const { modSeq } = await changeFlags(session.mail, { mailboxId: selected.mailboxId, uids: unseen, action: 'add', flags: ['\\Seen'] })
  return modSeq
}
