/** NAMESPACE: RFC 9051 §6.3.10. Places where others' mailboxes would be are told, be there any or not. */
import { encodeMailboxName, hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { writeString, writeUtf8Quoted } from '#lib/formats/imap/write.ts'
import type { Answer, Command } from '../command.ts'
import type { Session } from '../session.ts'

export function namespace({ session, lexer }: Command): Answer {
  lexer.end()
  const { otherUsersPrefix, sharedPrefix } = session.places
  session.output.text(`* NAMESPACE (("" "${hierarchySeparator}")) ${writeNamespace(otherUsersPrefix, session)} ${writeNamespace(sharedPrefix, session)}\r\n`)
  return {}
}

function writeNamespace(prefix: string, { nameEncoding }: Session): string {
  if (prefix === '') return 'NIL'
  const octets = encodeMailboxName(prefix, nameEncoding)
  return `((${nameEncoding === 'utf8' ? writeUtf8Quoted(octets) : writeString(octets)} "${hierarchySeparator}"))`
}
