/**
 * Keeps an account's state up to date while someone listens: by the bell, and by a look at the log's end now and then,
 * because a ring may be lost.
 */
import { errorFields } from '#lib/base/log.ts'
import type { AccountLog } from './accountLog.ts'
import { MailboxRefusal } from './refusal.ts'

export class Watch {
  readonly #log: AccountLog
  #listeners = 0
  #end: AbortController | undefined

  constructor(log: AccountLog) {
    this.#log = log
  }

  /** Returns the function that ends the listening. */
  listen(listener: () => void): () => void {
    const stop = this.#log.listen(listener)
    if (this.#listeners++ === 0) this.#start()
    let over = false
    return () => {
      if (over) return
      over = true
      stop()
      if (--this.#listeners === 0) this.#end?.abort()
    }
  }

  #start(): void {
    const end = new AbortController()
    this.#end = end
    const { deps, accountId } = this.#log
    const stopBell = deps.bell.listen(accountId, () => void this.#look())
    end.signal.addEventListener('abort', stopBell)
    void this.#lookNowAndThen(end.signal)
  }

  async #lookNowAndThen(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#log.deps
    while (!signal.aborted) {
      await clock.sleep(settings.lookEveryMs, signal)
      if (!signal.aborted) await this.#look()
    }
  }

  async #look(): Promise<void> {
    const { deps, accountId } = this.#log
    try {
      await this.#log.refresh()
    } catch (error) {
      // The account is deleted: there will be no more news. The next command is told.
      if (error instanceof MailboxRefusal) this.#end?.abort()
      else deps.log.warn('mail-refresh-failed', { account: accountId, ...errorFields(error) })
    }
  }
}
