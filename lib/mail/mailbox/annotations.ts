/**
 * The annotations of a mailbox or of an account: small values under names, shared or of one user (RFC 5464 §3).
 *
 * Invariant: only the fold (state.ts) calls {@link Annotations.set}; `bytes` is kept as they come and go.
 */
/** Of a mailbox's owner: its special use, '' for none (RFC 6154 §4). */
export const specialUseName = '/specialuse'

export interface Annotation {
  /** The account whose own it is; null for one that all see. */
  readonly user: string | null
  /** In lower case, without `/shared` or `/private` in front: `/comment`. */
  readonly name: string
  readonly value: Uint8Array
}

export class Annotations {
  readonly #byKey = new Map<string, Annotation>()
  /** Octets of all names and values. */
  bytes = 0
  /** What stands in {@link specialUseName}; undefined: as the mailbox was made. */
  specialUse: string | undefined

  /** Sorted, so that the order of setting them does not matter. */
  all(): Annotation[] {
    return [...this.#byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, annotation]) => annotation)
  }

  get(user: string | null, name: string): Annotation | undefined {
    return this.#byKey.get(keyOf(user, name))
  }

  /** Those that all see, or those of one user. */
  of(user: string | null): Annotation[] {
    return this.all().filter((annotation) => annotation.user === user)
  }

  /** null takes it away. */
  set(user: string | null, name: string, value: Uint8Array | null): void {
    const before = this.get(user, name)
    if (before !== undefined) this.bytes -= sizeOf(before)
    if (user !== null && name === specialUseName) this.specialUse = value === null ? undefined : Buffer.from(value).toString()
    if (value === null) this.#byKey.delete(keyOf(user, name))
    else {
      // A copy: the octets read are a view of the whole entry.
      const annotation = { user, name, value: Uint8Array.from(value) }
      this.#byKey.set(keyOf(user, name), annotation)
      this.bytes += sizeOf(annotation)
    }
  }
}

const keyOf = (user: string | null, name: string): string => `${user ?? ''}\0${name}`

/** What an annotation counts for. */
export function sizeOf({ name, value }: Pick<Annotation, 'name' | 'value'>): number {
  return Buffer.byteLength(name) + value.length
}
