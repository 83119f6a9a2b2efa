/**
 * SEARCH over one mailbox (RFC 9051 §6.4.4). The state is asked first, then the columns of the index, then its words; what
 * is still open then is read, and decides for itself.
 *
 * Invariants: the index only narrows, so that results are those of reading everything, save for FUZZY; what the state
 * alone decides reads nothing; a few messages at a time are in memory.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import type { MessageMetadata } from '#lib/formats/message/compact.ts'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import { readMetadata } from './read.ts'
import { compileSearch } from './searchTest.ts'
import type { Candidate, CompiledSearch } from './searchTest.ts'
import type { AccountMail } from './store.ts'
import { askColumns, askWords, rememberSeen } from './textIndex/ask.ts'
import type { Progress } from './textIndex/mailIndex.ts'
import { readStoredTexts } from './textIndex/texts.ts'
import type { ReadTextsOptions } from './textIndex/texts.ts'

export interface SearchRequest {
  readonly mailboxId: string
  /** Without sequence numbers, `$` and filters: the caller has put UIDs and keys for them. */
  readonly key: SearchKey
  /** For OLDER and YOUNGER. */
  readonly now: number
  /** Only these, ascending; absent for all. */
  readonly among?: readonly number[]
  /** Hears how far the log is indexed, and how many messages have been looked at, while a search has to wait for that. */
  readonly onProgress?: Progress
}

export interface SearchOutcome {
  /** UIDs, ascending. */
  readonly uids: readonly number[]
  /** Of a search with FUZZY, for each of them, 1 to 100. */
  readonly scores: readonly number[] | undefined
}

export async function searchMessages(account: AccountMail, request: SearchRequest): Promise<SearchOutcome> {
  const mailbox = account.state.mailboxById(request.mailboxId)
  if (mailbox === undefined) return { uids: [], scores: undefined }
  const search = compileSearch(request.key, { now: request.now, lastUid: mailbox.count === 0 ? 0 : mailbox.uidAt(mailbox.count - 1) })
  const found: number[] = []
  const open: number[] = []
  const ask = (index: number) => {
    const outcome = search.test({ mailbox, index, at: -1 })
    if (outcome !== false) (outcome === true ? found : open).push(mailbox.uidAt(index))
  }
  if (request.among === undefined) for (let index = 0; index < mailbox.count; index++) ask(index)
  else for (const index of mailbox.placesOf(request.among)) ask(index)
  if (open.length > 0) {
    for (const uid of await new OpenSearch(account, request, search, open).run()) found.push(uid)
    found.sort((a, b) => a - b)
  }
  return { uids: found, scores: scoresOf(search, found, open) }
}

/** Messages looked at side by side, and the size up to which that is done. */
const atOnce = 8
const largeBytes = 1024 * 1024

class OpenSearch {
  readonly #account: AccountMail
  readonly #request: SearchRequest
  readonly #search: CompiledSearch
  /** UIDs the state does not decide: the leaves' answers stand in this order. */
  readonly #open: readonly number[]
  readonly #found: number[] = []
  readonly #onlyFields: Pick<ReadTextsOptions, 'onlyFields'>

  constructor(account: AccountMail, request: SearchRequest, search: CompiledSearch, open: readonly number[]) {
    this.#account = account
    this.#request = request
    this.#search = search
    this.#open = open
    const keys = search.wordLeaves.map(({ key }) => key)
    this.#onlyFields = keys.every((key) => key.kind === 'header') ? { onlyFields: new Set(keys.map(({ field }) => field)) } : {}
  }

  async run(): Promise<number[]> {
    const { mailboxId, onProgress } = this.#request
    const { columnLeaves, wordLeaves } = this.#search
    let left = this.#open.map((_, at) => at)
    if (await askColumns(this.#account, mailboxId, this.#open, columnLeaves)) left = this.#sift(left)
    if (left.length > 0 && (await askWords(this.#account, mailboxId, this.#open, left.length, wordLeaves, onProgress))) left = this.#sift(left)
    await this.#look(left)
    rememberSeen(this.#account, mailboxId, this.#open, wordLeaves)
    return this.#found
  }

  /** What is known of this message now; undefined when it is gone. */
  #candidate(at: number): Candidate | undefined {
    const mailbox = this.#account.state.mailboxById(this.#request.mailboxId)
    const index = mailbox?.indexOf(this.#open[at] ?? 0) ?? -1
    return mailbox === undefined || index < 0 ? undefined : { mailbox, index, at }
  }

  #sift(places: readonly number[]): number[] {
    const mailbox = this.#account.state.mailboxById(this.#request.mailboxId)
    const left: number[] = []
    if (mailbox === undefined) return left
    let next = 0
    for (const at of places) {
      const uid = this.#open[at] as number
      // Most often it is the next one of the mailbox.
      const index = next < mailbox.count && mailbox.uidAt(next) === uid ? next : mailbox.indexOf(uid)
      if (index < 0) continue
      next = index + 1
      const outcome = this.#search.test({ mailbox, index, at })
      if (outcome === true) this.#found.push(uid)
      else if (outcome === undefined) left.push(at)
    }
    return left
  }

  async #look(places: readonly number[]): Promise<void> {
    const placeOf = new Map(places.map((at) => [this.#open[at] ?? 0, at]))
    let looking: Promise<void>[] = []
    let looked = 0
    const settle = async () => {
      const all = looking
      looking = []
      await Promise.all(all)
      looked += all.length
      this.#request.onProgress?.(looked, places.length)
      // What is read from memory never waits, and others have work too.
      await turn()
    }
    for await (const { uid, metadata, blob } of readMetadata(this.#account, this.#request.mailboxId, [...placeOf.keys()])) {
      const candidate = this.#candidate(placeOf.get(uid) ?? 0)
      if (candidate === undefined) continue
      const outcome = this.#search.test({ ...candidate, metadata })
      if (outcome === true) this.#found.push(uid)
      if (outcome !== undefined) continue
      const large = candidate.mailbox.sizeAt(candidate.index) > largeBytes
      if (large) await settle()
      looking.push(this.#read(uid, blob, { ...candidate, metadata }))
      if (large || looking.length === atOnce) await settle()
    }
    await settle()
  }

  async #read(uid: number, blob: BlobRef, candidate: Candidate & { readonly metadata: MessageMetadata }): Promise<void> {
    try {
      const texts = await readStoredTexts(this.#account.log.deps.blobs, blob, candidate.metadata, { limitBytes: Infinity, ...this.#onlyFields })
      if (this.#search.test({ ...candidate, texts }) === true) this.#found.push(uid)
    } catch (error) {
      // Expunged while it was being read: it is not found.
      if (this.#candidate(candidate.at) !== undefined) throw error
    }
  }
}

/** The mean of what its fuzzy keys say of a message; one that none of them found was found for certain. */
function scoresOf({ columnLeaves, wordLeaves }: CompiledSearch, found: readonly number[], open: readonly number[]): number[] | undefined {
  const fuzzy = [...columnLeaves, ...wordLeaves].filter((leaf) => leaf.fuzzy)
  if (fuzzy.length === 0) return undefined
  const places = new Map(open.map((uid, at) => [uid, at]))
  return found.map((uid) => {
    const scores = fuzzy.map(({ scores: given }) => given?.[places.get(uid) ?? -1] ?? 0).filter((score) => score > 0)
    return scores.length === 0 ? 100 : Math.max(1, Math.round(scores.reduce((sum, score) => sum + score, 0) / scores.length))
  })
}
