/**
 * One mail transaction: MAIL, RCPT for each, DATA, the message, the end.
 *
 * Legal paths: [rset ->] mail -> rcpt... -> data -> body -> end -> done; with PIPELINING mail, rcpt and data go out as one group
 * and are answered in turn (RFC 2920 §3.1).
 * Invariants: a recipient is settled by a reply that speaks of it, and once; what no reply settled is left open for another
 * host, except behind the final dot, where nobody knows: that is a deferral, and may end in a duplicate. The final dot is
 * never sent behind a message that could not be read whole.
 */
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { formatMail, formatRcpt } from '#lib/formats/smtp/transfer.ts'
import type { MailFacts, RcptFacts } from '#lib/formats/smtp/transfer.ts'
import { DotStuffer } from '#lib/formats/smtp/transparency.ts'
import { isRemoteError } from './connect.ts'
import { HostRefusal, ownFinding, replyFinding } from './outcome.ts'
import type { Finding } from './outcome.ts'
import { errorFinding } from './session.ts'
import type { Session } from './session.ts'

export interface Transfer {
  readonly facts: MailFacts
  readonly recipients: readonly RcptFacts[]
  readonly content: () => AsyncIterable<Uint8Array>
}

export interface Transferred {
  /** For each recipient; undefined: not settled. */
  readonly findings: readonly (Finding | undefined)[]
  /** Recipients that this transaction had no room for: another one may. */
  readonly surplus: ReadonlySet<number>
  /** Why the session ended before all was settled. */
  readonly failure?: Finding
  /** Nothing was answered: an idle connection had died before we knew. */
  readonly stale: boolean
}

/** Errors of the content are thrown, the session broken; those of the host are in the result. */
export async function transfer(session: Session, message: Transfer): Promise<Transferred> {
  const transaction = new Transaction(session, message)
  try {
    await transaction.run()
    return transaction.result()
  } catch (error) {
    session.break()
    if (error instanceof HostRefusal) return transaction.result(error.finding)
    if (!isRemoteError(error)) throw error
    return transaction.result(transaction.lost(error))
  }
}

class Transaction {
  readonly #session: Session
  readonly #message: Transfer
  readonly #findings: (Finding | undefined)[]
  readonly #surplus = new Set<number>()
  readonly #accepted = new Set<number>()
  #stage: 'MAIL' | 'RCPT' | 'DATA' | 'message' | 'end of message' = 'MAIL'
  #answered = false
  /** MAIL was refused for now, in the middle of a group. */
  #senderRefused: Finding | undefined

  constructor(session: Session, message: Transfer) {
    this.#session = session
    this.#message = message
    this.#findings = message.recipients.map(() => undefined)
  }

