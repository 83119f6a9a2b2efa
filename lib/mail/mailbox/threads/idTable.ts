/** Numbers by keys of Message-IDs: whole numbers above 0 whose lowest bits are as good as chance. */
export class IdTable {
  #keys: Float64Array
  #values: Int32Array
  #count = 0

  constructor(expected: number) {
    let size = 16
    while (size < expected * 2) size *= 2
    this.#keys = new Float64Array(size)
    this.#values = new Int32Array(size)
  }

  /** -1 for none. */
  get(key: number): number {
    const place = this.#place(key)
    return this.#keys[place] === key ? (this.#values[place] as number) : -1
  }

  set(key: number, value: number): void {
    if ((this.#count + 1) * 2 > this.#keys.length) this.#grow()
    const place = this.#place(key)
    if (this.#keys[place] !== key) this.#count++
    this.#keys[place] = key
    this.#values[place] = value
  }

  /** Where the key is, or where it would go. */
  #place(key: number): number {
    const keys = this.#keys
    const mask = keys.length - 1
    let place = key & mask
    while (keys[place] !== 0 && keys[place] !== key) place = (place + 1) & mask
    return place
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#keys = new Float64Array(keys.length * 2)
    this.#values = new Int32Array(keys.length * 2)
    this.#count = 0
    for (let at = 0; at < keys.length; at++) if (keys[at] !== 0) this.set(keys[at] as number, values[at] as number)
  }
}
