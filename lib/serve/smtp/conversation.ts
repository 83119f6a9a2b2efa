/**
 * One client's connection: octets in, commands obeyed one after the other, replies out.
 *
 * Legal paths: greeting -> command; command -> data (DATA) -> command; command -> chunk (BDAT) -> command;
 * command -> tls (STARTTLS) -> command; every one of them -> closing.
 * Invariants: a command ends with CR LF only; while one is obeyed (`busy`) the next ones wait in `input`, bounded by pausing
 * the socket; replies of pipelined commands go out in one write (RFC 2920 §3.2); whatever cut the client's octets into chunks, the outcome is one.
 */
import { errorFields } from '#lib/base/log.ts'
import { parseCommand } from '#lib/formats/smtp/command.ts'
import { ClientInput } from '#lib/formats/smtp/input.ts'
import { formatReply, reply, SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Reply } from '#lib/formats/smtp/reply.ts'
import type { Connection } from '#lib/serve/door.ts'
import { obey } from './commands/table.ts'
import type { SmtpDeps, SmtpRole } from './deps.ts'
import { CutOffError } from './incoming.ts'
import type { Incoming } from './incoming.ts'
import { failureReply, noteRefusal, receive } from './receive.ts'
import { Session } from './session.ts'
import type { Answer, Shared } from './session.ts'

type Mode = 'greeting' | 'command' | 'data' | 'chunk' | 'tls' | 'closing'

/** RFC 4954 §4: lines of an AUTH exchange may be this long. */
const saslLineBytes = 12288
/** Input beyond this waits in the kernel, and so in the client. */
const waitingInputBytes = 256 * 1024

export class Conversation {
  readonly #deps: SmtpDeps
  readonly #connection: Connection
  readonly #session: Session
  #mode: Mode = 'greeting'
  #busy = false
  readonly #input = new ClientInput()
  #output = ''
  #waitingForLine: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined
  #incoming: Incoming | undefined
  #chunk: { left: number; sizeBytes: number; last: boolean; refusal: Reply | undefined } | undefined
  #commands = 0
  #badCommands = 0
  #ended = false
  #draining = false
  readonly #since: number
  #lastHeard: number

  constructor(deps: SmtpDeps, role: SmtpRole, shared: Shared, connection: Connection) {
    this.#deps = deps
    this.#connection = connection
    this.#session = new Session(deps, role, shared, connection, (challenge) => this.#ask(challenge))
    this.#since = this.#lastHeard = deps.clock.now()
    connection.onDrain = () => this.#drain()
    connection.onClose = () => this.#closed()
    this.#listen()
    void this.#greet()
  }

