/**
 * Contents of one account's messages on their way into the Blobs: those that come while others are being written share the
 * next blob, where the engine says that this pays (Blobs.packBytes). A message that comes alone has a blob of its own, and waits
 * for nobody.
 *
 * Invariants: a pack holds contents of one account only; none of its messages owns it, so it is deleted when the log wants
 * nothing in it any more, as a stray (strays.ts). It explains itself when the Table is lost: behind the contents stand a JSON
 * array, with offset, length and description of each, and the octets of that array as a 32-bit number.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { newPackKey } from './logKeys.ts'

export interface Body {
  /** Of its own blob, should it get one. */
  readonly key: string
  readonly bytes: Uint8Array
  /** What the blob says of it. */
  readonly description: Readonly<Record<string, string>>
}

export interface BodyPlace {
  readonly key: string
  readonly offset: number
}

interface Waiting extends Body {
  readonly resolve: (place: BodyPlace) => void
  readonly reject: (error: unknown) => void
}

export class BodyPacker {
  readonly #deps: { readonly blobs: Blobs; readonly clock: Clock }
  readonly #accountId: string
  #waiting: Waiting[] = []
  #writing = false

  constructor(deps: { readonly blobs: Blobs; readonly clock: Clock }, accountId: string) {
    this.#deps = deps
    this.#accountId = accountId
  }

  /** Durable when it resolves. @throws the engine's errors */
  async put(body: Body): Promise<BodyPlace> {
    const { packBytes } = this.#deps.blobs
    if (packBytes === undefined || body.bytes.length > packBytes / 2) return await this.#putAlone(body)
    return await new Promise<BodyPlace>((resolve, reject) => {
      this.#waiting.push({ ...body, resolve, reject })
      if (!this.#writing) void this.#write(packBytes)
    })
  }

  async #write(packBytes: number): Promise<void> {
    this.#writing = true
    // All that come in this turn of the event loop are on board.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const taken = this.#take(packBytes)
      try {
        const [first] = taken
        const places = first !== undefined && taken.length === 1 ? [await this.#putAlone(first)] : await this.#putTogether(taken)
        for (const [index, { resolve }] of taken.entries()) resolve(places[index] as BodyPlace)
      } catch (error) {
        for (const { reject } of taken) reject(error)
      }
    }
    this.#writing = false
  }

  #take(packBytes: number): Waiting[] {
    let bytes = 0
    const beyond = this.#waiting.findIndex((body) => (bytes += body.bytes.length) > packBytes)
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : Math.max(1, beyond))
  }

  async #putAlone({ key, bytes, description }: Body): Promise<BodyPlace> {
    await this.#deps.blobs.put(key, bytes, description)
    return { key, offset: 0 }
  }

  async #putTogether(bodies: readonly Body[]): Promise<BodyPlace[]> {
    const { blobs, clock } = this.#deps
    const key = newPackKey(this.#accountId, clock.now())
    let offset = 0
    const places = bodies.map(({ bytes }): BodyPlace => {
      const place = { key, offset }
      offset += bytes.length
      return place
    })
    const index = Buffer.from(JSON.stringify(bodies.map(({ bytes, description }, at) => ({ offset: places[at]?.offset, length: bytes.length, ...description }))))
    const end = Buffer.alloc(4)
    end.writeUInt32BE(index.length)
    await blobs.put(key, Buffer.concat([...bodies.map(({ bytes }) => bytes), index, end]), { account: this.#accountId, kind: 'pack', messages: String(bodies.length), date: new Date(clock.now()).toISOString() })
    return places
  }
}
