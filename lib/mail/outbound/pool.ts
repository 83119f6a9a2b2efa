/**
 * Connections to other servers, shared by all deliveries of the process.
 *
 * Invariants: at most so many deliveries to one destination are at work at once, in the order they came; those who wait for
 * one destination leave as many places of the process free as they take, so that no destination keeps the mail of others
 * waiting; who may not wait gets a time at which to come back; a connection is
 * in one delivery's hands or idle, never both; an idle one that speaks or dies is forgotten; after `close` nothing is open.
 */
import { setMaxListeners } from 'node:events'
import type { Clock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import type { Target } from './connect.ts'
import type { Finding } from './outcome.ts'
import type { Session } from './session.ts'

export type PoolSettings = Pick<Config['outbound'], 'connectionsPerDestination' | 'messagesPerConnection' | 'idleMs' | 'placeMs' | 'downMs'>

/** The right to one connection to a destination; ends with `leave`. */
export interface Place {
  /** A connection left over by another delivery that demanded the same. */
  idle(kind: string): Session | undefined
  /** Known to the pool until handed back, so that `close` can end it. */
  opened(session: Session): void
  /** Kept for the next when it is fit for more, else ended. */
  handBack(session: Session, kind: string): void
  leave(): void
}

interface DestinationState {
  active: number
  /** How long a place is held, on average of the last ones. */
  heldMs: number
  /** Until then, those who were sent away will have taken every place. */
  bookedUntil: number
  /** Woken with the place of another, or without one. */
  readonly waiting: ((granted: boolean) => void)[]
  readonly idle: { readonly session: Session; readonly kind: string; readonly timer: NodeJS.Timeout }[]
}

/** Of a destination of which nothing is known yet. */
const firstHeldMs = 50
/** The weight of the last one in the average. */
const newestWeight = 0.2
const leastAwayMs = 100
/** Those sent away come back at least so close behind each other: a slow spell must not be paid for when it is long over. */
const mostApartMs = 20
const mostAwayMs = 60_000

/** Unreachable addresses remembered; beyond it the oldest is forgotten. */
const mostDown = 10_000

export class ConnectionPool {
  readonly #settings: PoolSettings
  readonly #clock: Pick<Clock, 'now'>
  readonly #atOnce: number
  /** Deliveries that have a place or wait for one. */
  #present = 0
  readonly #destinations = new Map<string, DestinationState>()
  readonly #down = new Map<string, { readonly since: number; readonly until: number; readonly finding: Finding }>()
  readonly #atWork = new Set<Session>()
  readonly #goodbyes = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  /** @param atOnce the deliveries that the process works on side by side */
  constructor(settings: PoolSettings, clock: Pick<Clock, 'now'>, atOnce: number) {
    this.#settings = settings
    this.#clock = clock
    this.#atOnce = atOnce
    // One listener for each connection that is being made.
    setMaxListeners(0, this.#closing.signal)
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Ends connections that are still being made. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Undefined when none became free within `placeMs`, when too many wait for this destination, or when the pool is closed. */
  async place(key: string): Promise<Place | undefined> {
    if (this.closed) return undefined
    const state = this.#destinations.get(key) ?? { active: 0, heldMs: firstHeldMs, bookedUntil: 0, waiting: [], idle: [] }
    this.#destinations.set(key, state)
    const free = this.#atOnce - this.#present
    this.#present++
    if (state.active < this.#settings.connectionsPerDestination) state.active++
    else if (state.waiting.length >= free || !(await this.#turn(state))) {
      this.#present--
      return undefined
    }
    return this.#makePlace(key, state)
  }

  /** When to come back, for who got no place: each gets a time of its own, so that they come as places become free. */
  timeToReturn(key: string): number {
    const now = this.#clock.now()
    const state = this.#destinations.get(key)
    if (state === undefined || this.closed) return now
    const eachMs = Math.min(state.heldMs / this.#settings.connectionsPerDestination, mostApartMs)
    state.bookedUntil = Math.max(state.bookedUntil, now + state.waiting.length * eachMs) + eachMs
    return now + Math.round(Math.min(Math.max(state.bookedUntil - now, leastAwayMs), mostAwayMs))
  }

  /** Waits for a place that another leaves; it changes hands at once, so that nobody who came later gets it. */
  async #turn(state: DestinationState): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const wake = (granted: boolean) => {
        clearTimeout(timer)
        const at = state.waiting.indexOf(wake)
        if (at >= 0) state.waiting.splice(at, 1)
        resolve(granted)
      }
      const timer = setTimeout(() => wake(false), this.#settings.placeMs)
      state.waiting.push(wake)
    })
  }

  #makePlace(key: string, state: DestinationState): Place {
    const since = this.#clock.now()
    let left = false
    /** A connection that is being ended still counts: the other side counts it too. */
    let goodbye: Promise<void> | undefined
    const free = () => {
      this.#present--
      state.heldMs += (this.#clock.now() - since - state.heldMs) * newestWeight
      const [next] = state.waiting
      if (next !== undefined) return next(true)
      state.active--
      this.#forgetEmpty(key, state)
    }
    return {
      idle: (kind) => this.#takeIdle(state, kind),
      opened: (session) => {
        this.#atWork.add(session)
        if (this.closed) session.break()
      },
      handBack: (session, kind) => {
        goodbye = this.#takeBack(key, state, session, kind)
      },
      leave: () => {
        if (left) return
        left = true
        if (goodbye === undefined) free()
        else void goodbye.then(free)
      },
    }
  }

  #takeIdle(state: DestinationState, kind: string): Session | undefined {
    for (;;) {
      const at = state.idle.findIndex((entry) => entry.kind === kind)
      const [entry] = at < 0 ? [] : state.idle.splice(at, 1)
      if (entry === undefined) return undefined
      clearTimeout(entry.timer)
      if (!entry.session.usable) {
        entry.session.break()
        continue
      }
      this.#atWork.add(entry.session)
      return entry.session
    }
  }

  #takeBack(key: string, state: DestinationState, session: Session, kind: string): Promise<void> | undefined {
    this.#atWork.delete(session)
    const fit = session.usable && !this.closed && session.messages < Math.min(this.#settings.messagesPerConnection, session.offers.limits.mailMax ?? Infinity)
    if (!fit || this.#settings.idleMs === 0) return this.#dismiss(session)
    const drop = () => {
      const at = state.idle.findIndex((entry) => entry.session === session)
      if (at < 0) return
      clearTimeout(state.idle[at]?.timer)
      state.idle.splice(at, 1)
      void this.#dismiss(session)
      this.#forgetEmpty(key, state)
    }
    state.idle.push({ session, kind, timer: setTimeout(drop, this.#settings.idleMs) })
    session.deadline = Infinity
    session.onNews(drop)
    return undefined
  }

  /** Never rejects. */
  #dismiss(session: Session): Promise<void> {
    const goodbye = session.quit().finally(() => this.#goodbyes.delete(goodbye))
    this.#goodbyes.add(goodbye)
    return goodbye
  }

  #forgetEmpty(key: string, state: DestinationState): void {
    if (state.active === 0 && state.waiting.length === 0 && state.idle.length === 0) this.#destinations.delete(key)
  }

  /** Why this address need not be tried now. */
  whyDown(target: Target): Finding | undefined {
    const entry = this.#down.get(nameOf(target))
    const now = this.#clock.now()
    if (entry === undefined || entry.until <= now) return undefined
    const { status, enhancedCode, reply, host } = entry.finding
    // So that nobody who has mended it wonders: it was not this try that found it out.
    return { status, enhancedCode, reply: `${reply} (found ${Math.ceil((now - entry.since) / 1000)} s before, passed over for a while)`, ...(host === undefined ? {} : { host }) }
  }

  setDown(target: Target, finding: Finding): void {
    const name = nameOf(target)
    this.#down.delete(name)
    const since = this.#clock.now()
    this.#down.set(name, { since, until: since + this.#settings.downMs, finding })
    const [oldest] = this.#down.keys()
    if (this.#down.size > mostDown && oldest !== undefined) this.#down.delete(oldest)
  }

  /** Hangs up: idle connections with a goodbye, those at work at once. Nobody gets a place from now on. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const session of this.#atWork) session.break()
    for (const state of this.#destinations.values()) {
      for (const wake of [...state.waiting]) wake(false)
      for (const { session, timer } of state.idle.splice(0)) {
        clearTimeout(timer)
        void this.#dismiss(session)
      }
    }
    await Promise.all(this.#goodbyes)
  }
}

const nameOf = ({ address, port }: Target): string => `${address}:${port}`
