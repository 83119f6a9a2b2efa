/**
 * The state of an account: a pure fold over the entries of its log.
 *
 * Invariants: no I/O, no clock, no chance - the same entries give the same state in every process and for ever;
 * {@link applyEntry} is the only way to change a state; time is that of the entries, and never goes back.
 * A change that names what is not there means that the log is damaged, and stops the fold.
 */
import { Annotations } from './annotations.ts'
import { Departed } from './departed.ts'
import { DeliveryMemory } from './deliveryMemory.ts'
import { endsLog, EntryFormatError } from './entry.ts'
import type { Change, Entry, FileChange, SettleChange } from './entry.ts'
import { FlagSets } from './flagSets.ts'
import { canonicalName, isBelow } from './mailboxName.ts'
import { MailboxState } from './mailboxState.ts'
import type { MessageSegment } from './messageList.ts'
import { mailboxId, originKey } from './origin.ts'
import { AnewRefusal, MailboxRefusal } from './refusal.ts'

export type { MailboxState } from './mailboxState.ts'

export class AccountState {
  /** Of the last entry folded; 0 before the first. */
  sequence = 0
  /** The latest time of an entry, ms. */
  time = 0
  /** UIDVALIDITY given last: none is given twice in an account. */
  lastUidValidity = 0
  readonly flagSets = new FlagSets()
  readonly deliveries: DeliveryMemory
  readonly departed: Departed
  /** How many mailboxes hold the message of an origin, where it is more than one. */
  readonly shares = new Map<number, number>()
  /** Names subscribed to, of mailboxes that are there and that are not (RFC 9051 §6.3.7). */
  readonly subscriptions = new Set<string>()
  /** The highest UIDVALIDITY each name had that now is free or another mailbox's. */
  readonly vacated = new Map<string, number>()
  /** Of the account itself, not of one of its mailboxes. */
  readonly annotations = new Annotations()
  readonly #byId = new Map<string, MailboxState>()
  readonly #byName = new Map<string, MailboxState>()

  constructor(deliveries = new DeliveryMemory(), departed = new Departed()) {
    this.deliveries = deliveries
    this.departed = departed
  }

