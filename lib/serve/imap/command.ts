/** What a command handler gets and gives. */
import type { Lexer } from '#lib/formats/imap/lexer.ts'
import type { LiteralMark } from '#lib/formats/imap/command.ts'
import type { Session } from './session.ts'

/** A message (or a part of one) on its way in: announced by the command, not yet read. */
export interface MessageLiteral {
  readonly mark: LiteralMark
  /** Tells a waiting client to go on, then yields the octets. */
  read(): AsyncIterable<Uint8Array>
  /** Behind the octets, all of which must have been read. */
  rest(): Promise<CommandRest>
}

/** Where a command goes on: its text, and what is announced at the end of that. Both empty: it is over. */
export interface CommandRest {
  readonly lexer: Lexer
  readonly literal: MessageLiteral | undefined
}

export interface Command {
  readonly session: Session
  readonly tag: string
  readonly word: string
  /** Stands at the arguments, the space before them not yet read. */
  readonly lexer: Lexer
  /** APPEND and REPLACE only. */
  readonly literal: MessageLiteral | undefined
}

/** The tagged OK. */
export interface Answer {
  /** Response code without brackets. */
  readonly code?: string
  readonly text?: string
  /** RFC 9738 §4: that the command has left messages out. */
  readonly limited?: string | undefined
}

/**
 * Parses, checks, acts, and writes its untagged responses. The tagged OK is written by the caller, after the news of
 * the mailbox; `answered` says that it had to go out earlier. @throws ImapRefusal for NO and BAD.
 */
export type Handler = (command: Command) => Promise<Answer | 'answered'> | Answer
