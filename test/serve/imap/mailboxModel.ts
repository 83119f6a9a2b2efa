/**
 * A mailbox and what each session has been told of it, written down as the RFCs put it and not as the server does it:
 * plain lists, one entry of the log for each change. It foretells every line of every answer.
 */
export interface Message {
  readonly uid: number
  flags: ReadonlySet<string>
  modSeq: number
  readonly text: string
}

/** Of NOTIFY, for the selected mailbox: removals come at once, or wait for a command; news with items; changes of flags, or none. */
export interface Notify {
  readonly filter: 'selected' | 'selected-delayed'
  readonly items: boolean
  readonly flags: boolean
}

export interface Modes {
  /** By ENABLE, or since a command that implies it. */
  condstore: boolean
  readonly qresync: boolean
  readonly uidOnly: boolean
  readonly rev2: boolean
  notify: Notify | 'none' | undefined
}

/** What an answer must be: its lines in order, its status and response code. */
export interface Expected {
  readonly lines: readonly string[]
  readonly status: string
}

const order = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']

export function showFlags(flags: ReadonlySet<string>): string {
  const rank = (flag: string) => (order.includes(flag) ? order.indexOf(flag) : order.length)
  return `(${[...flags].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).join(' ')})`
}

export function showSet(uids: readonly number[]): string {
  const runs: [number, number][] = []
  for (const uid of uids) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === uid - 1) last[1] = uid
    else runs.push([uid, uid])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',')
}

export class MailboxModel {
  messages: Message[] = []
  uidNext = 1
  /** Of the account's log. */
  sequence: number
  highest: number
  readonly vanished: { readonly uid: number; readonly modSeq: number }[] = []
  /** UIDNEXT of the mailbox that messages are copied and moved to. */
  otherNext = 1

  constructor(sequence: number) {
    this.sequence = sequence
    this.highest = sequence
  }

  find(uid: number): Message | undefined {
    return this.messages.find((message) => message.uid === uid)
  }

  add(...added: readonly Pick<Message, 'flags' | 'text'>[]): number[] {
    this.highest = ++this.sequence
    return added.map(({ flags, text }) => {
      this.messages.push({ uid: this.uidNext, flags, text, modSeq: this.sequence })
      return this.uidNext++
    })
  }

  /** One entry for those that are others now. */
  change(messages: readonly Message[], after: (flags: ReadonlySet<string>) => ReadonlySet<string>): Message[] {
    const changed = messages.filter(({ flags }) => showFlags(after(flags)) !== showFlags(flags))
    if (changed.length === 0) return []
    this.highest = ++this.sequence
    for (const message of changed) {
      message.flags = after(message.flags)
      message.modSeq = this.sequence
    }
    return changed
  }

  /** EXPUNGE, of all or among these. */
  expunge(among?: readonly number[]): number[] {
    const uids = this.messages.filter(({ uid, flags }) => flags.has('\\Deleted') && (among === undefined || among.includes(uid))).map(({ uid }) => uid)
    if (uids.length > 0) this.highest = ++this.sequence
    this.take(uids)
    return uids
  }

  vanishedSince(modSeq: number): number[] {
    return this.vanished.filter((one) => one.modSeq > modSeq).map(({ uid }) => uid).sort((a, b) => a - b)
  }

  /** Within the entry that is being written. */
  take(uids: readonly number[]): void {
    this.messages = this.messages.filter(({ uid }) => !uids.includes(uid))
    for (const uid of uids) this.vanished.push({ uid, modSeq: this.sequence })
  }
}

/** One client's side. */
export class SessionModel {
  readonly modes: Modes
  readonly #box: MailboxModel
  view: number[]
  saved: number[] = []
  /** By EXAMINE. */
  readOnly = false
  #toldChanges: number
  /** Messages that it has brought itself. */
  readonly #created = new Set<number>()
  /** Entries of its own, whose outcome it knows. */
  readonly #own = new Set<number>()

  constructor(box: MailboxModel, modes: Modes) {
    this.#box = box
    this.modes = modes
    this.view = box.messages.map(({ uid }) => uid)
    this.#toldChanges = box.sequence
  }

  select(readOnly: boolean): void {
    this.readOnly = readOnly
    this.view = this.#box.messages.map(({ uid }) => uid)
    this.saved = []
    this.#toldChanges = this.#box.sequence
    this.#own.clear()
  }

  number(uid: number): number {
    return this.view.indexOf(uid) + 1
  }

  created(uids: readonly number[]): void {
    // While nothing is told, nothing need be remembered.
    if (this.modes.notify !== 'none') for (const uid of uids) this.#created.add(uid)
  }

  knows(modSeq: number): void {
    this.#own.add(modSeq)
  }

  isNews({ modSeq }: Message): boolean {
    return modSeq > this.#toldChanges && !this.#own.has(modSeq)
  }

  head(uid: number): string {
    return this.modes.uidOnly ? `${uid} UIDFETCH (` : `${this.number(uid)} FETCH (`
  }

  flagsLine({ uid, flags, modSeq }: Message, withFlags = true): string {
    const items = [...(this.modes.uidOnly ? [] : [`UID ${uid}`]), ...(withFlags ? [`FLAGS ${showFlags(flags)}`] : []), ...(this.modes.condstore ? [`MODSEQ (${modSeq})`] : [])]
    return `${this.head(uid)}${items.join(' ')})`
  }

  /** RFC 9051 §7.5.1, RFC 7162 §3.2.10: what the client is told with an answer, or unasked; `asked`: of what it has removed itself. */
  news(mayExpunge: boolean, asked = false): string[] {
    const { notify } = this.modes
    if (notify === 'none' && !asked) return []
    const lines: string[] = []
    const box = this.#box
    if (mayExpunge) lines.push(...this.#tellRemovals())
    const last = this.view.at(-1) ?? 0
    const changed = box.messages.filter((message) => this.view.includes(message.uid) && this.isNews(message))
    const arrived = box.messages.filter(({ uid }) => uid > last && !this.view.includes(uid))
    if (arrived.length > 0) {
      this.view.push(...arrived.map(({ uid }) => uid))
      lines.push(`${this.view.length} EXISTS`)
      if (typeof notify === 'object' && notify.items) lines.push(...arrived.filter(({ uid }) => !this.#created.has(uid)).map(({ uid, flags, modSeq }) => `${this.head(uid)}${this.modes.condstore ? `MODSEQ (${modSeq}) ` : ''}UID ${uid} FLAGS ${showFlags(flags)})`))
    }
    // RFC 5465 §5.3
    if (notify === undefined || (notify !== 'none' && notify.flags)) for (const message of changed) lines.push(this.flagsLine(message))
    this.#toldChanges = box.sequence
    this.#own.clear()
    return lines
  }

  #tellRemovals(): string[] {
    const gone = this.view.filter((uid) => this.#box.find(uid) === undefined)
    if (gone.length === 0) return []
    const quiet = this.modes.qresync || this.modes.uidOnly
    const lines = quiet ? [`VANISHED ${showSet(gone)}`] : []
    for (const uid of gone) {
      const at = this.view.indexOf(uid)
      if (!quiet) lines.push(`${at + 1} EXPUNGE`)
      this.view.splice(at, 1)
    }
    return lines
  }

  /** What is heard without asking, under NOTIFY or IDLE. */
  unasked(idle: boolean): string[] {
    const { notify } = this.modes
    if (idle) return this.news(true)
    return notify === undefined ? [] : this.news(notify !== 'none' && notify.filter === 'selected')
  }
}
