/**
 * One process at a time hands out the notes of a queue, so that a hand-out is a matter of memory and costs no write.
 *
 * The owner row of a queue names that process. Another one takes the row over when the owner gave it up,
 * or at once when the owner is dead; until then it stands by.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { QueueName } from '../ports.ts'
import type { Environment } from './environment.ts'
import { ownerKey } from './keys.ts'
import type { Peers } from './peers.ts'

/** How often a process that stands by looks whether the owner is gone. */
const standByMs = 500

/** `afterDeath`: the owner before died with notes in hand that nobody counted. */
export type Claim = { readonly owned: true; readonly afterDeath: boolean } | { readonly owned: false }

export class Ownership {
  readonly #environment: Environment
  readonly #peers: Peers
  readonly #clock: Clock

  constructor(environment: Environment, peers: Peers, clock: Clock) {
    this.#environment = environment
    this.#peers = peers
    this.#clock = clock
  }

  /** Waits until this process owns the queue, or the signal ends the wait. */
  async claim(queue: QueueName, signal: AbortSignal): Promise<Claim> {
    let dead: string | undefined
    while (!signal.aborted) {
      const owner = await this.#tryToClaim(queue, dead)
      if (owner === this.#peers.name) return { owned: true, afterDeath: dead !== undefined }
      if (await this.#peers.isAlive(owner)) await this.#clock.sleep(standByMs, signal)
      else dead = owner
    }
    return { owned: false }
  }

  async release(queue: QueueName): Promise<void> {
    await this.#environment.commit((rows, writes) => {
      if (nameIn(rows.get(ownerKey(queue))) === this.#peers.name) writes.remove(ownerKey(queue))
    })
  }

  /** The other process that holds this queue's notes in hand; undefined when there is none. */
  async otherOwner(queue: QueueName): Promise<string | undefined> {
    const owner = nameIn(this.#environment.get(ownerKey(queue)))
    if (owner === undefined || owner === this.#peers.name) return undefined
    return (await this.#peers.isAlive(owner)) ? owner : undefined
  }

  /** The owner afterwards. */
  async #tryToClaim(queue: QueueName, dead: string | undefined): Promise<string> {
    const key = ownerKey(queue)
    return await this.#environment.commit((rows, writes) => {
      const owner = nameIn(rows.get(key))
      if (owner !== undefined && owner !== dead) return owner
      writes.put(key, Buffer.from(this.#peers.name))
      return this.#peers.name
    })
  }
}

function nameIn(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString()
}
