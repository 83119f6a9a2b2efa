/** What the algorithms of THREAD know of each message: columns side by side, a message is its place in them. */
export interface ThreadMessages {
  readonly count: number
  /** What the client calls it. */
  readonly numbers: readonly number[]
  /** ms, by which threads and answers are put in order. */
  readonly times: Float64Array
  /** Equal for equal base subjects; 0 for an empty one. */
  readonly subjects: Float64Array
  /** 1 when the subject says that it is a reply or a forward. */
  readonly replies: Float64Array
  /** Keys of Message-IDs; 0 for none. */
  readonly ids: Float64Array
  /** Keys of the messages it refers to, the oldest first. */
  references(message: number): ArrayLike<number>
}

/** In the order of time, then of the mailbox. */
export function inOrder({ times }: Pick<ThreadMessages, 'times'>, a: number, b: number): number {
  return (times[a] ?? 0) - (times[b] ?? 0) || a - b
}
