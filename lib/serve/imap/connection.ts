/**
 * One connection: runs commands one after the other, writes the answers.
 *
 * Invariants: commands are answered in the order they came in; every refusal is turned into bytes in {@link Conversation.#run} and nowhere else.
 */
import { errorFields } from '#lib/base/log.ts'
import { readCommandStart, readTag } from '#lib/formats/imap/command.ts'
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { ImapRefusal } from '#lib/formats/imap/refusal.ts'
import type { Connection } from '../door.ts'
import { Input } from '../input.ts'
import { Output } from '../output.ts'
import { capabilities } from './capability.ts'
import type { Answer } from './command.ts'
import { CommandReader } from './commandReader.ts'
import type { CommandText } from './commandReader.ts'
import { commands } from './commands.ts'
import { ConnectionEnded, Goodbye } from './endings.ts'
import { refusalOf } from './refusals.ts'
import type { ImapDeps } from './session.ts'
import { Session } from './session.ts'
import { demandUidCommand } from './uidOnly.ts'

/** The client hears at once what these have removed, whatever it wants to hear of others (RFC 5465 §5). */
const removing: ReadonlySet<string> = new Set(['EXPUNGE', 'UID EXPUNGE', 'MOVE', 'UID MOVE', 'REPLACE', 'UID REPLACE'])

const highWaterBytes = 128 * 1024
/** How long the end of a connection waits for its last words to be compressed and taken. */
const lastWordsMs = 2000

/** Serves the client until the connection is over. Never rejects. */
export async function serveConnection(deps: ImapDeps, connection: Connection): Promise<void> {
  const conversation = new Conversation(deps, connection)
  await conversation.hold()
}

class Conversation {
  readonly #session: Session
  readonly #input: Input
  readonly #output: Output
  readonly #reader: CommandReader
  #badCommands = 0

  constructor(deps: ImapDeps, connection: Connection) {
    this.#output = new Output(connection.stream, deps.settings.writeTimeoutMs)
    this.#input = new Input({ highWaterBytes, beforeWait: () => void this.#output.push() })
    this.#session = new Session(deps, connection, this.#input, this.#output)
    this.#reader = new CommandReader(this.#session)
    connection.onClose = () => {
      this.#input.end()
      this.#output.end()
    }
    connection.onDrain = () => {
      this.#session.draining = true
      this.#input.wake()
    }
    this.#input.attach(connection.stream)
  }

  async hold(): Promise<void> {
    const { connection, log } = this.#session
    try {
      this.#output.text(`* OK [CAPABILITY ${capabilities(this.#session)}] Pennypost is ready\r\n`)
      await this.#output.flush()
      while (this.#session.state !== 'logout') await this.#turn()
      await this.#output.flush()
    } catch (error) {
      if (error instanceof Goodbye) this.#sayGoodbye(error.message)
      else if (!(error instanceof ConnectionEnded)) {
        log.error('session-failed', errorFields(error))
        this.#sayGoodbye('Something went wrong here')
      }
    }
    await this.#session.compression?.settle(lastWordsMs)
    this.#session.end()
    connection.close()
  }

  #sayGoodbye(text: string): void {
    try {
      this.#output.text(`* BYE ${text}\r\n`)
      this.#output.push()
    } catch (error) {
      // The client has gone first: nobody is left to hear it.
      if (!(error instanceof ConnectionEnded)) throw error
    }
  }

  /** One command and its answer. */
  async #turn(): Promise<void> {
    // While more commands wait, small answers travel together.
    if (!this.#input.hasLine || this.#output.full) await this.#output.flush()
    if (this.#session.draining) throw new Goodbye('The server is stopping, connect again in a moment')
    const line = await this.#awaitCommand()
    if (line === undefined) return await this.#tellUnasked()
    let tag = readTag(line)
    try {
      const command = await this.#reader.read(line)
      tag = readTag(command.text)
      await this.#run(command)
      this.#badCommands = 0
    } catch (error) {
      const refusal = refusalOf(error) ?? this.#fault(error)
      this.#refuse(tag, refusal)
    }
  }

  /** RFC 5465: between commands. What cannot be read now is left out: the client can ask for it. */
  async #tellUnasked(): Promise<void> {
    try {
      await this.#session.notify?.tell()
    } catch (error) {
      if (refusalOf(error) === undefined) throw error
      this.#session.log.warn('notification-failed', errorFields(error))
    } finally {
      await this.#session.endCommand()
    }
  }

  async #awaitCommand(): Promise<string | undefined> {
    const wait = await this.#input.untilLine(this.#session.deps.settings.maxLineBytes, this.#session.patienceMs)
    if (wait === 'line') return this.#input.takeLine()
    if (wait === 'long') throw new Goodbye('A line is too long')
    if (wait === 'timeout') throw new Goodbye('Nothing heard for too long')
    return undefined
  }

  async #run({ text, literal }: CommandText): Promise<void> {
    const session = this.#session
    try {
      const { tag, word, lexer } = readCommandStart(text)
      const entry = commands.get(word)
      if (entry === undefined) throw bad('Unknown command')
      if (!entry.states.includes(session.state)) throw bad(`${word} is not allowed ${session.state === 'notAuthenticated' ? 'before login' : 'now'}`)
      demandUidCommand(session, word)
      await session.beginCommand(word)
      const answer = await entry.handler({ session, tag, word, lexer, literal })
      if (answer === 'answered') return
      await session.tellNews(entry.mayExpunge, removing.has(word))
      await session.notify?.tellOthers()
      this.#complete(tag, word, answer)
    } finally {
      await literal?.finish()
      await session.endCommand()
    }
  }

  #complete(tag: string, word: string, { code, text, limited }: Answer): void {
    // RFC 9738 §4: where the answer has a code of its own, it goes before.
    if (limited !== undefined && code !== undefined) this.#output.text(`* NO [${limited}] Not all messages were looked at\r\n`)
    const shown = code ?? limited
    this.#output.text(`${tag} OK ${shown === undefined ? '' : `[${shown}] `}${text ?? `${word} completed`}\r\n`)
  }

  #refuse(tag: string | undefined, refusal: ImapRefusal): void {
    const code = refusal.code === undefined ? '' : `[${refusal.code}] `
    this.#output.text(`${tag ?? '*'} ${refusal.status} ${code}${refusal.message}\r\n`)
    const { settings } = this.#session.deps
    if (this.#session.failedLogins >= settings.maxLoginFailures) throw new Goodbye('Too many failed logins')
    if (refusal.status === 'BAD' && ++this.#badCommands >= settings.maxBadCommands) throw new Goodbye('Too many bad commands')
  }

  /** What is no refusal is a bug or a failing engine: the log gets all of it, the client little. */
  #fault(error: unknown): ImapRefusal {
    if (error instanceof Goodbye || error instanceof ConnectionEnded) throw error
    this.#session.log.error('command-failed', errorFields(error))
    return no('Something went wrong here', 'SERVERBUG')
  }
}
