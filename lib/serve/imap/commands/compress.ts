/** COMPRESS: RFC 4978. */
import { errorFields } from '#lib/base/log.ts'
import { parseCompress } from '#lib/formats/imap/compress.ts'
import { bad } from '#lib/formats/imap/refusal.ts'
import type { Answer, Command } from '../command.ts'
import { Compression } from '../compression.ts'

export async function compress({ session, lexer, tag }: Command): Promise<Answer | 'answered'> {
  const { connection, input, output } = session
  // RFC 4978 §3
  if (parseCompress(lexer) !== 'DEFLATE') throw bad('DEFLATE is the only algorithm')
  if (session.compression !== undefined) throw bad('Compression is on already', 'COMPRESSIONACTIVE')
  await session.tellNews(true)
  await output.flush()
  output.text(`${tag} OK Compression is on\r\n`)
  // RFC 4978 §3: the octets behind this line, either way, are deflated.
  input.detach()
  output.push()
  const layer = new Compression(connection.stream)
  layer.on('error', (error) => session.log.debug('compression-ended', errorFields(error)))
  session.compression = layer
  output.attach(layer)
  input.attach(layer)
  return 'answered'
}
