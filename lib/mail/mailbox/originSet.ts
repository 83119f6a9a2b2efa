/** Which messages a state holds, by their origins: 8 octets each, however many mailboxes hold it. */
import { originKey } from './origin.ts'
import type { AccountState } from './state.ts'

export class OriginSet {
  readonly #keys: Float64Array

  /** Of all messages in mailboxes, and of those that left at `departedFrom` or later. */
  constructor(state: AccountState, departedFrom: number) {
    // Laid out at once: of a million, a growing list would take several times as much.
    const keys = new Float64Array(state.departed.segments.reduce((sum, { count }) => sum + count, state.messageCount))
    let count = 0
    for (const { messages } of state.mailboxes()) {
      for (const { columns, count: rows } of messages.segments) for (let row = 0; row < rows; row++) keys[count++] = originKey(columns.originSequence[row] ?? 0, columns.originIndex[row] ?? 0)
    }
    for (const { origin, at } of state.departed.all()) if (at >= departedFrom) keys[count++] = originKey(origin.sequence, origin.index)
    const sorted = keys.subarray(0, count).sort()
    let different = 0
    for (const key of sorted) if (different === 0 || key !== sorted[different - 1]) sorted[different++] = key
    this.#keys = sorted.subarray(0, different)
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
