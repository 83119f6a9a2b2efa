/** Hashes that are slow on purpose, a few at a time: a crowd of clients must not starve the server of its processor. */
import { pbkdf2, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

export interface ScryptParameters {
  /** Base-2 logarithm of N (RFC 7914 §2). */
  readonly cost: number
  readonly blockSize: number
  readonly parallel: number
}

const hashBytes = 32

export class SlowHashes {
  readonly #atOnce: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(atOnce: number) {
    this.#atOnce = Math.max(1, atOnce)
  }

  scrypt(password: string, salt: Uint8Array, { cost, blockSize, parallel }: ScryptParameters): Promise<Buffer> {
    const N = 2 ** cost
    // What N and r need, with room to spare; without it node refuses above 32 MiB.
    const options = { N, r: blockSize, p: parallel, maxmem: 256 * N * blockSize }
    return this.#inTurn(() => new Promise((resolve, reject) => scrypt(password, salt, hashBytes, options, (error, hash) => (error === null ? resolve(hash) : reject(error)))))
  }

  /** Hi() of RFC 5802 §2.2 with SHA-256. */
  pbkdf2(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
    return this.#inTurn(() => promisify(pbkdf2)(password, salt, iterations, hashBytes, 'sha256'))
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
