/**
 * The mailboxes of one account as a client with NOTIFY was told of them last, and what is news to it: RFC 5465 §5.
 *
 * Invariants: nothing is told of a mailbox that the client may not see in lists, nothing of the messages in one that it may
 * not read (§5, §5.9); telling is taking as told.
 */
import { writeListLine } from '#lib/formats/imap/list.ts'
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { writeMetadataNames } from '#lib/formats/imap/metadata.ts'
import type { NotifyEvent } from '#lib/formats/imap/notify.ts'
import type { StatusItem } from '#lib/formats/imap/status.ts'
import type { Annotation, Annotations } from '#lib/mail/mailbox/annotations.ts'
import { statusLine } from './commands/status.ts'
import { maySeeMetadata } from './metadata.ts'
import type { NameChange, OwnChanges } from './ownChanges.ts'
import type { FoundMailbox, Place } from './places.ts'
import type { Session } from './session.ts'
import { Tree } from './tree.ts'

/** What the client knows of a mailbox. */
interface Told {
  readonly name: string
  readonly count: number
  readonly uidNext: number
  readonly unseen: number
  readonly modSeq: number
  readonly readable: boolean
  readonly annotations: AnnotationsSeen
}

/** What the client knows of a name. */
interface NameSeen {
  readonly exists: boolean
  readonly children: boolean
  /** Its messages were asked for, and may not be read. */
  readonly noAccess: boolean
}

/** By entry, with its scope. A value that is set anew is another one. */
export type AnnotationsSeen = ReadonlyMap<string, Annotation>

export function annotationsSeen(annotations: Annotations, user: string): AnnotationsSeen {
  const shared = annotations.of(null).map((one) => [`/shared${one.name}`, one] as const)
  return new Map([...shared, ...annotations.of(user).map((one) => [`/private${one.name}`, one] as const)])
}

/** Entries that were set, changed or taken away, other than by the client itself. */
export function changedEntries(before: AnnotationsSeen, after: AnnotationsSeen, own: OwnChanges, mailbox: string): string[] {
  const entries = new Set([...before.keys(), ...after.keys(), ...own.entriesOf(mailbox)])
  return [...entries].filter((entry) => !own.setTo(mailbox, entry, after.get(entry)?.value ?? null) && (before.get(entry) !== after.get(entry) || own.entriesOf(mailbox).includes(entry)))
}

const none: AnnotationsSeen = new Map()
const nowhere: NameSeen = { exists: false, children: false, noAccess: false }

export class NotifiedPlace {
  readonly place: Place
  readonly #session: Session
  /** Of the first group that holds one of these names. */
  readonly #eventsOf: (...names: string[]) => ReadonlySet<NotifyEvent>
  /** Names of one's own that nobody asked about cost nothing. */
  readonly #watchesNames: boolean
  #told = new Map<string, Told>()
  #names = new Map<string, NameSeen>()
  /** Levels of which the client may believe something else: they are told again. */
  readonly #doubted = new Set<string>()
  #sequence = -1

  constructor(session: Session, place: Place, eventsOf: (...names: string[]) => ReadonlySet<NotifyEvent>, watchesNames: boolean) {
    this.#session = session
    this.place = place
    this.#eventsOf = eventsOf
    this.#watchesNames = watchesNames || place.prefix !== ''
    this.#take(this.#visible())
  }

