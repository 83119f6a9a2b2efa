/**
 * What looking at messages has shown of texts that the index could not decide: pages of one search, and searches that a
 * client asks again and again, look at each message once. Messages never change, so what was seen stays true.
 *
 * Invariant: bounded; the texts asked for last stay longest.
 */
import type { SearchKey } from '#lib/formats/imap/search.ts'

type WordKey = Extract<SearchKey, { kind: 'header' | 'body' | 'text' }>

/** Messages remembered for all texts together; about 50 octets each. */
const mostVerdicts = 50_000

export class Verdicts {
  /** By text, then by {@link originKey}. In the order of their last use. */
  readonly #known = new Map<string, Map<number, boolean>>()
  #count = 0

  /** `wanted` folded. */
  of(key: WordKey, wanted: string): ReadonlyMap<number, boolean> | undefined {
    const name = nameOf(key, wanted)
    const known = this.#known.get(name)
    if (known !== undefined) {
      this.#known.delete(name)
      this.#known.set(name, known)
    }
    return known
  }

  add(key: WordKey, wanted: string, seen: ReadonlyMap<number, boolean>): void {
    if (seen.size === 0 || seen.size > mostVerdicts) return
    const name = nameOf(key, wanted)
    const known = this.#known.get(name) ?? new Map<number, boolean>()
    this.#drop(name)
    for (const [origin, verdict] of seen) known.set(origin, verdict)
    this.#known.set(name, known)
    this.#count += known.size
    for (const old of this.#known.keys()) {
      if (this.#count <= mostVerdicts) break
      this.#drop(old)
    }
  }

  #drop(name: string): void {
    this.#count -= this.#known.get(name)?.size ?? 0
    this.#known.delete(name)
  }
}

function nameOf(key: WordKey, wanted: string): string {
  return `${key.kind} ${key.kind === 'header' ? key.field : ''}:${wanted}`
}
