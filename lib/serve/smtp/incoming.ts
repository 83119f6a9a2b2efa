/**
 * One message on its way in, from the first octet behind DATA or BDAT to the reply.
 *
 * Invariants: what is found wrong is told at the end of the message and not before, because the client listens only then;
 * from that moment its octets are thrown away; a small message is handed on when it is whole and sound, a large one is
 * streamed and the stream fails when the message turns out to be refused or cut off, so that nothing of it is kept.
 */
import type { Config } from '#lib/config.ts'
import { DataReader } from '#lib/formats/smtp/data.ts'
import { countReceived } from '#lib/formats/smtp/received.ts'
import { SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import { Feed } from './feed.ts'

/** Up to here a message is held until its end, then handed over in one go. Its head is long enough to see a loop. */
const holdBytes = 128 * 1024

export interface IncomingOptions {
  readonly framing: 'dots' | 'counted'
  /** Any octets are allowed: BINARYMIME. */
  readonly binary: boolean
  readonly settings: Config['smtp']
  /** Hands the content on; called at most once. */
  readonly start: (content: AsyncIterable<Uint8Array>) => Promise<{ readonly queueId: string }>
  /** There is room again after `full`. */
  readonly onSpace: () => void
}

/** The connection ended inside the message. */
export class CutOffError extends Error {
  override readonly name = 'CutOffError'
}

export class Incoming {
  readonly #options: IncomingOptions
  readonly #reader: DataReader
  #held: Buffer[] = []
  #feed: Feed | undefined
  #outcome: Promise<{ readonly queueId: string }> | undefined
  /** Why it will not be taken, as far as is known yet. */
  refusal: Error | undefined
  sizeBytes = 0

  constructor(options: IncomingOptions) {
    this.#options = options
    const repair = !options.binary && options.settings.bareLineEnds === 'repair'
    this.#reader = new DataReader({ framing: options.framing, bareLineEnds: repair ? 'repair' : 'keep' })
  }

  /** No more octets should be taken before `onSpace`. */
  get full(): boolean {
    return this.#feed?.full ?? false
  }

  /** The offset behind the message's end in `chunk`, or -1 when it goes on. */
  take(chunk: Buffer): number {
    const parts: Buffer[] = []
    const end = this.#reader.read(chunk, 0, parts)
    this.#keep(parts)
    return end
  }

  /** The message is whole: checks it and resolves when it is stored. @throws {SmtpRefusal} or what `start` rejected with. */
  async finish(): Promise<{ readonly queueId: string }> {
    const parts: Buffer[] = []
    this.#reader.finish(parts)
    // A BDAT message may lack its last line end; mailboxes and DATA cannot do without.
    if (this.#reader.unterminated && !this.#options.binary && this.sizeBytes > 0) parts.push(Buffer.from('\r\n'))
    this.#keep(parts)
    const refusal = this.refusal ?? this.#faultOfContent()
    if (refusal !== undefined) {
      this.#feed?.fail(refusal)
      await this.#outcome?.catch(() => undefined)
      throw refusal
    }
    if (this.#outcome === undefined) {
      const hops = this.#loop()
      if (hops !== undefined) throw hops
      return this.#options.start(once(this.#held))
    }
    this.#feed?.end()
    return this.#outcome
  }

  /** The client went away or is sent away: nothing is kept. */
  abort(error: Error): void {
    this.refusal ??= error
    this.#held = []
    this.#feed?.fail(error)
  }

  #keep(parts: readonly Buffer[]): void {
    for (const part of parts) this.sizeBytes += part.length
    if (this.refusal !== undefined) return
    if (this.sizeBytes > this.#options.settings.maxMessageBytes) return this.abort(new SmtpRefusal(552, '5.3.4', `Message larger than ${this.#options.settings.maxMessageBytes} octets`))
    if (this.#feed !== undefined) return this.#feed.push(parts)
    this.#held.push(...parts)
    if (this.sizeBytes > holdBytes) this.#stream()
  }

  #stream(): void {
    const refusal = this.#loop()
    if (refusal !== undefined) return this.abort(refusal)
    const feed = new Feed(this.#options.onSpace)
    feed.push(this.#held)
    this.#held = []
    this.#feed = feed
    this.#outcome = this.#options.start(feed)
    // It is awaited at the end of the message; when it fails before, the rest need not be kept.
    this.#outcome.catch((error: unknown) => this.abort(error instanceof Error ? error : new Error(String(error))))
  }

  #loop(): SmtpRefusal | undefined {
    const hops = countReceived(Buffer.concat(this.#held))
    // RFC 5321 §6.3
    return hops >= this.#options.settings.maxHops ? new SmtpRefusal(554, '5.4.6', `Too many hops: ${hops} Received lines, this looks like a loop`) : undefined
  }

  #faultOfContent(): SmtpRefusal | undefined {
    if (this.#options.binary) return undefined
    const { bareLf, bareCr, nul, longestLineBytes } = this.#reader
    const { bareLineEnds, maxLineBytes } = this.#options.settings
    // RFC 5321 §2.3.8: CR and LF stand only together in a message.
    if ((bareLf || bareCr) && bareLineEnds === 'refuse') return new SmtpRefusal(554, '5.6.0', `Message has a bare ${bareLf ? 'LF' : 'CR'}; lines end with CR LF only`)
    if (nul) return new SmtpRefusal(554, '5.6.0', 'Message has a NUL octet')
    return longestLineBytes > maxLineBytes ? new SmtpRefusal(554, '5.6.0', `Message has a line longer than ${maxLineBytes} octets`) : undefined
  }
}

async function* once(parts: readonly Buffer[]): AsyncIterable<Uint8Array> {
  yield* parts
}
