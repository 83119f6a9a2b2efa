/**
 * What a client has asked to be told without asking again: RFC 5465. Kept per session, from NOTIFY to the next NOTIFY.
 *
 * Invariants: nothing is queued - what is told is the difference between what was told last and what is, so that a slow
 * client costs no memory and misses nothing; of the selected mailbox the view alone tells, as the filter allows it; what is
 * open for this (accounts of others that the filters reach) is let go of by {@link Notifications.stop}.
 */
import type { FetchItem } from '#lib/formats/imap/fetch.ts'
import { writeListLine } from '#lib/formats/imap/list.ts'
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { isOfSelected } from '#lib/formats/imap/notify.ts'
import type { Notify, NotifyEvent, NotifyGroup } from '#lib/formats/imap/notify.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { tellItems } from './commands/fetch.ts'
import { NotifiedPlace } from './notifiedPlace.ts'
import { NotifiedServer } from './notifiedServer.ts'
import { isReached, OwnChanges } from './ownChanges.ts'
import type { Place } from './places.ts'
import type { Session } from './session.ts'
import { Tree } from './tree.ts'

export class Notifications {
  readonly #session: Session
  readonly #selected: NotifyGroup | undefined
  readonly #groups: readonly NotifyGroup[]
  /** The client's own account first. */
  readonly #places: NotifiedPlace[] = []
  #server: NotifiedServer | undefined
  #subscriptions = new Set<string>()
  #watchedMail: AccountMail | undefined
  #unlistenSelected: (() => void) | undefined
  readonly #stops: (() => void)[] = []
  /** What the client has done itself since it was told last: it need not be told (RFC 5465 §5). */
  readonly caused = new OwnChanges()

  private constructor(session: Session, { groups }: Notify) {
    this.#session = session
    this.#selected = groups.find(isOfSelected)
    this.#groups = groups.filter((group) => !isOfSelected(group) && group.events.size > 0)
  }

  static async begin(session: Session, request: Notify): Promise<Notifications> {
    const notifications = new Notifications(session, request)
    try {
      await notifications.#begin()
    } catch (error) {
      notifications.stop()
      throw error
    }
    return notifications
  }

