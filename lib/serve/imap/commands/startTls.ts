/** STARTTLS: RFC 9051 §6.2.1. */
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Answer, Command } from '../command.ts'
import { ConnectionEnded } from '../endings.ts'

export async function startTls({ session, lexer, tag }: Command): Promise<Answer | 'answered'> {
  const { connection, input, output, deps } = session
  lexer.end()
  if (deps.tls === undefined || connection.secure) throw bad(connection.secure ? 'TLS is on already' : 'TLS is not to be had here')
  await output.flush()
  output.text(`${tag} OK Begin TLS now\r\n`)
  input.detach()
  output.push()
  // What the client sent before the handshake is dropped by the door, so nothing unprotected is obeyed after it.
  await connection.startTls().catch((error: unknown) => {
    throw new ConnectionEnded(`TLS failed: ${error instanceof Error ? error.message : String(error)}`)
  })
  output.attach(connection.stream)
  input.attach(connection.stream)
  return 'answered'
}
