/** The names a client sees, of mailboxes and of its subscriptions (RFC 9051 §6.3.7), with the levels above them, whether these exist or not. */
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import type { FoundMailbox } from './places.ts'

export class Tree {
  /** INBOX first, then by code points. */
  readonly names: readonly string[]
  readonly #byName: ReadonlyMap<string, FoundMailbox>
  readonly #subscriptions: ReadonlySet<string>
  /** Levels above a mailbox, and levels above a name that is only subscribed to. */
  readonly #parents = new Set<string>()
  readonly #levels = new Set<string>()

  constructor(mailboxes: readonly FoundMailbox[], subscriptions: ReadonlySet<string>) {
    // The client's own come first, should a name be there twice.
    this.#byName = new Map(mailboxes.toReversed().map((found) => [found.name, found]))
    this.#subscriptions = subscriptions
    for (const name of this.#byName.keys()) addLevels(this.#parents, name)
    for (const name of this.#subscriptions) addLevels(this.#levels, name)
    const rank = (name: string) => (name === 'INBOX' ? 0 : 1)
    this.names = [...new Set([...this.#byName.keys(), ...this.#subscriptions, ...this.#parents, ...this.#levels])].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  }

  found(name: string): FoundMailbox | undefined {
    return this.#byName.get(name)
  }

  isSubscribed(name: string): boolean {
    return this.#subscriptions.has(name)
  }

  /** Whether there is a mailbox of this name or below it: a plain LIST tells of nothing else. */
  stands(name: string): boolean {
    return this.#byName.has(name) || this.#parents.has(name)
  }

  hasChildren(name: string): boolean {
    return this.#parents.has(name)
  }

  below(name: string): string[] {
    if (!this.#parents.has(name) && !this.#levels.has(name)) return []
    const prefix = name + hierarchySeparator
    return this.names.filter((one) => one.startsWith(prefix))
  }

  /** Undefined as well for a mailbox of somebody else: two for one use would only confuse a client. */
  specialUse(name: string): string | undefined {
    const found = this.found(name)
    return found?.place.prefix === '' ? (found.mailbox.specialUse ?? undefined) : undefined
  }

  attributes(name: string, tellSubscribed: boolean): string[] {
    const use = this.specialUse(name)
    return [
      // RFC 5258 §3: \NonExistent implies \Noselect, which older clients read.
      ...(this.found(name) === undefined ? ['\\NonExistent', '\\Noselect'] : []),
      this.#parents.has(name) ? '\\HasChildren' : '\\HasNoChildren',
      ...(tellSubscribed && this.isSubscribed(name) ? ['\\Subscribed'] : []),
      ...(use === undefined ? [] : [use]),
    ]
  }
}

function addLevels(levels: Set<string>, name: string): void {
  for (let at = name.indexOf(hierarchySeparator); at >= 0; at = name.indexOf(hierarchySeparator, at + 1)) levels.add(name.slice(0, at))
}