  async #begin(): Promise<void> {
    const { own, places, input } = this.#session
    if (this.#groups.length === 0) return
    this.#stops.push(own.listen(() => input.wake()))
    this.#places.push(this.#notified(places.own))
    this.#subscriptions = new Set(own.state.subscriptions)
    await this.#reachOthers()
    if (this.#groups.some(({ events }) => events.has('ServerMetadataChange'))) this.#server = await NotifiedServer.begin(this.#session)
  }

  #notified(place: Place): NotifiedPlace {
    const watchesNames = this.#groups.some(({ events }) => events.has('MailboxName'))
    return new NotifiedPlace(this.#session, place, (...names) => this.#eventsOf(place.prefix === '', names), watchesNames)
  }

  /** Accounts of others are watched where a filter names mailboxes of theirs. */
  async #reachOthers(): Promise<void> {
    const { own, places, deps, input } = this.#session
    const names = this.#groups.flatMap(({ filter, names: given }) => (filter === 'subscribed' ? [...own.state.subscriptions] : given))
    const watched = new Set(this.#places.map(({ place }) => place.account.id))
    for (const place of await places.all((prefix) => names.some((name) => isReached(name, prefix)))) {
      if (watched.has(place.account.id)) continue
      const mail = await deps.store.open(place.account.id)
      this.#stops.push(() => mail.release())
      mail.listen(() => input.wake())
      this.#places.push(this.#notified({ ...place, mail }))
    }
  }

  stop(): void {
    this.#unlistenSelected?.()
    this.#server?.stop()
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** What the answer to NOTIFY begins with: which mailboxes cannot be watched, and how the others are (RFC 5465 §3.1). */
  async tellStates(withStatus: boolean): Promise<void> {
    const { output } = this.#session
    for (const watched of this.#places) {
      for (const line of watched.states(withStatus)) {
        output.text(line)
        if (output.full) await output.flush()
      }
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

  /** What was asked of new messages, behind their EXISTS. RFC 5465 §5.2: not of those that the client itself has brought. */
  async tellArrivals(first: number, last: number): Promise<void> {
    const items: readonly FetchItem[] = this.#selected?.items ?? []
    if (items.length === 0) return
    const { view } = this.#session.selected
    const numbers = Array.from({ length: last - first + 1 }, (_, at) => first + at)
    await tellItems(this.#session, items, numbers.filter((number) => !view.isCreated(view.uidOf(number))))
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
    if (this.#groups.length === 0) return
    const own = this.caused.take()
    await this.#say([...this.#places.flatMap((watched) => [...watched.news(own)])])
    await this.#say(await this.#subscriptionNews(own))
    if (this.#server !== undefined) await this.#say(this.#server.news(own))
  }

  async #say(lines: readonly string[]): Promise<void> {
    const { output } = this.#session
    for (const line of lines) {
      output.text(line)
      if (output.full) await output.flush()
    }
  }

  /** RFC 5465 §5.5: with attributes as LIST would tell them. */
  async #subscriptionNews(own: OwnChanges): Promise<string[]> {
    const { places, nameEncoding, input, own: { state } } = this.#session
    const believed = new Set(this.#subscriptions)
    own.turn(believed)
    const turned = [...new Set([...believed, ...state.subscriptions])].filter((name) => believed.has(name) !== state.subscriptions.has(name))
    const isChanged = turned.length > 0 || believed.size !== this.#subscriptions.size
    this.#subscriptions = new Set(state.subscriptions)
    if (isChanged && this.#groups.some(({ filter }) => filter === 'subscribed')) await this.#reachOthers()
    // Somebody has undone it already: told behind the answer to the command.
    const undone = turned.filter((name) => own.subscription(name) !== undefined)
    for (const name of undone) if (believed.has(name)) this.#subscriptions.add(name)
    for (const name of undone) if (!believed.has(name)) this.#subscriptions.delete(name)
    if (undone.length > 0) input.wake()
    const told = turned.filter((name) => !undone.includes(name) && this.#eventsOf(!places.isForeign(name), [name], believed).has('SubscriptionChange'))
    if (told.length === 0) return []
    const all = await places.all((prefix) => told.some((name) => name.startsWith(prefix)))
    const tree = new Tree(all.flatMap((place) => places.visible(place)), state.subscriptions)
    return told.map((name) => writeListLine({ word: 'LIST', attributes: tree.attributes(name, true), name }, nameEncoding))
  }

  /** The first group that holds one of these names says what is told. */
  #eventsOf(personal: boolean, names: readonly string[], before?: ReadonlySet<string>): ReadonlySet<NotifyEvent> {
    return this.#groups.find((group) => names.some((name) => this.#holds(group, personal, name, before)))?.events ?? nothing
  }

  #holds({ filter, names }: NotifyGroup, personal: boolean, name: string, before: ReadonlySet<string> = nothing): boolean {
    if (filter === 'mailboxes') return names.includes(name)
    if (filter === 'subtree') return names.some((one) => one === '' || name === one || name.startsWith(one + hierarchySeparator))
    if (filter === 'subscribed') return this.#session.own.state.subscriptions.has(name) || before.has(name)
    // RFC 5465 §6.2 and §6.3: mail may be filed into any mailbox, by rules or by hand.
    return personal
  }

  /** The selected mailbox may be of another account, and is another one now and then. */
  #watchSelected(): void {
    const session = this.#session
    const wanted = session.state === 'selected' && this.tellsSelected ? session.mail : undefined
    if (wanted === this.#watchedMail) return
    this.#unlistenSelected?.()
    this.#watchedMail = wanted
    this.#unlistenSelected = wanted?.listen(() => session.input.wake())
  }
}

const nothing: ReadonlySet<never> = new Set<never>()
