import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/** A client by the book (RFC 5802 §3), of its own arithmetic. */
export class ScramClient {
  readonly #login: string
  readonly #password: string
  readonly #header: string
  readonly #channel: Uint8Array
  #bare = ''
  #serverSignature = ''

  /** `channel` names the connection, when the header begins with `p=`. */
  constructor(login: string, password: string, header = 'n,,', channel: Uint8Array = new Uint8Array(0)) {
    this.#login = login
    this.#password = password
    this.#header = header
    this.#channel = channel
  }

  first(nonce = 'fyko+d2lbbFgONRv9qkxdawL'): string {
    this.#bare = `n=${this.#login.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
    return this.#header + this.#bare
  }

  final(serverFirst: string, change: (message: string) => string = (message) => message): string {
    const { r, s, i } = Object.fromEntries(serverFirst.split(',').map((part) => [part[0], part.slice(2)])) as Record<'r' | 's' | 'i', string>
    const salted = pbkdf2Sync(this.#password, Buffer.from(s, 'base64'), Number(i), 32, 'sha256')
    const mac = (key: Buffer, words: string) => createHmac('sha256', key).update(words).digest()
    const clientKey = mac(salted, 'Client Key')
    const withoutProof = `c=${Buffer.concat([Buffer.from(this.#header), this.#channel]).toString('base64')},r=${r}`
    const message = `${this.#bare},${serverFirst},${withoutProof}`
    const signature = mac(createHash('sha256').update(clientKey).digest(), message)
    this.#serverSignature = mac(mac(salted, 'Server Key'), message).toString('base64')
    const proof = clientKey.map((octet, index) => octet ^ (signature[index] as number))
    return change(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  believes(serverFinal: Uint8Array | undefined): boolean {
    return serverFinal !== undefined && Buffer.from(serverFinal).toString() === `v=${this.#serverSignature}`
  }
}