  result(failure?: Finding): Transferred {
    return { findings: this.#findings, surplus: this.#surplus, ...(failure === undefined ? {} : { failure }), stale: failure !== undefined && !this.#answered }
  }

  lost(error: unknown): Finding {
    const finding = errorFinding(error, this.#session.host, `while sending ${this.#stage}`)
    // RFC 5321 §4.5.3.2.6: without an answer to the final dot the message must be sent again, even if it may be there already.
    if (this.#stage === 'end of message') this.#settleAccepted(finding)
    return finding
  }

  async run(): Promise<void> {
    const session = this.#session
    await this.#reset()
    const go = await this.#envelope()
    if (!go) return
    await this.#body()
    const reply = await session.reply(session.settings.dataEndMs)
    session.needsReset = false
    this.#settleAccepted(this.#verdict(reply))
  }

  async #reset(): Promise<void> {
    if (!this.#session.needsReset) return
    const reply = await this.#session.command('RSET')
    if (reply.code >= 300) throw new HostRefusal(this.#temporary(reply))
    this.#session.needsReset = false
  }

  /** True when the server waits for the message and somebody is to get it. */
  async #envelope(): Promise<boolean> {
    const session = this.#session
    const { facts, recipients } = this.#message
    const utf8 = facts.utf8 && session.offers.smtpUtf8
    const lines = [formatMail(facts, session.offers), ...recipients.map((recipient) => formatRcpt(recipient, session.offers, utf8)), 'DATA']
    const group = session.offers.pipelining
    await session.demandQuiet()
    if (group) await session.send(lines.map((line) => `${line}\r\n`).join(''))
    const ask = (line: number, timeoutMs?: number) => (group ? session.reply(timeoutMs ?? session.settings.commandMs) : session.command(lines[line] ?? '', timeoutMs))
    const mail = await ask(0)
    this.#answered = mail.code !== 421
    session.needsReset = true
    if (mail.code >= 300) this.#refusedSender(mail, group)
    if (mail.code >= 300 && !group) return false
    await this.#recipients(ask, mail.code < 300)
    this.#stage = 'DATA'
    if (!group && this.#accepted.size === 0) return false
    return await this.#go(await ask(lines.length - 1, session.settings.dataStartMs))
  }

  /** 5yz settles all; 4yz is this host's, so another is tried. A group must be heard to its end first. */
  #refusedSender(reply: Reply, group: boolean): void {
    const finding = this.#verdict(reply)
    if (finding.status !== 'failed' && !(group && reply.code !== 421)) throw new HostRefusal(finding)
    if (finding.status === 'failed') this.#findings.fill(finding)
    else this.#senderRefused = finding
  }

  async #recipients(ask: (line: number) => Promise<Reply>, senderTaken: boolean): Promise<void> {
    this.#stage = 'RCPT'
    for (const index of this.#message.recipients.keys()) {
      const reply = await ask(index + 1)
      if (reply.code === 421) throw new HostRefusal(this.#temporary(reply))
      if (!senderTaken) continue
      if (reply.code < 300) this.#accepted.add(index)
      else if (this.#accepted.size > 0 && isTooMany(reply)) this.#surplus.add(index)
      else this.#findings[index] = this.#verdict(reply)
    }
  }

  async #go(reply: Reply): Promise<boolean> {
    const session = this.#session
    if (reply.code === 421) throw new HostRefusal(this.#temporary(reply))
    if (reply.code === 354 && this.#accepted.size > 0) return true
    if (reply.code === 354) {
      // RFC 2920 §3.1: the go-ahead came although nobody is left; an empty message ends it.
      await session.send('.\r\n')
      await session.reply(session.settings.dataEndMs)
    }
    this.#settleAccepted(reply.code < 400 ? { ...this.#verdict(reply), status: 'deferred', enhancedCode: '4.5.0' } : this.#verdict(reply))
    if (this.#senderRefused !== undefined) throw new HostRefusal(this.#senderRefused)
    return false
  }

  async #body(): Promise<void> {
    const session = this.#session
    const stuffer = new DotStuffer()
    this.#stage = 'message'
    try {
      for await (const chunk of this.#message.content()) {
        if (session.hasNews) return void (await this.#interrupted())
        const octets = stuffer.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        if (octets.length > 0) await session.send(octets.length === 1 && octets[0] !== undefined ? octets[0] : Buffer.concat(octets))
      }
      if (session.hasNews) return void (await this.#interrupted())
    } catch (error) {
      if (isRemoteError(error) && session.hasNews) await this.#interrupted()
      throw error
    }
    this.#stage = 'end of message'
    session.messages++
    await session.send(stuffer.end())
  }

  /** The server spoke inside the message: a refusal counts, anything else breaks the protocol. */
  async #interrupted(): Promise<never> {
    const reply = await this.#session.reply(this.#session.settings.quitMs)
    if (reply.code >= 400 && reply.code !== 421) this.#settleAccepted(this.#verdict(reply))
    throw new HostRefusal(this.#temporary(reply))
  }

  #settleAccepted(finding: Finding): void {
    for (const index of this.#accepted) this.#findings[index] = finding
  }

  #verdict(reply: Reply): Finding {
    return replyFinding(reply, this.#session.host)
  }

  #temporary(reply: Reply): Finding {
    const finding = this.#verdict(reply)
    return finding.status === 'deferred' ? finding : ownFinding('deferred', '4.5.0', `unexpected answer to ${this.#stage}: ${finding.reply}`, this.#session.host)
  }
}

/** RFC 5321 §4.5.3.1.10: 452, or the 552 of older servers, for one recipient too many, not for a full mailbox. */
function isTooMany({ code, enhancedCode }: Reply): boolean {
  return enhancedCode === undefined ? code === 452 : (code === 452 || code === 552) && enhancedCode.endsWith('.5.3')
}
