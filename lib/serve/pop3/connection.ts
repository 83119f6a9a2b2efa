/**
 * One connection: reads commands, obeys them one after the other, writes the answers.
 *
 * Invariants: commands are answered in the order they came in; every refusal is turned into octets in
 * {@link Conversation.#turn} and nowhere else; whatever ends the session, its maildrop is free again.
 */
import { errorFields } from '#lib/base/log.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { parseCommand } from '#lib/formats/pop3/command.ts'
import { BadCommand, Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import type { Connection } from '../door.ts'
import { ConnectionEnded, Input } from '../input.ts'
import { Output } from '../output.ts'
import { obey } from './commands.ts'
import type { Pop3Deps } from './deps.ts'
import { Goodbye, Session } from './session.ts'

/** Serves the client until the connection is over. Never rejects. */
export async function serveConnection(deps: Pop3Deps, connection: Connection): Promise<void> {
  await new Conversation(deps, connection).hold()
}

const highWaterBytes = 32 * 1024

class Conversation {
  readonly #session: Session
  readonly #input = new Input({ highWaterBytes })
  readonly #output: Output
  #badCommands = 0
  #closed = false

  constructor(deps: Pop3Deps, connection: Connection) {
    this.#output = new Output(connection.stream, deps.settings.writeTimeoutMs)
    this.#session = new Session(deps, connection, this.#input, this.#output)
    connection.onClose = () => {
      this.#closed = true
      this.#input.end()
      this.#output.end()
    }
    connection.onDrain = () => this.#session.leave('The server is stopping, connect again in a moment')
    this.#input.attach(connection.stream)
  }

  async hold(): Promise<void> {
    const { connection, log } = this.#session
    try {
      this.#output.line('+OK Pennypost is ready')
      while (this.#session.state !== 'over') await this.#turn()
      await this.#output.flush()
    } catch (error) {
      if (error instanceof Goodbye) this.#sayGoodbye(error)
      else if (error instanceof ConnectionEnded) log.debug('session-ended', { reason: error.message })
      else {
        log.error('session-failed', errorFields(error))
        this.#sayGoodbye(new Goodbye('Something went wrong here', 'SYS/TEMP'))
      }
    }
    await this.#session.end()
    if (!this.#closed) connection.close()
  }

  #sayGoodbye(goodbye: Goodbye): void {
    try {
      this.#output.line(goodbye.line)
      this.#output.push()
    } catch (error) {
      // The client has gone first: nobody is left to hear it.
      if (!(error instanceof ConnectionEnded)) throw error
    }
  }

  /** One command and its answer. */
  async #turn(): Promise<void> {
    // While more commands wait, small answers travel together. RFC 2449 §6.6
    if (this.#input.hasLine) await this.#output.room()
    else await this.#output.flush()
    const line = await this.#awaitCommand()
    try {
      const answer = await obey(this.#session, parseCommand(line))
      if (answer !== undefined) this.#output.line(`+OK ${answer}`)
      this.#badCommands = 0
    } catch (error) {
      const refusal = this.#refusalOf(error)
      this.#output.line(refusal.line)
      if (refusal instanceof BadCommand && ++this.#badCommands >= this.#session.deps.settings.maxBadCommands) throw new Goodbye('Too many bad commands')
    }
  }

  async #awaitCommand(): Promise<string> {
    const { deps, state } = this.#session
    const { maxLineBytes, loginTimeoutMs, idleTimeoutMs } = deps.settings
    for (;;) {
      if (this.#session.leaving !== undefined) throw new Goodbye(this.#session.leaving, 'SYS/TEMP')
      const heard = await this.#input.untilLine(maxLineBytes, state === 'authorization' ? loginTimeoutMs : idleTimeoutMs)
      if (heard === 'line') return this.#input.takeLine()
      if (heard === 'long') throw new Goodbye('A line is too long')
      // RFC 1939 §3: without a word, and nothing is deleted.
      if (heard === 'timeout') throw new ConnectionEnded('nothing heard for too long')
    }
  }

  /** What is no refusal is a bug or a failing engine: the log gets all of it, the client little. */
  #refusalOf(error: unknown): Pop3Refusal {
    if (error instanceof Goodbye || error instanceof ConnectionEnded) throw error
    if (error instanceof Pop3Refusal) return error
    if (error instanceof MailboxRefusal) return new Pop3Refusal(error.message)
    if (error instanceof EngineUnavailableError) return new Pop3Refusal('The mail store cannot be reached now, try again', 'SYS/TEMP')
    this.#session.log.error('command-failed', errorFields(error))
    return new Pop3Refusal('Something went wrong here', 'SYS/TEMP')
  }
}
