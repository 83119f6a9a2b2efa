/** The one refusal of POP3: what the client is told by -ERR. Anything else that is thrown is a fault. */

/** RFC 2449 §8.1, RFC 3206. */
export type ResponseCode = 'IN-USE' | 'SYS/TEMP' | 'AUTH'

export class Pop3Refusal extends Error {
  override readonly name: string = 'Pop3Refusal'
  readonly code: ResponseCode | undefined

  constructor(text: string, code?: ResponseCode) {
    super(text)
    this.code = code
  }

  /** The response without its line end. */
  get line(): string {
    return `-ERR ${this.code === undefined ? '' : `[${this.code}] `}${this.message}`
  }
}

/** Cannot be understood, or not in this state: a client that says much of this is no mail program. */
export class BadCommand extends Pop3Refusal {}
