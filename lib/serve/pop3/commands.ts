/** Every command: in which states it is allowed, and who obeys it. */
import type { Command, Verb } from '#lib/formats/pop3/command.ts'
import { BadCommand } from '#lib/formats/pop3/refusal.ts'
import type { Answer, Rule } from './command.ts'
import { obeyAuth } from './commands/auth.ts'
import { obeyCapa } from './commands/capa.ts'
import { obeyDele, obeyRset } from './commands/dele.ts'
import { obeyList, obeyStat, obeyUidl } from './commands/list.ts'
import { obeyPass, obeyUser } from './commands/login.ts'
import { obeyNoop, obeyUtf8 } from './commands/plain.ts'
import { obeyQuit } from './commands/quit.ts'
import { obeyRetr, obeyTop } from './commands/retr.ts'
import { obeyStls } from './commands/stls.ts'
import type { Session, SessionState } from './session.ts'

const before: readonly SessionState[] = ['authorization']
const behind: readonly SessionState[] = ['transaction']
const both: readonly SessionState[] = ['authorization', 'transaction']

const rules: { readonly [V in Verb]: Rule<V> } = {
  USER: { states: before, obey: obeyUser },
  PASS: { states: before, obey: obeyPass },
  AUTH: { states: before, obey: obeyAuth },
  STLS: { states: before, obey: obeyStls },
  UTF8: { states: before, obey: obeyUtf8 },
  STAT: { states: behind, obey: obeyStat },
  LIST: { states: behind, obey: obeyList },
  UIDL: { states: behind, obey: obeyUidl },
  RETR: { states: behind, obey: obeyRetr },
  TOP: { states: behind, obey: obeyTop },
  DELE: { states: behind, obey: obeyDele },
  RSET: { states: behind, obey: obeyRset },
  NOOP: { states: behind, obey: obeyNoop },
  CAPA: { states: both, obey: obeyCapa },
  QUIT: { states: both, obey: obeyQuit },
}

/** @throws {Pop3Refusal} and whatever the rooms below throw. */
export function obey(session: Session, command: Command): Answer | Promise<Answer> {
  const rule = rules[command.verb] as Rule<Verb>
  if (!rule.states.includes(session.state)) throw new BadCommand(session.state === 'authorization' ? 'Log in first' : 'You are logged in already')
  return rule.obey(session, command)
}
