import type { Command, Verb } from '#lib/formats/pop3/command.ts'
import type { Session, SessionState } from './session.ts'

/** The text behind +OK; undefined: the handler has answered. */
export type Answer = string | undefined

/** How one command is obeyed, and where it is allowed. */
export interface Rule<V extends Verb> {
  readonly states: readonly SessionState[]
  obey(session: Session, command: Extract<Command, { verb: V }>): Answer | Promise<Answer>
}
