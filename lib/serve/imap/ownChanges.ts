/**
 * What a client with NOTIFY has done by its own commands since it was told last. RFC 5465 §5: it need not be told of it.
 *
 * Invariant: what is noted is what the client believes now, so that it is told after all when somebody else has undone it.
 */
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'

/** What is new about a name. */
export interface NameChange {
  /** The name that the mailbox had before. */
  readonly oldName: string | undefined
  readonly sameExistence: boolean
  readonly sameChildren: boolean
}

export class OwnChanges {
  /** Names of mailboxes, and whether each is there. */
  readonly names = new Map<string, boolean>()
  readonly #moves: [from: string, to: string][] = []
  readonly #subscriptions = new Map<string, boolean>()
  readonly #values = new Map<string, Uint8Array | null>()

  mailbox(name: string, exists: boolean): void {
    this.names.set(name, exists)
  }

  renamed(from: string, to: string): void {
    // INBOX stays, its messages go.
    if (from !== 'INBOX') this.#moves.push([from, to])
    this.mailbox(from, from === 'INBOX')
    this.mailbox(to, true)
  }

  subscribed(name: string, on: boolean): void {
    this.#subscriptions.set(name, on)
  }

  /** `mailbox` '' for the server, `entry` with its scope. */
  annotated(mailbox: string, entry: string, value: Uint8Array | null): void {
    this.#values.set(`${mailbox}\0${entry}`, value)
  }

  /** Empties itself into the one that is returned. */
  take(): OwnChanges {
    const taken = new OwnChanges()
    for (const [from, to] of [[this.names, taken.names], [this.#subscriptions, taken.#subscriptions]] as const) {
      for (const [name, on] of from) to.set(name, on)
      from.clear()
    }
    taken.#moves.push(...this.#moves.splice(0))
    for (const [key, value] of this.#values) taken.#values.set(key, value)
    this.#values.clear()
    return taken
  }

  /** Whether one of the changes explains all that is new about a name, be it of the mailbox itself or of one above or below it. */
  explains(name: string, { oldName, sameExistence, sameChildren }: NameChange): boolean {
    for (const [from, to] of this.#moves) {
      if (oldName !== undefined && isWithin(oldName, from) && name === to + oldName.slice(from.length)) return true
      // Levels that only mailboxes below them make.
      if (oldName === undefined && sameExistence && (isWithin(name, from) || isWithin(name, to))) return true
    }
    if (oldName !== undefined) return false
    for (const own of this.names.keys()) if ((own === name && sameChildren) || (isUnder(own, name) && sameExistence)) return true
    return false
  }

  /** What the client believes; undefined when it has not changed it. */
  subscription(name: string): boolean | undefined {
    return this.#subscriptions.get(name)
  }

  /** Makes a set of subscriptions what the client believes it to be. */
  turn(subscriptions: Set<string>): void {
    for (const [name, on] of this.#subscriptions) {
      if (on) subscriptions.add(name)
      else subscriptions.delete(name)
    }
  }

  /** Entries of the mailbox, or of the server, that the client has set. */
  entriesOf(mailbox: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(`${mailbox}\0`)).map((key) => key.slice(mailbox.length + 1))
  }

  setTo(mailbox: string, entry: string, value: Uint8Array | null): boolean {
    const own = this.#values.get(`${mailbox}\0${entry}`)
    if (own === undefined) return false
    return own === null || value === null ? own === value : Buffer.compare(own, value) === 0
  }
}

const isUnder = (name: string, above: string): boolean => name.startsWith(above + hierarchySeparator)
const isWithin = (name: string, top: string): boolean => name === top || isUnder(name, top)

/** Whether mailboxes whose names begin so can be meant by a filter for this name and what is below it; below the empty name is everything. */
export function isReached(name: string, prefix: string): boolean {
  return name === '' || name.startsWith(prefix) || prefix === name + hierarchySeparator || prefix.startsWith(name + hierarchySeparator)
}
