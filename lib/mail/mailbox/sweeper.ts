/**
 * Sweeps every account now and then, in the background of a server. Several servers may do so: accounts are taken in turns.
 */
import { runInBackground } from '#lib/base/background.ts'
import type { Background } from '#lib/base/background.ts'
import { errorFields } from '#lib/base/log.ts'
import type { MailDeps } from './accountLog.ts'
import type { MailStore } from './store.ts'
import { compactAccount } from './compact.ts'
import { sweepAccount } from './sweep.ts'
import { readTurns, takeTurn } from './sweepTurns.ts'
import type { Turn } from './sweepTurns.ts'

export interface SweeperDeps extends Pick<MailDeps, 'table' | 'clock' | 'log' | 'settings'> {
  readonly store: MailStore
  /** Ids of all accounts that there are. */
  readonly accountIds: () => Promise<readonly string[]>
}

/** Looks whose turn it is so many times in `mailbox.sweepEveryMs`. */
const looks = 24

/** Begins at once. `stop` resolves when the slice in hand is done; call it before the store is closed. */
export function startSweeper(deps: SweeperDeps): Background {
  return runInBackground((signal) => run(deps, signal))
}

async function run(deps: SweeperDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweepDue(deps, signal).catch((error: unknown) => deps.log.error('sweep-failed', errorFields(error)))
    if (!signal.aborted) await deps.clock.sleep(deps.settings.sweepEveryMs / looks, signal)
  }
}

/** Sweeps the accounts whose turn it is, one after the other. What fails for one is logged. */
export async function sweepDue(deps: SweeperDeps, signal?: AbortSignal): Promise<void> {
  const { table, clock } = deps
  const turns = await readTurns(table)
  for (const accountId of await deps.accountIds()) {
    const now = clock.now()
    const turn = turns.get(accountId)
    if (signal?.aborted === true) return
    if (turn !== undefined && turn.sweepAt > now) continue
    if (!(await takeTurn(table, accountId, turn, nextTurn(deps, turn, now)))) continue
    await sweepOne(deps, accountId, (turn?.straysAt ?? 0) <= now, signal)
  }
}

function nextTurn({ settings }: SweeperDeps, turn: Turn | undefined, now: number): Turn {
  const straysAt = turn?.straysAt ?? 0
  return { sweepAt: now + settings.sweepEveryMs, straysAt: straysAt <= now ? now + settings.straysEveryMs : straysAt }
}

async function sweepOne({ store, log }: SweeperDeps, accountId: string, strays: boolean, signal: AbortSignal | undefined): Promise<void> {
  try {
    const swept = await store.visit(accountId, async (account) => {
      const { messages, strays: blobs } = await sweepAccount(account, { strays, ...(signal === undefined ? {} : { signal }) })
      // Reads as much as the search for strays does, so it has its turns.
      return { messages, strays: blobs, entries: strays ? await compactAccount(account, { signal }) : 0 }
    })
    if (swept !== undefined && swept.messages + swept.strays + swept.entries > 0) log.info('swept', { account: accountId, ...swept })
  } catch (error) {
    log.warn('sweep-failed', { account: accountId, ...errorFields(error) })
  }
}
