/** CAPA: RFC 2449 §5. */
import type { Answer } from '../command.ts'
import { capabilities } from '../capability.ts'
import { answerLines } from '../lines.ts'
import type { Session } from '../session.ts'

export async function obeyCapa(session: Session): Promise<Answer> {
  await answerLines(session, 'What can be done here', capabilities(session))
  return undefined
}
