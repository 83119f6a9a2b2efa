/**
 * An SMTP session with another server, up to where messages can be sent, and its end.
 *
 * Legal paths: greeting -> hello -> [starttls -> hello] -> [auth] -> ready; ready -> (one transaction: transaction.ts) -> ready;
 * ready -> quit; from everywhere -> broken.
 * Invariants: a command is written only when all earlier ones are answered, or as part of one group that the server allows
 * (PIPELINING); a reply that answers nothing breaks the session; no password goes out without TLS; nothing said before TLS
 * counts behind it.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Config } from '#lib/config.ts'
import { parseCapabilities } from '#lib/formats/smtp/capabilities.ts'
import type { Capabilities } from '#lib/formats/smtp/capabilities.ts'
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { BadReplyError, ReplyReader } from '#lib/formats/smtp/serverReply.ts'
import { WireError } from './dial.ts'
import type { TlsInfo, Wire } from './dial.ts'
import { ownFinding } from './outcome.ts'
import type { Finding } from './outcome.ts'

export type SessionSettings = Pick<Config['outbound'], 'connectMs' | 'commandMs' | 'dataStartMs' | 'dataBlockMs' | 'dataEndMs' | 'quitMs' | 'maxReplyBytes'>

export interface SessionOptions {
  readonly host: string
  readonly settings: SessionSettings
  readonly clock: Pick<Clock, 'now'>
}

export class Session {
  /** Name of the host, for logs and outcomes. */
  readonly host: string
  readonly settings: SessionSettings
  readonly #wire: Wire
  readonly #clock: Pick<Clock, 'now'>
  #replies: ReplyReader
  #capabilities: Capabilities = parseCapabilities({ code: 250, lines: [''] }, false)
  #broken = false
  /** A transaction was begun and not ended: RSET comes before the next. */
  needsReset = false
  /** Messages sent so far. */
  messages = 0
  /** No wait goes beyond this time. */
  deadline = Infinity

  constructor(wire: Wire, { host, settings, clock }: SessionOptions) {
    this.#wire = wire
    this.host = host
    this.settings = settings
    this.#clock = clock
    this.#replies = new ReplyReader(settings.maxReplyBytes)
  }

  get offers(): Capabilities {
    return this.#capabilities
  }

  get tls(): TlsInfo | undefined {
    return this.#wire.tls
  }

  /** Fit for another message. */
  get usable(): boolean {
    return !this.#broken && !this.#wire.hasNews && this.#replies.pendingBytes === 0
  }

  /** The server has something to say while it is not its turn. */
  get hasNews(): boolean {
    return this.#wire.hasNews || this.#replies.pendingBytes > 0
  }

  onNews(listener: () => void): void {
    this.#wire.onNews(listener)
  }

  /** One command and its reply. @throws {WireError} {BadReplyError} */
  async command(line: string, timeoutMs = this.settings.commandMs): Promise<Reply> {
    await this.demandQuiet()
    await this.send(`${line}\r\n`)
    return await this.reply(timeoutMs)
  }

  async send(octets: Uint8Array | string): Promise<void> {
    try {
      await this.#wire.write(octets, this.#left(this.settings.dataBlockMs))
    } catch (error) {
      this.break()
      throw error
    }
  }

  /** The next reply, whole within the time given: a server that drips octets gains nothing. */
  async reply(timeoutMs: number): Promise<Reply> {
    const end = this.#clock.now() + this.#left(timeoutMs)
    try {
      for (;;) {
        const reply = this.#replies.next()
        if (reply !== undefined) {
          // RFC 5321 §3.8: 421 says that the connection ends, whatever was asked.
          if (reply.code === 421) this.break()
          return reply
        }
        const left = end - this.#clock.now()
        if (left <= 0) throw new WireError('timeout', 'no whole answer in time')
        this.#replies.add(await this.#wire.read(left))
      }
    } catch (error) {
      this.break()
      throw error
    }
  }

  /** Before a command: a server that speaks out of turn is leaving (421), or breaks the protocol. @throws {WireError} {BadReplyError} */
  async demandQuiet(): Promise<void> {
    if (!this.hasNews) return
    const reply = await this.reply(this.settings.quitMs)
    this.break()
    throw reply.code === 421 ? new WireError('lost', `${reply.code} ${reply.lines.join(' ')}`) : new BadReplyError(`a reply that nobody asked for: ${reply.code} ${reply.lines.join(' ')}`)
  }

  /** EHLO, or HELO for a server that does not know it. Returns the refusal, if it is one. RFC 5321 §3.2 */
  async hello(name: string): Promise<Reply | undefined> {
    const extended = await this.command(`EHLO ${name}`)
    if (extended.code < 300) {
      this.#capabilities = parseCapabilities(extended, true)
      return undefined
    }
    if (extended.code < 500) return extended
    const plain = await this.command(`HELO ${name}`)
    if (plain.code >= 300) return plain
    this.#capabilities = parseCapabilities(plain, false)
    return undefined
  }

  /** Behind the go-ahead to STARTTLS. @throws {WireError} */
  async secure(serverName: string, verify: boolean): Promise<void> {
    // RFC 3207 §4.2: replies that came along with the go-ahead were said by anybody.
    this.#replies = new ReplyReader(this.settings.maxReplyBytes)
    try {
      await this.#wire.startTls({ serverName, verify }, this.#left(this.settings.connectMs))
    } catch (error) {
      this.break()
      throw error
    }
  }

  /** Nothing more is to be said or believed. */
  break(): void {
    if (this.#broken) return
    this.#broken = true
    // What the server sent before can still be read; the socket goes in a moment.
    setTimeout(() => this.#wire.destroy(), 0)
  }

  /** RFC 5321 §4.1.1.10: says goodbye and waits for the answer, but not for long. */
  async quit(): Promise<void> {
    if (!this.#broken) await this.command('QUIT', this.settings.quitMs).catch(() => undefined)
    this.break()
    this.#wire.destroy()
  }

  #left(timeoutMs: number): number {
    return Math.max(1, Math.min(timeoutMs, this.deadline - this.#clock.now()))
  }
}

/** What an error of the wire or the protocol means for the message: nothing final. */
export function errorFinding(error: unknown, host: string, doing: string): Finding {
  if (error instanceof BadReplyError) return ownFinding('deferred', '4.5.0', `${doing}: ${error.message}`, host)
  // RFC 3463 §3.5: 4.4.1 no answer from host, 4.4.2 bad connection, 4.7.5 cryptographic failure.
  if (error instanceof WireError) return ownFinding('deferred', { connect: '4.4.1', lost: '4.4.2', timeout: '4.4.2', tls: '4.7.5' }[error.kind], `${doing}: ${error.message}`, host)
  throw error
}
