/** Every command: in which states it is allowed, and who obeys it. */
import type { Command, Verb } from '#lib/formats/smtp/command.ts'
import { SmtpRefusal } from '#lib/formats/smtp/reply.ts'
import type { Answer, Session, SessionState } from '../session.ts'
import { obeyAuth } from './auth.ts'
import { obeyBdat, obeyData } from './data.ts'
import { obeyEhlo, obeyHelo } from './hello.ts'
import { obeyMail } from './mail.ts'
import { obeyHelp, obeyNoop, obeyQuit, obeyRset, obeyVrfy, refuseExpn } from './plain.ts'
import { obeyRcpt } from './rcpt.ts'
import { obeyStartTls } from './starttls.ts'

interface Rule<V extends Verb> {
  readonly states: readonly SessionState[]
  obey(session: Session, command: Extract<Command, { verb: V }>): Answer | Promise<Answer>
}

const any: readonly SessionState[] = ['connected', 'ready', 'mail', 'rcpt', 'chunks', 'broken']

const rules: { readonly [V in Verb]: Rule<V> } = {
  EHLO: { states: any, obey: obeyEhlo },
  HELO: { states: any, obey: obeyHelo },
  STARTTLS: { states: ['connected', 'ready'], obey: obeyStartTls },
  AUTH: { states: ['ready'], obey: obeyAuth },
  MAIL: { states: ['ready'], obey: obeyMail },
  RCPT: { states: ['mail', 'rcpt'], obey: obeyRcpt },
  DATA: { states: ['mail', 'rcpt'], obey: obeyData },
  // Its octets must be read in every state.
  BDAT: { states: any, obey: obeyBdat },
  RSET: { states: any, obey: obeyRset },
  NOOP: { states: any, obey: obeyNoop },
  QUIT: { states: any, obey: obeyQuit },
  HELP: { states: any, obey: obeyHelp },
  VRFY: { states: any, obey: obeyVrfy },
  EXPN: { states: any, obey: refuseExpn },
}

const outOfOrder: Readonly<Record<SessionState, string>> = {
  connected: 'EHLO first',
  ready: 'MAIL first',
  mail: 'Not inside a mail transaction',
  rcpt: 'Not inside a mail transaction',
  chunks: 'BDAT or RSET must follow',
  broken: 'The message failed: RSET first',
}

/** @throws {SmtpRefusal} and whatever the rooms below throw. */
export function obey(session: Session, command: Command): Answer | Promise<Answer> {
  const rule = rules[command.verb] as Rule<Verb>
  if (!rule.states.includes(session.state)) throw new SmtpRefusal(503, '5.5.1', outOfOrder[session.state])
  return rule.obey(session, command)
}
