/**
 * Reads commands with their literals: a command whole, but for the messages it brings, which its handler pulls.
 *
 * Invariants: a command in memory is never larger than the setting; a message is never in memory whole; what a refused
 * command still brings is read and dropped, or its messages would be taken for commands.
 */
import { endsBeforeMessage, endsBeforeNextMessage } from '#lib/formats/imap/append.ts'
import type { LiteralMark } from '#lib/formats/imap/command.ts'
import { literalAtEnd } from '#lib/formats/imap/command.ts'
import { Lexer } from '#lib/formats/imap/lexer.ts'
import { takesAnyOctets } from '#lib/formats/imap/metadata.ts'
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { CommandRest, MessageLiteral } from './command.ts'
import { Goodbye } from './endings.ts'
import { readLiteral } from './literal.ts'
import type { Session } from './session.ts'

export interface CommandText {
  readonly text: string
  readonly literal: IncomingMessage | undefined
}

export class CommandReader {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  /** The rest of the command that this line begins, up to a message's literal. */
  async read(firstLine: string): Promise<CommandText> {
    const { settings } = this.#session.deps
    return await this.#gather(firstLine, endsBeforeMessage, this.#session.state === 'notAuthenticated' ? settings.maxCommandBytesBeforeLogin : settings.maxCommandBytes)
  }

  /** What stands behind a message, up to the next one or the end of the command. */
  async readOn(): Promise<CommandText> {
    return await this.#gather(await this.#nextLine(), endsBeforeNextMessage, this.#session.deps.settings.maxCommandBytes)
  }

  async #gather(firstLine: string, isMessage: (before: string) => boolean, limit: number): Promise<CommandText> {
    const { settings } = this.#session.deps
    let text = ''
    let line = firstLine
    for (let count = 0; ; count++) {
      const mark = literalAtEnd(line)
      if (mark === undefined) return { text: text + line, literal: undefined }
      const before = text + line.slice(0, -mark.markLength)
      if (isMessage(before)) return { text: before, literal: new IncomingMessage(this, mark) }
      const refused = mark.binary && !takesAnyOctets(before)
      if (refused || text.length + line.length + mark.sizeBytes > limit || count >= settings.maxLiterals) {
        await this.skip(mark)
        throw refused ? bad('A binary literal cannot stand here') : no('The command is too long', 'LIMIT')
      }
      text = `${text}${line}\r\n${await this.#literalText(mark)}`
      line = await this.#nextLine()
    }
  }

  /** The octets of a literal; who waits to be asked for them is asked. */
  async *octets(mark: LiteralMark): AsyncGenerator<Buffer> {
    const { input, output, deps } = this.#session
    if (mark.waits) {
      output.text('+ Ready\r\n')
      await output.flush()
    }
    yield* readLiteral(input, mark.sizeBytes, deps.settings.literalTimeoutMs)
  }

  async #literalText(mark: LiteralMark): Promise<string> {
    let text = ''
    for await (const chunk of this.octets(mark)) text += chunk.toString('latin1')
    return text
  }

  /** The line after a literal. */
  async #nextLine(): Promise<string> {
    const { input, deps } = this.#session
    const { settings } = deps
    for (;;) {
      const wait = await input.untilLine(settings.maxLineBytes, settings.literalTimeoutMs)
      if (wait === 'line') return input.takeLine()
      if (wait === 'long') throw new Goodbye('A line is too long')
      if (wait === 'timeout') throw new Goodbye('A command did not end in time')
    }
  }

  /** Reads and drops a literal and all that follows. A client that waits to be asked for it brings nothing more. */
  async skip(first: LiteralMark): Promise<void> {
    const { deps, state } = this.#session
    let left = state === 'notAuthenticated' ? deps.settings.maxCommandBytes : deps.maxMessageBytes * 2
    for (let mark: LiteralMark | undefined = first; mark !== undefined && !mark.waits; mark = literalAtEnd(await this.#nextLine())) {
      left -= mark.sizeBytes
      // RFC 7888 §4: who sends without asking may be cut off.
      if (left < 0) throw new Goodbye('A literal is too large')
      for await (const chunk of this.octets(mark)) void chunk
    }
  }

  /** The same for what follows a literal. */
  async skipOn(): Promise<void> {
    const mark = literalAtEnd(await this.#nextLine())
    if (mark !== undefined) await this.skip(mark)
  }
}

export class IncomingMessage implements MessageLiteral {
  readonly mark: LiteralMark
  readonly #reader: CommandReader
  #state: 'untouched' | 'reading' | 'read' | 'passed' = 'untouched'
  #octets: AsyncGenerator<Buffer> | undefined
  #next: IncomingMessage | undefined

  constructor(reader: CommandReader, mark: LiteralMark) {
    this.#reader = reader
    this.mark = mark
  }

  async *read(): AsyncIterable<Uint8Array> {
    this.#state = 'reading'
    this.#octets = this.#reader.octets(this.mark)
    for (let next = await this.#octets.next(); next.done !== true; next = await this.#octets.next()) yield next.value
    this.#state = 'read'
  }

  async rest(): Promise<CommandRest> {
    if (this.#state !== 'read') throw new Error('the message was not read')
    this.#state = 'passed'
    const { text, literal } = await this.#reader.readOn()
    this.#next = literal
    return { lexer: new Lexer(text), literal }
  }

  /** Reads what a command that ended early has left, so that the next one is found. */
  async finish(): Promise<void> {
    if (this.#state === 'passed') return await this.#next?.finish()
    if (this.#state === 'untouched') return await this.#reader.skip(this.mark)
    if (this.#state === 'reading') while ((await this.#octets?.next())?.done === false);
    await this.#reader.skipOn()
  }
}
