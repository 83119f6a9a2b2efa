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

/** The log of the account was thrown away and begun anew (rebuild.ts): what is in memory of it is worth nothing, what is kept can be opened. */
export class AnewRefusal extends MailboxRefusal {
  constructor() {
    super('NONEXISTENT', 'The account was made anew: log in again')
  }
}
