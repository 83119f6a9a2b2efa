/**
 * The messages that an APPEND or REPLACE brings: literals, and what CATENATE puts together (RFC 3502, RFC 4469).
 *
 * Invariant: each is pulled to its end before the next is asked for; of none more than a chunk is in memory.
 */
import type { MessageStart } from '#lib/formats/imap/append.ts'
import { parseCatenatePart, parseMessageStart } from '#lib/formats/imap/append.ts'
import { bad, no } from '#lib/formats/imap/refusal.ts'
import type { CommandRest, MessageLiteral } from './command.ts'
import { demandSavable } from './messageLimit.ts'
import type { Session } from './session.ts'
import { urlOctets } from './urlOctets.ts'

export interface Incoming extends Omit<MessageStart, 'form'> {
  readonly content: AsyncIterable<Uint8Array>
  /** Undefined: not known before its end. */
  readonly sizeBytes: number | undefined
}

/** `start` stands before the space behind the mailbox name. @throws bad, no */
export async function* incomingMessages(session: Session, start: CommandRest): AsyncGenerator<Incoming> {
  let place = start
  for (let count = 1; ; count++) {
    demandSavable(session, count)
    if (count > session.deps.settings.maxAppendMessages) throw no('So many messages cannot be taken together', 'LIMIT')
    const { form, ...message } = parseMessageStart(place.lexer)
    const source = form === 'catenate' ? new Catenation(session, place) : new Whole(session, place, form === 'utf8')
    yield { ...message, content: source.content(), sizeBytes: source.sizeBytes }
    place = source.place
    if (place.literal === undefined && place.lexer.ended) return
  }
}

function demandLiteral({ literal }: CommandRest): MessageLiteral {
  if (literal === undefined) throw bad('Expected a message as a literal')
  return literal
}

/** A message that is one literal. */
class Whole {
  readonly sizeBytes: number
  place: CommandRest
  readonly #literal: MessageLiteral
  readonly #parenthesised: boolean

  constructor({ deps }: Session, place: CommandRest, parenthesised: boolean) {
    this.place = place
    this.#literal = demandLiteral(place)
    this.#parenthesised = parenthesised
    this.sizeBytes = this.#literal.mark.sizeBytes
    // RFC 7889 §3: refused before the octets travel.
    if (this.sizeBytes > deps.maxMessageBytes) throw no('The message is too large', 'TOOBIG')
    // RFC 3502 §6.3: an empty one takes the command back.
    if (this.sizeBytes === 0) throw no('The message is empty', 'CANNOT')
  }

  async *content(): AsyncGenerator<Uint8Array> {
    yield* withoutNul(this.#literal.read())
    this.place = await this.#literal.rest()
    if (this.#parenthesised) this.place.lexer.expect(')')
    demandEnd(this.place)
  }
}

/** A message of parts that are sent, and parts that are here already. */
class Catenation {
  readonly sizeBytes = undefined
  place: CommandRest
  readonly #session: Session

  constructor(session: Session, place: CommandRest) {
    this.#session = session
    this.place = place
  }

  async *content(): AsyncGenerator<Uint8Array> {
    const limit = this.#session.deps.maxMessageBytes
    let sizeBytes = 0
    for await (const chunk of withoutNul(this.#parts())) {
      sizeBytes += chunk.length
      if (sizeBytes > limit) throw no('The message is too large', 'TOOBIG')
      yield chunk
    }
    if (sizeBytes === 0) throw no('The message is empty', 'CANNOT')
    demandEnd(this.place)
  }

  async *#parts(): AsyncGenerator<Uint8Array> {
    do {
      const part = parseCatenatePart(this.place.lexer)
      if (part.form === 'url') yield* urlOctets(this.#session, part.url)
      else {
        const literal = demandLiteral(this.place)
        if (literal.mark.sizeBytes > this.#session.deps.maxMessageBytes) throw no('The message is too large', 'TOOBIG')
        yield* literal.read()
        this.place = await literal.rest()
        if (part.form === 'utf8') this.place.lexer.expect(')')
      }
    } while (this.place.lexer.skip(' '))
    this.place.lexer.expect(')')
  }
}

/** The message ends here: what follows is the end of the command, or another message. */
function demandEnd({ lexer, literal }: CommandRest): void {
  if (lexer.peek() !== ' ' && (!lexer.ended || literal !== undefined)) throw bad('Expected the end of the command or another message')
}

/** RFC 3516 §4.4: binary content is refused by UNKNOWN-CTE where it is not kept. */
async function* withoutNul(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of content) {
    if (chunk.includes(0)) throw no('The message holds a NUL', 'UNKNOWN-CTE')
    yield chunk
  }
}
