/**
 * What a client has asked to be told without asking again: RFC 5465. Kept per session, from NOTIFY to the next NOTIFY.
 *
 * Invariants: nothing is queued - what is told is the difference between what was told last and what is, so that a slow
 * client costs no memory and misses nothing; of the selected mailbox the view alone tells, as the filter allows it.
 */
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { writeListLine } from '#lib/formats/imap/list.ts'
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { isOfSelected } from '#lib/formats/imap/notify.ts'
import type { Notify, NotifyEvent, NotifyGroup } from '#lib/formats/imap/notify.ts'
import type { StatusItem } from '#lib/formats/imap/status.ts'
import type { MailboxState } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { tellItems } from './commands/fetch.ts'
import { listAttributes } from './commands/list.ts'
import { statusLine } from './commands/status.ts'
import type { Session } from './session.ts'

/** What the client knows of a mailbox. */
interface Told {
  readonly name: string
  readonly count: number
  readonly uidNext: number
  readonly unseen: number
  readonly modSeq: number
}

export class Notifications {
  readonly #session: Session
  readonly #selected: NotifyGroup | undefined
  readonly #groups: readonly NotifyGroup[]
  #told = new Map<string, Told>()
  #subscriptions: ReadonlySet<string> = new Set()
  #toldUntil = 0
  #watched: AccountMail | undefined
  #unlisten: (() => void) | undefined
  readonly #unlistenOwn: () => void

  constructor(session: Session, { groups }: Notify) {
    this.#session = session
    this.#selected = groups.find(isOfSelected)
    this.#groups = groups.filter((group) => !isOfSelected(group) && group.events.size > 0)
    this.#unlistenOwn = this.#groups.length === 0 ? () => undefined : session.own.listen(() => session.input.wake())
    this.#takeAsTold()
  }

  stop(): void {
    this.#unlistenOwn()
    this.#unlisten?.()
  }

