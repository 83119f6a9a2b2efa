/**
 * Flag sets, each kept once for an account and named by a small number.
 *
 * Invariants: a keyword keeps the spelling in which the account saw it first, for keywords are compared without case
 * (RFC 9051 §2.3.2); set 0 is the empty one; sets are sorted, system flags first.
 */
export type FlagAction = 'add' | 'remove' | 'replace'

const systemOrder = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']
const systemSpelling = new Map(systemOrder.map((flag) => [flag.toLowerCase(), flag]))
const bits = { seen: 1, deleted: 2 } as const

export class FlagSets {
  #sets: (readonly string[])[] = []
  #bits: number[] = []
  readonly #ids = new Map<string, number>()
  readonly #spelling = new Map<string, string>()

  constructor() {
    this.intern([])
  }

  get size(): number {
    return this.#sets.length
  }

  flags(id: number): readonly string[] {
    return this.#sets[id] ?? []
  }

  seen(id: number): boolean {
    return ((this.#bits[id] ?? 0) & bits.seen) !== 0
  }

  /** Whether messages count in the same way with either set. */
  countAlike(a: number, b: number): boolean {
    return this.#bits[a] === this.#bits[b]
  }

  deleted(id: number): boolean {
    return ((this.#bits[id] ?? 0) & bits.deleted) !== 0
  }

  /** The flags as this account spells them; \Recent is no flag of a message here. */
  spell(flags: readonly string[]): string[] {
    return flags.filter((flag) => flag.toLowerCase() !== '\\recent').map((flag) => systemSpelling.get(flag.toLowerCase()) ?? this.#spelling.get(flag.toLowerCase()) ?? flag)
  }

  /** Keywords in the order in which they were first seen. */
  spellings(): string[] {
    return [...this.#spelling.values()]
  }

  learn(flags: readonly string[]): void {
    for (const flag of flags) if (!flag.startsWith('\\') && !this.#spelling.has(flag.toLowerCase())) this.#spelling.set(flag.toLowerCase(), flag)
  }

  /** Every set of another list, under its number; this one is new. */
  takeOver(other: FlagSets): void {
    this.learn(other.spellings())
    for (let id = 0; id < other.size; id++) this.intern(other.flags(id))
  }

  intern(flags: readonly string[]): number {
    this.learn(flags)
    const set = [...new Set(this.spell(flags))].sort(compareFlags)
    const name = set.join(' ')
    let id = this.#ids.get(name)
    if (id === undefined) {
      id = this.#sets.length
      this.#ids.set(name, id)
      this.#sets.push(set)
      this.#bits.push((set.includes('\\Seen') ? bits.seen : 0) | (set.includes('\\Deleted') ? bits.deleted : 0))
    }
    return id
  }

  /** What becomes of each set; sets met again are not worked out again. */
  transition(action: FlagAction, flags: readonly string[]): (id: number) => number {
    const known: number[] = []
    const replaced = action === 'replace' ? this.intern(flags) : 0
    this.learn(action === 'remove' ? [] : flags)
    const given = new Set(this.spell(flags))
    return (id) => {
      if (action === 'replace') return replaced
      const before = this.flags(id)
      return (known[id] ??= this.intern(action === 'add' ? [...before, ...given] : before.filter((flag) => !given.has(flag))))
    }
  }
}

function compareFlags(a: string, b: string): number {
  const rank = (flag: string) => (systemOrder.indexOf(flag) + systemOrder.length + 1) % (systemOrder.length + 1)
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0)
}