  /** Called now and then: ends what takes too long. RFC 5321 §4.5.3.2 */
  checkTime(now: number): void {
    if (this.#mode === 'closing' || this.#mode === 'tls' || (this.#busy && this.#waitingForLine === undefined)) return
    const { idleTimeoutMs, dataTimeoutMs, sessionMs } = this.#deps.settings.smtp
    const inMessage = this.#mode === 'data' || this.#mode === 'chunk'
    if (now - this.#lastHeard > (inMessage ? dataTimeoutMs : idleTimeoutMs)) this.#goodbye(421, '4.4.2', 'Timeout, closing the connection')
    else if (now - this.#since > sessionMs) this.#goodbye(421, '4.4.2', 'This session lasted too long, come back with the rest')
  }

  async #greet(): Promise<void> {
    const { bannerDelayMs } = this.#deps.settings.smtp
    if (bannerDelayMs > 0) await this.#deps.clock.sleep(bannerDelayMs)
    if (this.#mode !== 'greeting') return
    this.#mode = 'command'
    this.#say(reply(220, undefined, `${this.#deps.hostname} ESMTP Pennypost`))
    this.#pump()
  }

  #listen(): void {
    const { stream } = this.#connection
    stream.on('data', (chunk: Buffer) => this.#heard(chunk))
    stream.on('end', () => this.#inputEnded())
    stream.on('drain', () => this.#pump())
  }

  #heard(chunk: Buffer): void {
    if (this.#mode === 'closing') return
    this.#lastHeard = this.#deps.clock.now()
    // RFC 5321 §4.3.1: the client waits for the greeting. Who does not is no mail server.
    if (this.#mode === 'greeting') return this.#refuseClient(554, '5.5.1', 'You spoke before the greeting')
    this.#input.add(chunk)
    this.#pump()
  }

  /** Half-closed by the client: what came is still obeyed, then we close too. */
  #inputEnded(): void {
    this.#ended = true
    this.#pump()
  }

  #pump(): void {
    while (this.#mode !== 'closing' && this.#mode !== 'tls' && !this.#connection.stream.writableNeedDrain && this.#step());
    if (this.#mode === 'closing' || this.#mode === 'tls') return
    if (!this.#busy || this.#waitingForLine !== undefined) {
      this.#flush()
      if (this.#ended) return this.#leave('client closed')
    }
    const { stream } = this.#connection
    const full = this.#input.bytes > waitingInputBytes || stream.writableNeedDrain || (this.#incoming?.full ?? false)
    if (full) stream.pause()
    else if (stream.isPaused()) stream.resume()
  }

  /** Obeys what stands next in the input; false when it must wait. */
  #step(): boolean {
    if (this.#input.bytes === 0 && this.#chunk?.left !== 0) return false
    if (this.#busy) return this.#waitingForLine !== undefined && this.#readLine(saslLineBytes, (line) => this.#answerLine(line))
    switch (this.#mode) {
      case 'command':
        return this.#readLine(this.#deps.settings.smtp.maxCommandBytes, (line) => this.#obey(line))
      case 'data':
        return this.#readData()
      case 'chunk':
        return this.#readChunk()
      default:
        return false
    }
  }

  // ---------------------------------------------------------------- lines

  #readLine(limitBytes: number, obeyLine: (line: string) => void): boolean {
    const line = this.#input.nextLine(limitBytes)
    if (line === undefined) return false
    if (line.kind === 'text') obeyLine(line.text)
    else if (line.kind === 'bare LF') this.#refuseClient(500, '5.5.2', 'Lines end with CR LF only')
    else if (line.kind === 'too long') this.#mistake(new SmtpRefusal(500, '5.5.2', `Line longer than ${limitBytes} octets`))
    else this.#mistake(new SmtpRefusal(500, '5.5.2', 'Commands are ASCII or UTF-8'))
    return true
  }

  #obey(line: string): void {
    if (++this.#commands > this.#deps.settings.smtp.maxCommands) return this.#goodbye(421, '4.7.0', 'Too many commands')
    if (/^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE) \S+ HTTP\//.test(line)) return this.#refuseClient(554, '5.5.1', 'This is SMTP')
    this.#run(() => obey(this.#session, parseCommand(line)))
  }

  /** One catch for all commands: an expected refusal is its reply, anything else is a fault of ours. */
  #run(work: () => Answer | Promise<Answer>): void {
    let answer: Answer | Promise<Answer>
    try {
      answer = work()
    } catch (error) {
      return this.#failed(error)
    }
    if (!(answer instanceof Promise)) return this.#answered(answer)
    this.#busy = true
    answer.then(
      (given) => this.#resume(() => this.#answered(given)),
      (error: unknown) => this.#resume(() => this.#failed(error)),
    )
  }

  #resume(say: () => void): void {
    this.#busy = false
    this.#lastHeard = this.#deps.clock.now()
    if (this.#mode === 'closing') return
    say()
    this.#pump()
  }

  #answered(answer: Answer): void {
    // RSET or EHLO between the chunks of a message.
    if (this.#session.state !== 'chunks') this.#abandon()
    if (answer.then === 'readChunk') return this.#beginChunk(answer)
    // A client that speaks TLS waits for our word; what came already was put there by someone else. RFC 3207 §4.2
    if (answer.then === 'startTls' && this.#input.bytes > 0) return this.#refuseClient(554, '5.5.1', 'Nothing may follow STARTTLS')
    this.#say(answer.reply)
    if (answer.then === 'readData') {
      this.#mode = 'data'
      this.#incoming = this.#receive('dots')
    } else if (answer.then === 'startTls') void this.#startTls()
    else if (answer.then === 'close') this.#leave('client quit')
    else if (this.#draining) this.#drain()
  }

  #failed(error: unknown): void {
    if (error instanceof SmtpRefusal) this.#mistake(error)
    else this.#say(failureReply(this.#session, error))
    if (this.#draining && this.#mode !== 'closing') this.#drain()
  }

  #mistake(refusal: SmtpRefusal): void {
    const { reply: words, then } = refusal
    if (this.#waitingForLine !== undefined) return this.#giveUpLine(refusal)
    if (words.code >= 500 && words.code < 505) this.#badCommands++
    this.#say(words)
    if (then === 'close') this.#leave(refusal.message)
    else if (this.#badCommands > this.#deps.settings.smtp.maxBadCommands) this.#goodbye(421, '4.7.0', 'Too many bad commands')
  }

  #ask(challenge: Reply): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#say(challenge)
      this.#waitingForLine = { resolve, reject }
      this.#pump()
    })
  }

  #giveUpLine(error: Error): void {
    const waiting = this.#waitingForLine
    this.#waitingForLine = undefined
    waiting?.reject(error)
  }

  #answerLine(line: string): void {
    const waiting = this.#waitingForLine
    this.#waitingForLine = undefined
    waiting?.resolve(line)
  }

  // ---------------------------------------------------------------- messages

  #receive(framing: 'dots' | 'counted'): Incoming {
    return receive(this.#session, framing, () => this.#pump())
  }

  #readData(): boolean {
    const incoming = this.#incoming
    if (incoming === undefined || incoming.full) return false
    const end = incoming.take(this.#input.rest())
    this.#input.skip(end === -1 ? this.#input.bytes : end)
    if (end !== -1) this.#endOfMessage(incoming)
    return true
  }

  #beginChunk({ sizeBytes, last, refusal }: Extract<Answer, { then: 'readChunk' }>): void {
    this.#mode = 'chunk'
    this.#chunk = { left: sizeBytes, sizeBytes, last, refusal }
    if (refusal !== undefined) return
    this.#session.state = 'chunks'
    this.#incoming ??= this.#receive('counted')
  }

  #readChunk(): boolean {
    const chunk = this.#chunk
    if (chunk === undefined || this.#incoming?.full) return false
    const octets = this.#input.rest().subarray(0, chunk.left)
    this.#input.skip(octets.length)
    chunk.left -= octets.length
    if (chunk.refusal === undefined) this.#incoming?.take(octets)
    if (chunk.left === 0) this.#endOfChunk(chunk)
    return true
  }

  #endOfChunk({ sizeBytes, last, refusal }: { sizeBytes: number; last: boolean; refusal: Reply | undefined }): void {
    this.#mode = 'command'
    this.#chunk = undefined
    if (refusal !== undefined) return this.#mistake(new SmtpRefusal(refusal.code, refusal.enhancedCode ?? '5.5.1', refusal.lines[0] ?? ''))
    if (this.#incoming === undefined) return
    if (last) return this.#endOfMessage(this.#incoming)
    const failure = this.#incoming.refusal
    if (failure === undefined) return this.#say(reply(250, '2.0.0', `${sizeBytes} octets received`))
    // What is known to fail need not be sent to its end. RFC 3030 §2
    this.#session.state = 'broken'
    this.#failed(failure)
    this.#abandon()
  }

  #endOfMessage(incoming: Incoming): void {
    this.#mode = 'command'
    this.#incoming = undefined
    this.#run(async () => {
      try {
        const { queueId } = await incoming.finish()
        this.#commands = 0
        return { reply: reply(250, '2.0.0', `Ok: queued as ${queueId}`) }
      } catch (error) {
        noteRefusal(this.#session, error)
        throw error
      } finally {
        this.#session.reset()
      }
    })
  }

  /** The message ends before its end: RSET or EHLO between chunks, or the session is over. */
  #abandon(): void {
    if (this.#incoming === undefined) return
    this.#deps.log.info('cut-off', { client: this.#connection.remoteAddress, from: this.#session.envelope?.mailFrom, sizeBytes: this.#incoming.sizeBytes })
    this.#incoming.abort(new CutOffError('the client broke off the message'))
    this.#incoming = undefined
  }

  // ---------------------------------------------------------------- beginnings and ends

  async #startTls(): Promise<void> {
    this.#mode = 'tls'
    this.#flush()
    try {
      await this.#connection.startTls()
    } catch (error) {
      this.#deps.log.info('tls-failed', { protocol: 'smtp', client: this.#connection.remoteAddress, ...errorFields(error) })
      return
    }
    this.#session.forget()
    this.#mode = 'command'
    this.#listen()
  }

