/**
 * Sends the events of all accounts of this engine to one webhook, in the background of a server.
 *
 * Paths of an account: due (its log has grown) -> in hand -> sent | resting (refused; tried again after a while) -> ...
 * Paths of the webhook: there -> away (no answer, or one that says later) -> there again.
 *
 * Invariants: the events of an account come in their order, each at least once; how far it has come is written down
 * after the answer only; nothing here is waited for by whoever files mail; among all processes of one engine one sends to
 * a webhook; memory is bounded by `events.atOnce` batches.
 */
import { runInBackground } from '#lib/base/background.ts'
import type { Background } from '#lib/base/background.ts'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Bell, Row, Table } from '#lib/engine/ports.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { endsLog } from '#lib/mail/mailbox/entry.ts'
import { takeLeaseOf } from '#lib/mail/mailbox/lease.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { eventsOf } from './eventsOf.ts'
import { beginTarget, clearDue, duePartition, eventsBell, forgetAccount, readNumber, readSent, targetOf, writeSent } from './feed.ts'
import { Pauses } from './pauses.ts'
import type { Webhook } from './webhook.ts'

export interface SenderDeps {
  readonly table: Table
  readonly bell: Bell
  readonly clock: Clock
  readonly log: Log
  readonly settings: Config['events']
}

/** Another server takes over after this time, should the one that sends die. */
const leaseMs = 10_000
/** Octets of events in one request, unless one alone has more. */
const batchBytes = 512 * 1024
/** Entries looked at for one batch: many give no event, or none that is wanted. */
const entriesTogether = 2000
/** Batches of one account before others have their turn. */
const batchesInTurn = 20

/** `stop` resolves when the requests in hand are answered, which `events.timeoutMs` bounds. */
export function startSender(deps: SenderDeps, webhook: Webhook): Background {
  return runInBackground((signal) => new Sender(deps, webhook).run(signal))
}

class Sender {
  readonly #deps: SenderDeps
  readonly #webhook: Webhook
  readonly #target: string
  /** Of single accounts, after refusals. */
  readonly #accounts: Pauses
  /** Of everything, while the webhook is away. */
  readonly #all: Pauses
  readonly #inHand = new Map<string, Promise<void>>()
  #since = 0
  /** The account begun last: the next one in order is begun next, so that all have their turn. */
  #latest = ''
  #wake = new AbortController()

