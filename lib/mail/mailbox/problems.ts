/** What a check found wrong, in sentences without a full stop. */
export type ProblemKind =
  /** Entries are missing or cannot be read. */
  | 'log'
  /** The snapshot cannot be read or says other things than the log. It is only a cache. */
  | 'snapshot'
  /** Counts, UIDs or shares of the state contradict each other. */
  | 'counts'
  /** Octets of a message are missing or not those that were filed. */
  | 'content'
  /** Nobody refers to a blob. */
  | 'stray'

export interface Problem {
  readonly kind: ProblemKind
  readonly sentence: string
}

export const mostProblems = 1000

export class Problems {
  readonly told: Problem[] = []
  untold = 0

  add(kind: ProblemKind, sentence: string): void {
    if (this.told.length < mostProblems) this.told.push({ kind, sentence })
    else this.untold++
  }

  none(kind: ProblemKind): boolean {
    return this.untold === 0 && !this.told.some((problem) => problem.kind === kind)
  }
}
