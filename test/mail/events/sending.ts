/** A sender over an engine in memory, a webhook that answers as it is told, and time that stands until it is moved. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { makeFeed } from '#lib/mail/events/feed.ts'
import { startSender } from '#lib/mail/events/sender.ts'
import { Webhook } from '#lib/mail/events/webhook.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'
import type { MemoryEngine } from '../mailbox/memoryEngine.ts'

export class StandingClock implements Clock {
  at = Date.UTC(2026, 10, 25)
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()

  now(): number {
    return this.at
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const sleeper = { until: this.at + ms, wake: () => (this.#sleepers.delete(sleeper), resolve()) }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', sleeper.wake, { once: true })
    })
  }

  /** Wakes everyone whose time has come, in its order. */
  async advance(ms: number): Promise<void> {
    const end = this.at + ms
    for (;;) {
      await quiet()
      const next = [...this.#sleepers].filter(({ until }) => until <= end).sort((a, b) => a.until - b.until)[0]
      if (next === undefined) break
      this.at = Math.max(this.at, next.until)
      next.wake()
    }
    this.at = end
    await quiet()
  }
}

/** Until nothing that needs no time is left to do. */
export async function quiet(): Promise<void> {
  for (let n = 0; n < 60; n++) await turn()
}

export interface Sent {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly events: readonly MailEvent[]
  readonly at: number
}

export const secret = Buffer.alloc(32, 7)
export const url = 'https://hooks.example/mail?key=secret'

export interface SendingOptions {
  readonly settings?: Partial<Config['events']>
  readonly engine?: MemoryEngine
  readonly clock?: StandingClock
  readonly urls?: readonly string[]
}

export function openSending({ settings = {}, engine = memoryEngine(), clock = new StandingClock(), urls = [url] }: SendingOptions = {}) {
  const log: LogEvent[] = []
  const sent: Sent[] = []
  const hook: { answer: (events: readonly MailEvent[], url: string) => Promise<number> } = { answer: async () => 200 }
  const deps = { table: engine.table, bell: engine.bell, clock, log: makeLog((event) => log.push(event), { level: 'debug', now: () => clock.at }), settings: { ...defaultConfig().events, ...settings } }
  const feed = makeFeed(urls, engine)
  const store = new MailStore({ ...deps, blobs: engine.blobs, settings: defaultConfig().mailbox, feed })
  const post = async (to: string, headers: Readonly<Record<string, string>>, body: string): Promise<number> => {
    const { events } = JSON.parse(body) as { events: MailEvent[] }
    sent.push({ url: to, headers, events, at: clock.at })
    return await hook.answer(events, to)
  }
  const start = (to = url) => startSender(deps, new Webhook(to, [secret], post))
  /** Rows that wait, in all partitions for it. */
  const due = () => [...engine.rows].filter(([partition]) => partition.startsWith('events/due/')).flatMap(([, rows]) => [...rows.keys()])
  return { engine, clock, log, sent, hook, deps, feed, store, start, due, told: () => sent.flatMap(({ events }) => events) }
}
