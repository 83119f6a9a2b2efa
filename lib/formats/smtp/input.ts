/**
 * What a client has sent and nobody has read yet: lines while commands are expected, octets inside a message.
 * A line ends with CR LF only; however the octets came in chunks, the same lines come out.
 */
export type ClientLine =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'too long' }
  /** A LF without its CR. What follows may be another's text, smuggled: it must not be believed. RFC 5321 §2.3.8 */
  | { readonly kind: 'bare LF' }
  | { readonly kind: 'no UTF-8' }

const LF = 10
const CR = 13
const utf8 = new TextDecoder('utf-8', { fatal: true })

export class ClientInput {
  #octets: Buffer = Buffer.alloc(0)
  #position = 0
  /** The line being read is longer than allowed; what was cut off it is gone. */
  #overlong = false

  get bytes(): number {
    return this.#octets.length - this.#position
  }

  add(chunk: Buffer): void {
    this.#octets = this.bytes > 0 ? Buffer.concat([this.#octets.subarray(this.#position), chunk]) : chunk
    this.#position = 0
  }

  /** The unread octets, not copied. */
  rest(): Buffer {
    return this.#octets.subarray(this.#position)
  }

  skip(bytes: number): void {
    this.#position += bytes
  }

  clear(): void {
    this.#octets = Buffer.alloc(0)
    this.#position = 0
  }

  /** The next line without its CR LF; undefined until it is whole. `limitBytes` counts the CR LF too. */
  nextLine(limitBytes: number): ClientLine | undefined {
    const start = this.#position
    const end = this.#octets.indexOf(LF, start)
    if (end === -1) {
      this.#cutOverlong(limitBytes)
      return undefined
    }
    this.#position = end + 1
    const overlong = this.#overlong || end + 1 - start > limitBytes
    this.#overlong = false
    if (end === start || this.#octets[end - 1] !== CR) return { kind: 'bare LF' }
    return overlong ? { kind: 'too long' } : readText(this.#octets.subarray(start, end - 1))
  }

  #cutOverlong(limitBytes: number): void {
    if (this.bytes <= limitBytes) return
    this.#overlong = true
    // The last octet stays: it may be the CR of the end.
    this.#position = this.#octets.length - 1
  }
}

function readText(octets: Buffer): ClientLine {
  const text = octets.toString('latin1')
  if (!/[\x80-\xff]/.test(text)) return { kind: 'text', text }
  try {
    return { kind: 'text', text: utf8.decode(octets) }
  } catch (error) {
    if (error instanceof TypeError) return { kind: 'no UTF-8' }
    throw error
  }
}
