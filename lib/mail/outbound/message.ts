/**
 * A message as its transfer sees it: its size, what it demands of a host, its octets.
 *
 * 8BITMIME: a message with octets above 127 goes as it is, or not at all. RFC 6152 §3 leaves the choice of making it 7-bit
 * or bouncing it; rewriting would break its signatures. What it really holds is looked at only when a host lacks
 * an extension, once.
 */
import type { Blobs } from '#lib/engine/ports.ts'
import type { MailFacts } from '#lib/formats/smtp/transfer.ts'
import { needsUtf8 } from '#lib/formats/smtp/transfer.ts'
import { contentSize, readContent } from '#lib/mail/transit/content.ts'
import type { Content, Envelope, EnvelopeRecipient } from '#lib/mail/transit/note.ts'
import { ownFinding } from './outcome.ts'
import type { Finding } from './outcome.ts'
import type { Session } from './session.ts'

interface Octets {
  readonly header8Bit: boolean
  readonly body8Bit: boolean
}

export class MessageFacts {
  readonly #blobs: Blobs
  readonly #content: Content
  readonly sizeBytes: number
  #octets: Promise<Octets> | undefined

  constructor(blobs: Blobs, content: Content) {
    this.#blobs = blobs
    this.#content = content
    this.sizeBytes = contentSize(content)
  }

  readonly content = (): AsyncIterable<Uint8Array> => readContent(this.#blobs, this.#content)

  facts({ mailFrom, ret, envid, requireTls, smtpUtf8, body }: Envelope, recipients: readonly EnvelopeRecipient[]): MailFacts {
    return {
      mailFrom,
      sizeBytes: this.sizeBytes,
      eightBit: body !== '7BIT',
      utf8: smtpUtf8 === true || [mailFrom, ...recipients.map(({ address }) => address)].some(needsUtf8),
      ...(ret === undefined ? {} : { ret }),
      ...(envid === undefined ? {} : { envid }),
      ...(requireTls === undefined ? {} : { requireTls }),
    }
  }

  /** Why the message as a whole cannot go to this host; undefined when it can. */
  async unfit({ offers, host }: Pick<Session, 'offers' | 'host'>, { mailFrom, smtpUtf8, body }: Envelope): Promise<Finding | undefined> {
    // RFC 1870 §6.1
    if (offers.maxSizeBytes !== undefined && this.sizeBytes > offers.maxSizeBytes) return ownFinding('failed', '5.3.4', `the message has ${this.sizeBytes} octets, ${host} takes ${offers.maxSizeBytes}`, host)
    if (!offers.smtpUtf8 && needsUtf8(mailFrom)) return ownFinding('failed', '5.6.7', `${host} takes no addresses beyond ASCII (SMTPUTF8), and the sender has one`, host)
    // RFC 6531 §3.4: the header is UTF-8 only where SMTPUTF8 says so; elsewhere 8-bit octets in it are old custom.
    if (!offers.smtpUtf8 && smtpUtf8 === true && (await this.#look()).header8Bit) return ownFinding('failed', '5.6.9', `${host} takes no header beyond ASCII (SMTPUTF8)`, host)
    if (!offers.eightBitMime && body !== '7BIT') {
      const { header8Bit, body8Bit } = await this.#look()
      if (header8Bit || body8Bit) return ownFinding('failed', '5.6.3', `${host} takes no 8-bit text (8BITMIME)`, host)
    }
    return undefined
  }

  async #look(): Promise<Octets> {
    this.#octets ??= lookAt(this.content())
    return await this.#octets
  }
}

async function lookAt(content: AsyncIterable<Uint8Array>): Promise<Octets> {
  let [inHeader, header8Bit, body8Bit] = [true, false, false]
  let tail = ''
  for await (const chunk of content) {
    const text = tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')
    const end = inHeader ? text.indexOf('\r\n\r\n') : 0
    const header = inHeader ? (end < 0 ? text : text.slice(0, end)) : ''
    header8Bit ||= hasHigh(header)
    if (end >= 0) body8Bit ||= hasHigh(text.slice(header.length))
    inHeader &&= end < 0
    tail = inHeader ? text.slice(-3) : ''
  }
  return { header8Bit, body8Bit }
}

const hasHigh = (text: string): boolean => /[\x80-\xff]/.test(text)
