/**
 * The one refusal of IMAP: what the client is told in the tagged answer. Anything else that is thrown is a bug.
 * Response codes are those of RFC 9051 §7.1 and RFC 5530 §3, without brackets.
 */
export class ImapRefusal extends Error {
  override readonly name = 'ImapRefusal'
  readonly status: 'NO' | 'BAD'
  readonly code: string | undefined

  constructor(status: 'NO' | 'BAD', text: string, code?: string) {
    super(text)
    this.status = status
    this.code = code
  }
}

/** The command cannot be understood: the client's mistake in syntax or in the order of its commands. */
export function bad(text: string, code?: string): ImapRefusal {
  return new ImapRefusal('BAD', text, code)
}

/** The command was understood and is refused. */
export function no(text: string, code?: string): ImapRefusal {
  return new ImapRefusal('NO', text, code)
}