  constructor(deps: SenderDeps, webhook: Webhook) {
    this.#deps = deps
    this.#webhook = webhook
    this.#target = targetOf(webhook.url)
    this.#accounts = new Pauses(deps.settings.retryMs)
    this.#all = new Pauses(deps.settings.retryMs)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, bell, log } = this.#deps
    const wake = () => this.#wake.abort()
    signal.addEventListener('abort', wake, { once: true })
    const stopListening = bell.listen(eventsBell, wake)
    while (!signal.aborted) {
      try {
        await this.#sendAlone(signal)
      } catch (error) {
        log.warn('events-failed', { url: this.#webhook.name, ...errorFields(error) })
      }
      // Another process sends, or something failed: both may be over soon.
      if (!signal.aborted) await clock.sleep(leaseMs / 3, signal)
    }
    stopListening()
  }

  /** Returns when another process sends, or the lease is lost, or all ends. */
  async #sendAlone(signal: AbortSignal): Promise<void> {
    const { table, clock } = this.#deps
    const lost = new AbortController()
    const lease = await takeLeaseOf(this.#deps, `events/${this.#target}`, { name: 'sender', lifeMs: leaseMs, onLost: () => lost.abort() })
    if (lease === undefined) return
    const over = AbortSignal.any([signal, lost.signal])
    over.addEventListener('abort', () => this.#wake.abort(), { once: true })
    try {
      this.#since = await beginTarget(table, this.#target, clock.now())
      while (!over.aborted) await this.#round(over)
    } finally {
      await Promise.all(this.#inHand.values())
      await lease.release()
    }
  }

  async #round(over: AbortSignal): Promise<void> {
    const { clock, settings } = this.#deps
    this.#wake = new AbortController()
    if (over.aborted) return
    const now = clock.now()
    const awayUntil = this.#all.until(this.#target)
    // A webhook that was away is tried with one account first.
    const places = (this.#all.failures(this.#target) > 0 ? 1 : settings.atOnce) - this.#inHand.size
    const began = awayUntil <= now && places > 0 ? await this.#begin(places, over) : 0
    if (began > 0) return
    const next = awayUntil > now ? awayUntil : Math.min(this.#accounts.next(now), now + settings.lookEveryMs)
    // While the webhook is away, news change nothing.
    await clock.sleep(Math.max(1, next - now), awayUntil > now ? over : this.#wake.signal)
  }

  /** Takes due accounts in hand, in turns; how many it were. */
  async #begin(places: number, over: AbortSignal): Promise<number> {
    const now = this.#deps.clock.now()
    let began = 0
    for (const from of [`${this.#latest}\u0001`, undefined]) {
      for await (const row of this.#dueRows(from)) {
        if (began === places) return began
        if (this.#inHand.has(row.sort) || this.#accounts.until(row.sort) > now) continue
        this.#latest = row.sort
        this.#take(row, over)
        began++
      }
    }
    return began
  }

  async *#dueRows(from: string | undefined): AsyncGenerator<Row> {
    let cursor: string | undefined
    do {
      const page = await this.#deps.table.range({ partition: duePartition(this.#target), limit: 500, ...(from === undefined ? {} : { from }), ...(cursor === undefined ? {} : { cursor }) })
      yield* page.items
      cursor = page.next
    } while (cursor !== undefined)
  }

  #take(row: Row, over: AbortSignal): void {
    const work = this.#sendAccount(row, over)
      .catch((error: unknown) => {
        // A log that cannot be read (a newer program wrote it), or an engine that is not there just now.
        this.#accounts.fail(row.sort, this.#deps.clock.now())
        this.#deps.log.error('events-failed', { url: this.#webhook.name, account: row.sort, ...errorFields(error) })
      })
      .finally(() => {
        this.#inHand.delete(row.sort)
        this.#wake.abort()
      })
    this.#inHand.set(row.sort, work)
  }

  async #sendAccount({ sort: accountId, value: due }: Row, over: AbortSignal): Promise<void> {
    const { table, clock } = this.#deps
    const last = readNumber(due)
    let sent = await readSent(table, this.#target, accountId, { since: this.#since, last })
    for (let turn = 0; turn < batchesInTurn && !over.aborted; turn++) {
      if (sent >= last) return await clearDue(table, this.#target, accountId, due)
      const { events, upTo, ended } = await this.#gather(accountId, sent + 1)
      // The account is being deleted: its last entry comes with a due row of its own.
      if (upTo === sent) return void this.#accounts.fail(accountId, clock.now())
      if (!(await this.#deliver(accountId, events))) return
      this.#accounts.succeed(accountId)
      if (ended) return await forgetAccount(table, this.#target, accountId)
      await writeSent(table, this.#target, accountId, upTo)
      sent = upTo
    }
  }

  /** Events of whole entries, as many as fit into one request. After a refusal one entry at a time, so that the refused one is found. */
  async #gather(accountId: string, first: number): Promise<{ events: MailEvent[]; upTo: number; ended: boolean }> {
    const { table, settings } = this.#deps
    const most = this.#accounts.failures(accountId) > 0 ? 1 : settings.batch
    const events: MailEvent[] = []
    let [bytes, upTo, ended] = [0, first - 1, false]
    for await (const { sequence, entry } of readEntries(table, accountId, first, first + entriesTogether)) {
      const more = eventsOf(accountId, sequence, entry).filter(({ type }) => settings.types.length === 0 || settings.types.includes(type))
      const moreBytes = more.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
      if (events.length > 0 && (events.length + more.length > most || bytes + moreBytes > batchBytes)) break
      events.push(...more)
      bytes += moreBytes
      upTo = sequence
      ended = endsLog(entry)
    }
    return { events, upTo, ended }
  }

  /** Whether what follows may be sent. One entry may hold more than a request should. */
  async #deliver(accountId: string, events: readonly MailEvent[]): Promise<boolean> {
    const together = this.#accounts.failures(accountId) > 0 ? 1 : this.#deps.settings.batch
    for (let from = 0; from < events.length; from += together) {
      if (!(await this.#request(accountId, events.slice(from, from + together)))) return false
    }
    return true
  }

  async #request(accountId: string, events: readonly MailEvent[]): Promise<boolean> {
    const { clock, log, settings } = this.#deps
    const answer = await this.#webhook.send(events, clock.now())
    const now = clock.now()
    if (answer.kind !== 'away') this.#all.succeed(this.#target)
    if (answer.kind === 'taken') {
      log.debug('events-sent', { url: this.#webhook.name, account: accountId, events: events.length })
      return true
    }
    const facts = { url: this.#webhook.name, account: accountId, event: events[0]?.id, events: events.length, reply: answer.reply }
    if (answer.kind === 'refused' && settings.giveUpMs > 0 && events.length === 1 && now - this.#accounts.since(accountId, now) >= settings.giveUpMs) {
      log.error('event-given-up', facts)
      return true
    }
    const nextAt = answer.kind === 'away' ? this.#all.fail(this.#target, now) : this.#accounts.fail(accountId, now)
    log.warn('events-deferred', { ...facts, nextAt })
    return false
  }
}
