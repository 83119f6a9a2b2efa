/**
 * Where a message came into the account: the entry that filed it, and its place among that entry's changes.
 * Copies in other mailboxes share their origin, and with it the metadata and the blob.
 */
export interface Origin {
  readonly sequence: number
  readonly index: number
}

/** Changes in one entry; an origin's index is below it. */
export const entryChangesLimit = 0x1_0000

/** One number for both, for use as a key: sequences stay below 2^32. */
export function originKey(sequence: number, index: number): number {
  return sequence * entryChangesLimit + index
}

export function originOfKey(key: number): Origin {
  return { sequence: Math.floor(key / entryChangesLimit), index: key % entryChangesLimit }
}

/** RFC 8474 §5.1: the same for every copy of a message, never used again within the account. */
export function emailId(sequence: number, index: number): string {
  return index === 0 ? `M${sequence.toString(36)}` : `M${sequence.toString(36)}_${index.toString(36)}`
}

/** RFC 8474 §4.1: made from the place of its creation in the log, so it is never used again. */
export function mailboxId(sequence: number, index: number): string {
  return index === 0 ? `F${sequence.toString(36)}` : `F${sequence.toString(36)}_${index.toString(36)}`
}
