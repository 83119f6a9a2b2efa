/** A server's reply, RFC 5321 §4.2, with enhanced status codes, RFC 2034. */
export interface Reply {
  readonly code: number
  /** RFC 3463, e.g. `5.1.1`; absent where RFC 2034 §4 has none (greeting, EHLO, 3xx). */
  readonly enhancedCode?: string
  /** One line each; at least one. */
  readonly lines: readonly string[]
}

export function reply(code: number, enhancedCode: string | undefined, ...lines: string[]): Reply {
  return enhancedCode === undefined ? { code, lines } : { code, enhancedCode, lines }
}

/** Text of the whole reply with its CRLFs. */
export function formatReply({ code, enhancedCode, lines }: Reply): string {
  const words = enhancedCode === undefined ? '' : `${enhancedCode} `
  if (lines.length === 1) return `${code} ${words}${clean(lines[0] ?? '')}\r\n`
  return lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${words}${clean(line)}\r\n`).join('')
}

/** No text, whoever wrote it, may end a line or be longer than a reply line may be (RFC 5321 §4.5.3.1.5: 512 octets). */
function clean(text: string): string {
  return /[\x00-\x1f\x7f]/.test(text) || text.length > 480 ? text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 480) : text
}

/** The client's mistake, as the reply it gets. */
export class SmtpRefusal extends Error {
  override readonly name = 'SmtpRefusal'
  readonly reply: Reply
  /** `close`: the connection ends behind the reply. */
  readonly then: 'go on' | 'close'

  constructor(code: number, enhancedCode: string, text: string, then: 'go on' | 'close' = 'go on') {
    super(`${code} ${enhancedCode} ${text}`)
    this.reply = reply(code, enhancedCode, text)
    this.then = then
  }
}
