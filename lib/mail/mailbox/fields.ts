/** Takes the fields of a packed list one after the other, each of the type its reader wants. Throws for any other. */
export class Fields {
  readonly #values: readonly unknown[]
  #at = 0

  constructor(values: readonly unknown[]) {
    this.#values = values
  }

  /** Whether there are fields left: older programs wrote fewer. */
  get more(): boolean {
    return this.#at < this.#values.length
  }

  any(): unknown {
    if (this.#at >= this.#values.length) throw new Error(`field ${this.#at} is missing`)
    return this.#values[this.#at++]
  }

  text(): string {
    const value = this.any()
    return typeof value === 'string' ? value : this.#refuse('text')
  }

  textOrNull(): string | null {
    const value = this.any()
    return value === null || typeof value === 'string' ? value : this.#refuse('text or nothing')
  }

  number(): number {
    const value = this.any()
    return typeof value === 'number' ? value : this.#refuse('a number')
  }

  numberOrNull(): number | null {
    const value = this.any()
    return value === null || typeof value === 'number' ? value : this.#refuse('a number or nothing')
  }

  boolean(): boolean {
    const value = this.any()
    return typeof value === 'boolean' ? value : this.#refuse('yes or no')
  }

  bytes(): Uint8Array {
    const value = this.any()
    return value instanceof Uint8Array ? value : this.#refuse('octets')
  }

  bytesOrNull(): Uint8Array | null {
    const value = this.any()
    return value === null || value instanceof Uint8Array ? value : this.#refuse('octets or nothing')
  }

  list(): readonly unknown[] {
    const value = this.any()
    return Array.isArray(value) ? (value as readonly unknown[]) : this.#refuse('a list')
  }

  texts(): readonly string[] {
    const list = this.list()
    return list.every((value) => typeof value === 'string') ? list : this.#refuse('a list of text')
  }

  oneOf<T extends string>(words: readonly T[]): T {
    const value = this.text()
    return words.find((word) => word === value) ?? this.#refuse(words.join(' or '))
  }

  #refuse(wanted: string): never {
    throw new Error(`field ${this.#at - 1} is not ${wanted}`)
  }
}
