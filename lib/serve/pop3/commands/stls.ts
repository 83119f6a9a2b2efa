/** STLS: RFC 2595 §4. */
import { BadCommand } from '#lib/formats/pop3/refusal.ts'
import { ConnectionEnded } from '../../input.ts'
import type { Answer } from '../command.ts'
import { Goodbye } from '../session.ts'
import type { Session } from '../session.ts'

export async function obeyStls(session: Session): Promise<Answer> {
  const { connection, input, output, deps } = session
  if (connection.secure) throw new BadCommand('TLS is on already')
  if (deps.tls === undefined) throw new BadCommand('TLS is not to be had here')
  // A client that speaks TLS waits for our word; what came already was put there by someone else.
  if (input.bytes > 0) throw new Goodbye('Nothing may follow STLS')
  await output.flush()
  output.line('+OK Begin TLS now')
  input.detach()
  output.push()
  await connection.startTls().catch((error: unknown) => {
    throw new ConnectionEnded(`TLS failed: ${error instanceof Error ? error.message : String(error)}`)
  })
  session.forget()
  output.attach(connection.stream)
  input.attach(connection.stream)
  return undefined
}
