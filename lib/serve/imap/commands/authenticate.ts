/** AUTHENTICATE: RFC 9051 §6.2.2, initial response of RFC 4959. */
import { bad, no } from '#lib/formats/imap/refusal.ts'
import { decodeSaslLine, parseAuthenticate } from '#lib/formats/imap/sasl.ts'
import type { AuthOutcome, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import type { Answer, Command } from '../command.ts'
import { Goodbye } from '../endings.ts'
import { loginClient } from '../loginClient.ts'
import type { Session } from '../session.ts'
import { demandPrivacy, enter } from './login.ts'

export async function authenticate({ session, lexer }: Command): Promise<Answer> {
  const { mechanism, initial } = parseAuthenticate(lexer)
  demandPrivacy(session)
  const exchange = session.deps.authenticator.start(mechanism, loginClient(session))
  if (exchange === undefined) throw no('This mechanism is not offered', 'CANNOT')
  return await enter(session, await converse(session, exchange, initial ?? null))
}

async function converse(session: Session, exchange: SaslExchange, initial: Uint8Array | null): Promise<AuthOutcome> {
  let response = initial
  for (;;) {
    const step = await exchange.step(response)
    if ('challenge' in step) response = await ask(session, step.challenge)
    else {
      // IMAP has no place for data beside the tagged OK: it goes as one more challenge (RFC 4422 §5, item 2a).
      if (step.outcome.ok && step.final !== undefined) await ask(session, step.final)
      return step.outcome
    }
  }
}

async function ask(session: Session, challenge: Uint8Array): Promise<Uint8Array> {
  const { input, output, deps } = session
  output.text(`+ ${Buffer.from(challenge).toString('base64')}\r\n`)
  await output.flush()
  const { maxCommandBytesBeforeLogin } = deps.settings
  let wait = await input.untilLine(maxCommandBytesBeforeLogin, session.patienceMs)
  while (wait === 'woken') wait = await input.untilLine(maxCommandBytesBeforeLogin, session.patienceMs)
  if (wait !== 'line') throw new Goodbye(wait === 'long' ? 'A line is too long' : 'Nothing heard for too long')
  const line = input.takeLine()
  if (line === '*') throw bad('Cancelled')
  return decodeSaslLine(line)
}
