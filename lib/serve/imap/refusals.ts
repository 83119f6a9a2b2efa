/** The refusals of lib/mail in IMAP's words. */
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { ImapRefusal, no } from '#lib/formats/imap/refusal.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'

/** RFC 5530 §3: the codes are mostly the same words. */
const codes: Readonly<Record<MailboxRefusal['code'], string>> = {
  NONEXISTENT: 'NONEXISTENT',
  ALREADYEXISTS: 'ALREADYEXISTS',
  OVERQUOTA: 'OVERQUOTA',
  CANNOT: 'CANNOT',
  INUSE: 'INUSE',
  LIMIT: 'LIMIT',
  TOOBIG: 'TOOBIG',
  // RFC 5464 §4.3: only of annotations.
  TOOMANY: 'METADATA TOOMANY',
}

/** Undefined: not a refusal but a fault. */
export function refusalOf(error: unknown): ImapRefusal | undefined {
  if (error instanceof ImapRefusal) return error
  if (error instanceof MailboxRefusal) return no(error.message, codes[error.code])
  if (error instanceof EngineUnavailableError) return no('The mail store cannot be reached now, try again', 'UNAVAILABLE')
  return undefined
}
