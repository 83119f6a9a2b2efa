/** Which messages a state holds, by their origins: 8 octets each, however many mailboxes hold it. */
import { originKey } from './origin.ts'
import type { AccountState } from './state.ts'

export class OriginSet {
  readonly #keys: Float64Array

  /** Of all messages in mailboxes, and of those that left at `departedFrom` or later. */
  constructor(state: AccountState, departedFrom: number) {
    const keys: number[] = []
    for (const { messages } of state.mailboxes()) {
      for (const { columns, count } of messages.segments) for (let row = 0; row < count; row++) keys.push(originKey(columns.originSequence[row] ?? 0, columns.originIndex[row] ?? 0))
    }
    for (const { origin, at } of state.departed.all()) if (at >= departedFrom) keys.push(originKey(origin.sequence, origin.index))
    const sorted = Float64Array.from(keys).sort()
    this.#keys = sorted.filter((key, at) => at === 0 || key !== sorted[at - 1])
  }

  get size(): number {
    return this.#keys.length
  }

  has(sequence: number, index: number): boolean {
    const key = originKey(sequence, index)
    let low = 0
    for (let high = this.#keys.length; low < high; ) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? 0) < key) low = middle + 1
      else high = middle
    }
    return this.#keys[low] === key
  }
}
