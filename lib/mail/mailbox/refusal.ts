/** What an operation on mailboxes may refuse, expected and told to the client; anything else thrown is a fault. */
export type RefusalCode = 'NONEXISTENT' | 'ALREADYEXISTS' | 'OVERQUOTA' | 'CANNOT' | 'INUSE' | 'LIMIT' | 'TOOBIG' | 'TOOMANY'

export class MailboxRefusal extends Error {
  override readonly name = 'MailboxRefusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}
