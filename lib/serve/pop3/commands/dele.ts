/** DELE and RSET: RFC 1939 §5. */
import type { Answer } from '../command.ts'
import type { Session } from '../session.ts'

export function obeyDele({ maildrop }: Session, { number }: { readonly number: number }): Answer {
  maildrop.delete(number)
  return `Message ${number} will be deleted`
}

export function obeyRset({ maildrop }: Session): Answer {
  maildrop.undelete()
  return `${maildrop.count} messages, ${maildrop.sizeBytes} octets`
}