  /** RFC 5465 §3.1: how each mailbox is when the notifications begin. */
  async tellStates(): Promise<void> {
    const { output, condstore } = this.#session
    for (const mailbox of this.#others()) {
      const events = this.#eventsOf(mailbox.name)
      if (!events.has('MessageNew')) continue
      output.text(this.#status(mailbox, ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(events.has('FlagChange') ? (['UNSEEN'] as const) : []), ...(condstore ? (['HIGHESTMODSEQ'] as const) : [])]))
      if (output.full) await output.flush()
    }
  }

  // ---------------------------------------------------------------- the selected mailbox

  /** Whether messages that come to the selected mailbox, or leave it, are told at all. */
  get tellsSelected(): boolean {
    return this.#selected?.events.has('MessageNew') === true
  }

  get tellsFlags(): boolean {
    return this.#selected?.events.has('FlagChange') === true
  }

  /** What was asked of new messages. RFC 5465 §5.2: behind their EXISTS. */
  async tellArrivals(first: number, last: number): Promise<void> {
    const items: readonly FetchItem[] = this.#selected?.items ?? []
    if (items.length > 0) await tellItems(this.#session, items, Array.from({ length: last - first + 1 }, (_, at) => first + at))
  }

  // ---------------------------------------------------------------- at any time

  /** Between two commands. RFC 5465 §6.1: under `selected-delayed` numbers stay as they are until a command. */
  async tell(): Promise<void> {
    await this.#session.tellNews(this.#selected?.filter === 'selected')
    await this.tellOthers()
  }

  /** What has happened apart from the selected mailbox. */
  async tellOthers(): Promise<void> {
    this.#watchSelected()
    const { own, output } = this.#session
    if (this.#groups.length === 0 || own.state.sequence === this.#toldUntil) return
    const before = this.#told
    const subscriptions = this.#subscriptions
    this.#takeAsTold()
    for (const line of this.#news(before, subscriptions)) {
      output.text(line)
      if (output.full) await output.flush()
    }
  }

  *#news(before: ReadonlyMap<string, Told>, subscriptions: ReadonlySet<string>): Generator<string> {
    const { state } = this.#session.own
    const after = this.#told
    for (const [id, told] of before) if (!after.has(id) && this.#eventsOf(told.name).has('MailboxName')) yield this.#listLine(told.name)
    for (const mailbox of state.mailboxes()) {
      const told = before.get(mailbox.id)
      if (told?.name !== mailbox.name && this.#eventsOf(mailbox.name, told?.name).has('MailboxName')) yield this.#listLine(mailbox.name, told?.name)
    }
    for (const mailbox of this.#others()) yield* this.#statusNews(mailbox, before.get(mailbox.id))
    const turned = [...[...subscriptions].filter((name) => !this.#subscriptions.has(name)), ...[...this.#subscriptions].filter((name) => !subscriptions.has(name))]
    for (const name of turned) if (this.#eventsOf(name).has('SubscriptionChange')) yield this.#listLine(name)
  }

  /** RFC 5465 §5.1 to §5.3. */
  *#statusNews(mailbox: MailboxState, told: Told | undefined): Generator<string> {
    if (told === undefined || mailbox.highestModSeq === told.modSeq) return
    const events = this.#eventsOf(mailbox.name)
    const messages = events.has('MessageNew') && (mailbox.uidNext !== told.uidNext || mailbox.count !== told.count)
    const flags = events.has('FlagChange') && mailbox.changedSince(told.modSeq).some((uid) => uid < told.uidNext)
    if (!messages && !flags) return
    yield this.#status(mailbox, [
      ...(messages ? (['MESSAGES', 'UIDNEXT'] as const) : []),
      'UIDVALIDITY',
      ...(events.has('FlagChange') && mailbox.unseen !== told.unseen ? (['UNSEEN'] as const) : []),
      ...(this.#session.condstore ? (['HIGHESTMODSEQ'] as const) : []),
    ])
  }

  #status(mailbox: MailboxState, items: readonly StatusItem[]): string {
    return statusLine(this.#session, { mailbox, name: mailbox.name }, items)
  }

  /** A mailbox that is gone is told as \NonExistent (RFC 5465 §5.4). */
  #listLine(name: string, oldName?: string): string {
    const { nameEncoding, places } = this.#session
    return writeListLine({ word: 'LIST', attributes: listAttributes(this.#session, places.own, name), name, ...(oldName === undefined ? {} : { oldName }) }, nameEncoding)
  }

  #others(): MailboxState[] {
    const { own, state } = this.#session
    const selectedId = state === 'selected' && this.#session.mail === own ? this.#session.selected.mailboxId : undefined
    return own.state.mailboxes().filter(({ id }) => id !== selectedId)
  }

  /** The first group that holds one of these names says what is told. */
  #eventsOf(...names: readonly (string | undefined)[]): ReadonlySet<NotifyEvent> {
    return this.#groups.find((group) => names.some((name) => name !== undefined && this.#holds(group, name)))?.events ?? nothing
  }

  #holds({ filter, names }: NotifyGroup, name: string): boolean {
    if (filter === 'mailboxes') return names.includes(name)
    if (filter === 'subtree') return names.some((one) => name === one || name.startsWith(one + hierarchySeparator))
    if (filter === 'subscribed') return this.#session.own.state.subscriptions.has(name)
    // RFC 5465 §6.2: mail may be filed into any mailbox, by rules or by hand.
    return true
  }

  #takeAsTold(): void {
    const { state } = this.#session.own
    this.#toldUntil = state.sequence
    this.#subscriptions = new Set(state.subscriptions)
    this.#told = new Map(state.mailboxes().map(({ id, name, count, uidNext, unseen, highestModSeq }) => [id, { name, count, uidNext, unseen, modSeq: highestModSeq }]))
  }

  /** The selected mailbox may be of another account, and is another one now and then. */
  #watchSelected(): void {
    const session = this.#session
    const wanted = session.state === 'selected' && this.tellsSelected ? session.mail : undefined
    if (wanted === this.#watched) return
    this.#unlisten?.()
    this.#watched = wanted
    this.#unlisten = wanted?.listen(() => session.input.wake())
  }
}

const nothing: ReadonlySet<NotifyEvent> = new Set()