  /** In the answer to NOTIFY. RFC 5465 §3.1: \NoAccess for what can be listed and not be watched; the state of all others, if asked for. */
  *states(withStatus: boolean): Generator<string> {
    const denied = [...this.#names].filter(([, { noAccess }]) => noAccess)
    for (const [name] of denied) yield this.#listLine(this.#tree(), name)
    if (!withStatus) return
    for (const found of this.#watchable()) {
      const events = this.#eventsOf(found.name)
      if (events.has('MessageNew')) yield this.#fullStatus(found, events)
    }
  }

  *news(own: OwnChanges): Generator<string> {
    if (this.place.mail.state.sequence === this.#sequence && own.names.size === 0) return
    const told = this.#told
    const names = this.#names
    const visible = this.#visible()
    const tree = this.#take(visible)
    if (tree !== undefined) yield* this.#nameNews(names, renamed(visible, told), tree, own)
    const replaced = new Set([...told.values()].map(({ name }) => name))
    for (const found of this.#watchable()) yield* this.#statusNews(found, told.get(found.mailbox.id), replaced)
    for (const found of visible) yield* this.#metadataNews(found, told.get(found.mailbox.id), own)
  }

  // ---------------------------------------------------------------- what is

  #visible(): FoundMailbox[] {
    return this.#session.places.visible(this.place)
  }

  /** Those whose messages are told of: the selected one is told by other means. */
  #watchable(): FoundMailbox[] {
    const session = this.#session
    const selectedId = session.state === 'selected' && session.selected.place.account.id === this.place.account.id ? session.selected.mailboxId : undefined
    return this.#visible().filter(({ mailbox, rights }) => mailbox.id !== selectedId && rights.includes('r'))
  }

  #tree(): Tree {
    return new Tree(this.#visible(), this.#session.own.state.subscriptions)
  }

  /** Takes what is as told; the tree, when names are watched. */
  #take(visible: readonly FoundMailbox[]): Tree | undefined {
    const user = this.#session.loggedIn.account.id
    this.#sequence = this.place.mail.state.sequence
    this.#told = new Map(visible.map(({ name, rights, mailbox: { id, count, uidNext, unseen, highestModSeq, annotations } }) => [id, { name, count, uidNext, unseen, modSeq: highestModSeq, readable: rights.includes('r'), annotations: annotations.bytes === 0 ? none : annotationsSeen(annotations, user) }]))
    if (!this.#watchesNames) return undefined
    const tree = this.#tree()
    const names = tree.names.filter((name) => name.startsWith(this.place.prefix) && tree.stands(name))
    this.#names = new Map(names.map((name) => [name, this.#seen(tree, name)]))
    return tree
  }

  #seen(tree: Tree, name: string): NameSeen {
    const found = tree.found(name)
    return { exists: found !== undefined, children: tree.hasChildren(name), noAccess: found?.rights.includes('r') === false && this.#eventsOf(name).has('MessageNew') }
  }

  // ---------------------------------------------------------------- what is new

  /** RFC 5465 §5.4: a name that comes, goes or is changed, and the one above it when that has other children now. */
  *#nameNews(before: ReadonlyMap<string, NameSeen>, oldNames: ReadonlyMap<string, string>, tree: Tree, own: OwnChanges): Generator<string> {
    const after = this.#names
    const left = new Set(oldNames.values())
    const doubted = new Set(this.#doubted)
    this.#doubted.clear()
    const all = [...new Set([...before.keys(), ...after.keys(), ...own.names.keys(), ...doubted])].filter((name) => name.startsWith(this.place.prefix)).sort()
    const moved = all.filter((name) => oldNames.has(name))
    // Those that have moved first: where another stands now, or a level, a client that clears the old name is told so.
    const order = [...moved.map((name) => [name, oldNames.get(name)] as const), ...all.filter((name) => !oldNames.has(name) || left.has(name)).map((name) => [name, undefined] as const)]
    for (const [name, oldName] of order) {
      const was = before.get(name)
      const is = after.get(name)
      const events = oldName === undefined ? this.#eventsOf(name) : this.#eventsOf(name, oldName)
      if (this.#isUndone(name, is, own)) continue
      const access = was !== undefined && is !== undefined && was.noAccess !== is.noAccess
      const change = compare(was, is, oldName)
      const again = doubted.has(name) || (left.has(name) && is !== undefined && oldName === undefined)
      const isNew = oldName !== undefined || access || ((!change.sameExistence || !change.sameChildren) && !(left.has(name) && is === undefined))
      if ((again || (isNew && !own.explains(name, change))) && (events.has('MailboxName') || access)) yield this.#listLine(tree, name, oldName)
    }
  }

  /** Somebody has undone it already: the client is told behind the answer to its command, from which it takes what it did as done. */
  #isUndone(name: string, is: NameSeen | undefined, own: OwnChanges): boolean {
    const done = own.names.get(name)
    if (done === undefined || done === (is?.exists ?? false)) return false
    this.#names.set(name, { exists: done, children: is?.children ?? false, noAccess: false })
    for (let at = name.lastIndexOf(hierarchySeparator); at > 0; at = name.lastIndexOf(hierarchySeparator, at - 1)) this.#doubted.add(name.slice(0, at))
    this.#sequence = -1
    this.#session.input.wake()
    return true
  }

  /** RFC 5465 §5.1 to §5.3; `known` are the names of mailboxes that the client knew of. */
  *#statusNews(found: FoundMailbox, told: Told | undefined, known: ReadonlySet<string>): Generator<string> {
    const { mailbox, name } = found
    const events = this.#eventsOf(name)
    if (told?.readable !== true) {
      // New to the client, or in the place of one that it knew: it has none yet of what it would compare with.
      if (events.has('MessageNew') && (mailbox.uidNext > 1 || known.has(name))) yield this.#fullStatus(found, events)
      return
    }
    if (mailbox.highestModSeq === told.modSeq) return
    const messages = events.has('MessageNew') && (mailbox.uidNext !== told.uidNext || mailbox.count !== told.count)
    const flags = events.has('FlagChange') && mailbox.changedSince(told.modSeq).some((uid) => uid < told.uidNext)
    if (!messages && !flags) return
    yield statusLine(this.#session, found, [
      ...(messages ? (['MESSAGES', 'UIDNEXT'] as const) : []),
      'UIDVALIDITY',
      ...(events.has('FlagChange') && mailbox.unseen !== told.unseen ? (['UNSEEN'] as const) : []),
      ...this.#modSeqItem(events),
    ])
  }

  /** RFC 5465 §3.1 */
  #fullStatus(found: FoundMailbox, events: ReadonlySet<NotifyEvent>): string {
    return statusLine(this.#session, found, ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(events.has('FlagChange') ? (['UNSEEN'] as const) : []), ...this.#modSeqItem(events)])
  }

  /** RFC 5465 §5.6: the names of the entries, which the client may then ask for. */
  *#metadataNews(found: FoundMailbox, told: Told | undefined, own: OwnChanges): Generator<string> {
    if (told === undefined || !this.#eventsOf(found.name).has('MailboxMetadataChange') || !maySeeMetadata(found)) return
    const entries = changedEntries(told.annotations, this.#told.get(found.mailbox.id)?.annotations ?? none, own, found.name)
    if (entries.length > 0) yield writeMetadataNames(found.name, entries, this.#session.nameEncoding)
  }

  /** RFC 5465 §3.1, §5.1 and §5.2: to those who have CONDSTORE on, and to all who hear of flags. */
  #modSeqItem(events: ReadonlySet<NotifyEvent>): StatusItem[] {
    return this.#session.condstore || events.has('FlagChange') ? ['HIGHESTMODSEQ'] : []
  }

  /** What is gone, or may not be seen any more, is told as \NonExistent. */
  #listLine(tree: Tree, name: string, oldName?: string): string {
    const noAccess = this.#names.get(name)?.noAccess === true ? ['\\NoAccess'] : []
    return writeListLine({ word: 'LIST', attributes: [...noAccess, ...tree.attributes(name, true)], name, ...(oldName === undefined ? {} : { oldName }) }, this.#session.nameEncoding)
  }
}

function compare(was: NameSeen = nowhere, is: NameSeen = nowhere, oldName: string | undefined): NameChange {
  return { oldName, sameExistence: was.exists === is.exists, sameChildren: was.children === is.children }
}

/** Mailboxes under another name than before: the new one, then the old one. */
function renamed(visible: readonly FoundMailbox[], told: ReadonlyMap<string, Told>): Map<string, string> {
  const names = new Map<string, string>()
  for (const { name, mailbox } of visible) {
    const before = told.get(mailbox.id)
    if (before !== undefined && before.name !== name) names.set(name, before.name)
  }
  return names
}