  /** Octets of all messages; a copy counts as much as its original. */
  get usedBytes(): number {
    let sum = 0
    for (const mailbox of this.#byId.values()) sum += mailbox.sizeBytes
    return sum
  }

  get messageCount(): number {
    let sum = 0
    for (const mailbox of this.#byId.values()) sum += mailbox.count
    return sum
  }

  /** Octets of all annotations, those of mailboxes included. */
  get annotationBytes(): number {
    let sum = this.annotations.bytes
    for (const mailbox of this.#byId.values()) sum += mailbox.annotations.bytes
    return sum
  }

  get mailboxCount(): number {
    return this.#byId.size
  }

  /** In the order of their creation. */
  mailboxes(): MailboxState[] {
    return [...this.#byId.values()]
  }

  /** By name; INBOX in any case. */
  mailbox(name: string): MailboxState | undefined {
    return this.#byName.get(name) ?? this.#byName.get(canonicalName(name))
  }

  /** The mailbox of this name and all below it. */
  tree(name: string): MailboxState[] {
    return this.mailboxes().filter((mailbox) => mailbox.name === name || isBelow(mailbox.name, name))
  }

  mailboxById(id: string): MailboxState | undefined {
    return this.#byId.get(id)
  }

  // ---------------------------------------------------------------- changes

  put(mailbox: MailboxState): void {
    this.#byId.set(mailbox.id, mailbox)
    this.#byName.set(mailbox.name, mailbox)
    mailbox.subscribed = this.subscriptions.has(mailbox.name)
  }

  drop(mailbox: MailboxState): void {
    this.#byId.delete(mailbox.id)
    this.vacate(mailbox)
  }

  vacate(mailbox: MailboxState): void {
    this.#byName.delete(mailbox.name)
    this.vacated.set(mailbox.name, Math.max(mailbox.uidValidity, this.vacated.get(mailbox.name) ?? 0))
  }
}

interface Moment {
  readonly sequence: number
  readonly index: number
  readonly at: number
}

/**
 * @throws {EntryFormatError} when the entry is not the next one, or names what is not there
 * @throws {MailboxRefusal} NONEXISTENT at the end of a deleted account, even where the entries before are gone, and where the log begins anew
 */
export function applyEntry(state: AccountState, sequence: number, entry: Entry): void {
  if (endsLog(entry)) throw new MailboxRefusal('NONEXISTENT', 'The account was deleted')
  // Before it stand at most empty entries, which keep their numbers taken (erase.ts).
  if (state.mailboxCount > 0 && entry.changes.some(({ kind }) => kind === 'begin')) throw new AnewRefusal()
  // Entries that were taken out are stood for by the next one that is there.
  const next = state.sequence + 1
  if (next < (entry.first ?? sequence) || next > sequence) throw new EntryFormatError(sequence, `it does not follow entry ${state.sequence}`)
  state.time = Math.max(state.time, entry.at)
  entry.changes.forEach((change, index) => applyChange(state, change, { sequence, index, at: entry.at }))
  state.sequence = sequence
}

function applyChange(state: AccountState, change: Change, moment: Moment): void {
  switch (change.kind) {
    case 'file':
      return file(state, change, moment)
    case 'flags':
      return demand(state, change.mailbox, moment).changeFlags(change.uids, state.flagSets.transition(change.action, change.flags), moment.sequence)
    case 'copy':
      return copy(state, change, moment)
    case 'move':
      return move(state, change, moment)
    case 'expunge':
      return expunge(state, change, moment)
    case 'create':
      return create(state, change, moment)
    case 'rename':
      return rename(state, change, moment)
    case 'delete':
      return remove(state, change, moment)
    case 'subscribe':
      return subscribe(state, change.name, change.on)
    case 'acl':
      return demand(state, change.mailbox, moment).grant(change.identifier, change.rights)
    case 'annotate':
      return (change.mailbox === null ? state : demand(state, change.mailbox, moment)).annotations.set(change.user, change.name, change.value)
    case 'submit':
    case 'outcome':
      return
    case 'begin':
      state.lastUidValidity = change.lastUidValidity
      return
    case 'settle':
      return settle(state, change, moment)
    case 'sweep':
      return state.departed.forget(change.before)
    case 'end':
      return
  }
}

type Of<K extends Change['kind']> = Extract<Change, { kind: K }>

function demand(state: AccountState, id: string, { sequence }: Moment): MailboxState {
  const mailbox = state.mailboxById(id)
  if (mailbox === undefined) throw new EntryFormatError(sequence, `it names the mailbox ${id}, which is not there`)
  return mailbox
}

/** The second entry for one delivery is passed over: the note came twice. */
function file(state: AccountState, change: FileChange, moment: Moment): void {
  const { deliveryId } = change
  if (deliveryId !== null) {
    if (state.deliveries.has(deliveryId)) return
    state.deliveries.add(deliveryId, state.time)
  }
  if (change.restores !== undefined && !state.departed.takeBack(change.restores)) throw new EntryFormatError(moment.sequence, 'it takes back a message that had not left')
  demand(state, change.mailbox, moment).add({
    flags: state.flagSets.intern(change.flags),
    modSeq: moment.sequence,
    sizeBytes: change.sizeBytes,
    internalDate: change.internalDate,
    savedAt: moment.at,
    originSequence: moment.sequence,
    originIndex: moment.index,
  })
}

/** Whatever of the flag changes before was applied: from here on all is as if each of them had been. */
function settle(state: AccountState, change: SettleChange, moment: Moment): void {
  state.flagSets.learn(change.spellings)
  for (const { mailbox, highestModSeq, keywords, messages } of change.mailboxes) {
    demand(state, mailbox, moment).settle(highestModSeq, keywords, messages.map(({ flags, modSeq, uids }) => ({ set: state.flagSets.intern(flags), modSeq, uids })))
  }
}

function copy(state: AccountState, { from, to, uids }: Of<'copy'>, moment: Moment): void {
  pour(demand(state, from, moment), demand(state, to, moment), uids, moment, (segment, row) => {
    const key = keyOf(segment, row)
    state.shares.set(key, (state.shares.get(key) ?? 1) + 1)
  })
}

/** RFC 6851 §3.3: in one step, so that nobody sees both or neither. */
function move(state: AccountState, { from, to, uids }: Of<'move'>, moment: Moment): void {
  const source = demand(state, from, moment)
  pour(source, demand(state, to, moment), uids, moment, () => undefined)
  source.remove(uids, moment.sequence, () => undefined)
}

/** RFC 9051 §6.4.7: flags and internal date are kept; the UIDs ascend in the order of the source. */
function pour(source: MailboxState, target: MailboxState, uids: readonly number[], moment: Moment, each: (segment: MessageSegment, row: number) => void): void {
  source.messages.eachStretch(uids, (segment, from, to) => {
    for (let row = from; row < to; row++) {
      each(segment, row)
      // Read anew for each row: in a copy within one mailbox the columns grow meanwhile.
      const { columns } = segment
      target.add({
        flags: columns.flags[row] ?? 0,
        modSeq: moment.sequence,
        sizeBytes: columns.sizeBytes[row] ?? 0,
        internalDate: columns.internalDate[row] ?? 0,
        savedAt: moment.at,
        originSequence: columns.originSequence[row] ?? 0,
        originIndex: columns.originIndex[row] ?? 0,
      })
    }
  })
}

function keyOf({ columns }: MessageSegment, row: number): number {
  return originKey(columns.originSequence[row] ?? 0, columns.originIndex[row] ?? 0)
}

function expunge(state: AccountState, { mailbox, uids }: Of<'expunge'>, moment: Moment): void {
  demand(state, mailbox, moment).remove(uids, moment.sequence, (segment, row) => depart(state, segment, row))
}

/** One mailbox less holds the message; without any, its content waits for the sweep. */
function depart(state: AccountState, segment: MessageSegment, row: number): void {
  const key = keyOf(segment, row)
  const shares = state.shares.get(key) ?? 1
  if (shares > 2) state.shares.set(key, shares - 1)
  else if (shares === 2) state.shares.delete(key)
  else state.departed.add({ sequence: segment.columns.originSequence[row] ?? 0, index: segment.columns.originIndex[row] ?? 0 }, state.time)
}

function create(state: AccountState, { name, specialUse }: Of<'create'>, { sequence, index, at }: Moment): void {
  if (state.mailbox(name) !== undefined) throw new EntryFormatError(sequence, `it creates the mailbox ${name}, which is there already`)
  state.put(new MailboxState({ id: mailboxId(sequence, index), name, specialUse, createdAt: at, uidValidity: newUidValidity(state, at), uidNext: 1, highestModSeq: sequence, keywords: [] }, state.flagSets))
}

/** RFC 9051 §2.3.1.1: the time of creation in seconds, or one more than the last one given. */
function newUidValidity(state: AccountState, at: number): number {
  state.lastUidValidity = Math.max(Math.floor(at / 1000), state.lastUidValidity + 1)
  return state.lastUidValidity
}

/** A subscription goes with its mailbox. */
function rename(state: AccountState, { from, to }: Of<'rename'>, moment: Moment): void {
  const renamed = state.tree(from).map((mailbox) => ({ mailbox, name: to + mailbox.name.slice(from.length) }))
  for (const { mailbox } of renamed) {
    state.vacate(mailbox)
    if (mailbox.subscribed) state.subscriptions.delete(mailbox.name)
  }
  for (const { mailbox, name } of renamed) {
    if (mailbox.subscribed) state.subscriptions.add(name)
    mailbox.name = name
    // RFC 9051 §2.3.1.1: under one name UIDVALIDITY only grows.
    if ((state.vacated.get(name) ?? 0) > mailbox.uidValidity) mailbox.uidValidity = newUidValidity(state, moment.at)
    mailbox.highestModSeq = moment.sequence
    state.put(mailbox)
  }
}

function remove(state: AccountState, change: Of<'delete'>, moment: Moment): void {
  const mailbox = demand(state, change.mailbox, moment)
  for (const segment of mailbox.messages.segments) for (let row = 0; row < segment.count; row++) depart(state, segment, row)
  state.drop(mailbox)
}

function subscribe(state: AccountState, name: string, on: boolean): void {
  if (on) state.subscriptions.add(name)
  else state.subscriptions.delete(name)
  const mailbox = state.mailbox(name)
  if (mailbox !== undefined) mailbox.subscribed = on
}
