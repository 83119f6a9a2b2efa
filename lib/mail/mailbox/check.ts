/**
 * Verifying an account: whether all is there that its log promises, told in sentences.
 *
 * Invariants: nothing is changed; a server may run meanwhile, and what it adds or removes is no fault; memory is that of
 * two folded states and 16 octets for each message, the blobs pass through a few at a time; at most {@link mostProblems} are told.
 */
import { checkContents } from './checkContents.ts'
import { checkCounts } from './checkCounts.ts'
import { checkLog } from './checkLog.ts'
import { EntryFormatError } from './entry.ts'
import { onlyReading } from './load.ts'
import { Problems } from './problems.ts'
import type { Problem } from './problems.ts'
import type { SnapshotDeps } from './snapshotKeeper.ts'
import type { AccountState } from './state.ts'
import { findStrays, strayBefore } from './strays.ts'

/** `total` is absent while nobody knows it. */
export interface CheckProgress {
  readonly stage: 'log' | 'contents' | 'strays'
  readonly done: number
  readonly total?: number
}

export interface CheckedAccount {
  readonly accountId: string
  readonly entries: number
  /** Messages in mailboxes; a copy counts. */
  readonly messages: number
  /** Contents that were read and compared. */
  readonly contents: number
  readonly problems: readonly Problem[]
  /** Found, but not among `problems`, which would be too many. */
  readonly untold: number
}

/** @throws the engine's errors */
export async function checkAccount(deps: SnapshotDeps, accountId: string, onProgress: (progress: CheckProgress) => void = () => undefined): Promise<CheckedAccount> {
  const reading = onlyReading(deps)
  const problems = new Problems()
  const { state, entries } = await checkLog(reading, accountId, problems, onProgress)
  let contents = 0
  if (state === undefined) problems.add('log', 'Contents were not checked, because neither the log nor a snapshot says which messages there are')
  else {
    checkCounts(state, problems)
    contents = await checkContents(reading, accountId, state, problems, onProgress)
    if (problems.none('log')) await checkStrays(reading, accountId, state, problems, onProgress)
  }
  return { accountId, entries, messages: state?.messageCount ?? 0, contents, problems: problems.told, untold: problems.untold }
}

async function checkStrays(deps: SnapshotDeps, accountId: string, state: AccountState, problems: Problems, onProgress: (progress: CheckProgress) => void): Promise<void> {
  let done = 0
  try {
    for await (const { key, sizeBytes } of findStrays(deps, accountId, state, strayBefore(deps))) {
      problems.add('stray', `Nothing refers to the blob ${key} (${sizeBytes} octets)`)
      onProgress({ stage: 'strays', done: ++done })
    }
  } catch (error) {
    // The log was whole a moment ago: the account is being deleted.
    if (!(error instanceof EntryFormatError)) throw error
    problems.add('log', `The log changed while it was read: ${error.message}`)
  }
}
