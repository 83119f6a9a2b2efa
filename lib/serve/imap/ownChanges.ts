/**
 * What a client with NOTIFY has done by its own commands since it was told last. RFC 5465 §5: it need not be told of it.
 *
 * Invariant: what is noted is what the client believes now, so that it is told after all when somebody else has undone it.
 */
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'

export class OwnChanges {
  /** Names of mailboxes, and whether each is there. */
  readonly names = new Map<string, boolean>()
  readonly #subscriptions = new Map<string, boolean>()
  readonly #values = new Map<string, Uint8Array | null>()

  mailbox(name: string, exists: boolean): void {
    this.names.set(name, exists)
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
    for (const [key, value] of this.#values) taken.#values.set(key, value)
    this.#values.clear()
    return taken
  }

  /** Whether one of the changes explains that this name, or what stands above or below it, is another now. */
  explains(name: string): boolean {
    for (const own of this.names.keys()) if (own === name || isUnder(own, name) || isUnder(name, own)) return true
    return false
  }

  /** What the client believes; undefined when it has not changed it. */
  subscription(name: string): boolean | undefined {
    return this.#subscriptions.get(name)
  }

  setTo(mailbox: string, entry: string, value: Uint8Array | null): boolean {
    const own = this.#values.get(`${mailbox}\0${entry}`)
    if (own === undefined) return false
    return own === null || value === null ? own === value : Buffer.compare(own, value) === 0
  }
}

const isUnder = (name: string, above: string): boolean => name.startsWith(above + hierarchySeparator)

/** Whether mailboxes whose names begin so can be meant by a filter for this name and what is below it. */
export function isReached(name: string, prefix: string): boolean {
  return name.startsWith(prefix) || prefix === name + hierarchySeparator || prefix.startsWith(name + hierarchySeparator)
}
