/** AUTH: RFC 5034 §4. */
import { BadCommand, Pop3Refusal } from '#lib/formats/pop3/refusal.ts'
import type { AuthOutcome, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import { ConnectionEnded } from '../../input.ts'
import { mechanisms } from '../capability.ts'
import type { Answer } from '../command.ts'
import { answerLines } from '../lines.ts'
import { Goodbye } from '../session.ts'
import type { Session } from '../session.ts'
import { demandPrivacy, enter, loginClient } from './login.ts'

export async function obeyAuth(session: Session, { mechanism, initial }: { readonly mechanism: string | undefined; readonly initial: string | undefined }): Promise<Answer> {
  demandPrivacy(session)
  // Older than CAPA, and still asked by some clients.
  if (mechanism === undefined) {
    await answerLines(session, 'These mechanisms', mechanisms(session))
    return undefined
  }
  const exchange = session.deps.authenticator.start(mechanism, loginClient(session))
  if (exchange === undefined) throw new BadCommand('This mechanism is not offered')
  return await enter(session, mechanism, await converse(session, exchange, initial === undefined ? null : decodeBase64(initial)))
}

async function converse(session: Session, exchange: SaslExchange, initial: Uint8Array | null): Promise<AuthOutcome> {
  let response = initial
  for (;;) {
    const step = await exchange.step(response)
    if ('challenge' in step) response = await ask(session, step.challenge)
    else {
      // Data that must go out with success is one more challenge, answered by an empty line. RFC 5034 §4
      if (step.outcome.ok && step.final !== undefined && (await ask(session, step.final)).length > 0) return { ok: false, reason: 'malformed' }
      return step.outcome
    }
  }
}

async function ask(session: Session, challenge: Uint8Array): Promise<Uint8Array> {
  const { input, output, deps, leaving } = session
  if (leaving !== undefined) throw new Goodbye(leaving, 'SYS/TEMP')
  output.line(`+ ${Buffer.from(challenge).toString('base64')}`)
  await output.flush()
  const heard = await input.untilLine(deps.settings.maxLineBytes, deps.settings.loginTimeoutMs)
  if (heard === 'woken') throw new Goodbye(session.leaving ?? '', 'SYS/TEMP')
  if (heard === 'long') throw new Goodbye('A line is too long')
  if (heard === 'timeout') throw new ConnectionEnded('the client was silent in the middle of a login')
  const line = input.takeLine()
  if (line === '*') throw new Pop3Refusal('Cancelled, as you wish')
  return decodeBase64(line)
}

function decodeBase64(text: string): Uint8Array {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) throw new BadCommand('That is no base64')
  return Buffer.from(text, 'base64')
}
