/**
 * Replies of a remote server, read from the octets as they come: RFC 5321 §4.2, enhanced codes by RFC 2034 §4.
 * A reply is bounded in octets; what is no reply is an error, never guessed at. However the octets were cut, the same comes out.
 */
import type { Reply } from './reply.ts'

/** The server speaks something else than SMTP, or without end: nothing it says later can be believed. */
export class BadReplyError extends Error {
  override readonly name = 'BadReplyError'
}

const LF = 10

export class ReplyReader {
  readonly #limitBytes: number
  #octets: Buffer = Buffer.alloc(0)
  #code = 0
  #lines: string[] = []
  #replyBytes = 0

  /** `limitBytes`: the longest reply, all lines together. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Octets that belong to no reply read so far. */
  get pendingBytes(): number {
    return this.#octets.length + this.#replyBytes
  }

  add(chunk: Buffer): void {
    this.#octets = this.#octets.length === 0 ? chunk : Buffer.concat([this.#octets, chunk])
  }

  /** The next whole reply. @throws {BadReplyError} */
  next(): Reply | undefined {
    for (let end = this.#octets.indexOf(LF); end !== -1; end = this.#octets.indexOf(LF)) {
      const line = this.#octets.subarray(0, end)
      this.#octets = this.#octets.subarray(end + 1)
      this.#replyBytes += end + 1
      if (this.#replyBytes > this.#limitBytes) throw new BadReplyError('the reply is too long')
      if (this.#take(cleanText(line))) return this.#finish()
    }
    if (this.#replyBytes + this.#octets.length > this.#limitBytes) throw new BadReplyError('the reply is too long')
    return undefined
  }

  /** True when this line ends the reply. */
  #take(line: string): boolean {
    // RFC 5321 §4.2.1: the text, and even the space before it, may be missing.
    const [, digits, mark = ' ', text = ''] = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line) ?? []
    if (digits === undefined) throw new BadReplyError(`no SMTP reply: ${line.slice(0, 100)}`)
    if (this.#lines.length > 0 && Number(digits) !== this.#code) throw new BadReplyError(`a reply with two codes, ${this.#code} and ${digits}`)
    this.#code = Number(digits)
    this.#lines.push(text.trimEnd())
    return mark === ' '
  }

  #finish(): Reply {
    const [code, lines] = [this.#code, this.#lines]
    this.#lines = []
    this.#replyBytes = 0
    const [enhancedCode] = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(lines[0] ?? '') ?? []
    // A class that contradicts the code is a mistake of the server; the code decides. RFC 2034 §4
    return enhancedCode?.startsWith(String(code)[0] ?? '') === true ? { code, enhancedCode, lines } : { code, lines }
  }
}

/** No octet of a stranger may steer a terminal or break out of a line of a log. Text that is no UTF-8 shows as such. */
function cleanText(line: Buffer): string {
  const octets = line.at(-1) === 13 ? line.subarray(0, -1) : line
  return octets.toString('utf8').replace(/\t/g, ' ').replace(/[\x00-\x1f\x7f-\x9f]/g, '?')
}

/** The reply as one text, lines joined by LF, the code in front. Cut at `limit` characters. */
export function replyText({ code, lines }: Reply, limit: number): string {
  return `${code} ${lines.join('\n')}`.trimEnd().slice(0, limit)
}
