/** UNAUTHENTICATE: RFC 8437. The connection is as it was before login; TLS stays. */
import { bad } from '#lib/formats/imap/refusal.ts'
import { capabilities } from '../capability.ts'
import type { Answer, Command } from '../command.ts'
import { ConnectionEnded } from '../endings.ts'

export async function unauthenticate({ session, lexer, tag }: Command): Promise<Answer | 'answered'> {
  // RFC 8437 §3: there is a way to switch it off.
  if (!session.deps.settings.unauthenticate) throw bad('Unknown command')
  lexer.end()
  session.logOut()
  const { compression, connection, input, output } = session
  output.text(`${tag} OK [CAPABILITY ${capabilities(session)}] Nobody is logged in\r\n`)
  if (compression === undefined) return 'answered'
  // RFC 8437 §4: compression ends with this line, either way.
  input.detach()
  compression.stopInflating()
  await output.flush()
  if (!(await compression.settle(session.deps.settings.writeTimeoutMs))) throw new ConnectionEnded('the client does not read')
  compression.remove()
  session.compression = undefined
  output.attach(connection.stream)
  input.attach(connection.stream)
  return 'answered'
}