  #drain(): void {
    this.#draining = true
    const between = this.#session.state === 'connected' || this.#session.state === 'ready'
    if (this.#mode === 'greeting' || (this.#mode === 'command' && !this.#busy && between)) this.#goodbye(421, '4.3.2', 'This server is stopping, come back soon')
  }

  #goodbye(code: number, enhancedCode: string, text: string): void {
    this.#say(reply(code, enhancedCode, text))
    this.#leave(text)
  }

  #refuseClient(code: number, enhancedCode: string, text: string): void {
    this.#deps.log.info('refused', { reason: text, client: this.#connection.remoteAddress, hello: this.#session.hello })
    this.#goodbye(code, enhancedCode, text)
  }

  #leave(reason: string): void {
    this.#flush()
    this.#mode = 'closing'
    this.#abandon()
    this.#giveUpLine(new CutOffError(reason))
    this.#connection.close()
  }

  #closed(): void {
    this.#mode = 'closing'
    this.#session.end()
    this.#input.clear()
    this.#abandon()
    this.#giveUpLine(new CutOffError('connection closed'))
  }

  #say(words: Reply): void {
    this.#output += formatReply(words)
  }

  #flush(): void {
    if (this.#output === '') return
    this.#connection.stream.write(this.#output)
    this.#output = ''
  }
}
