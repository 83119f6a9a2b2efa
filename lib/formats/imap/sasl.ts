/** AUTHENTICATE and LOGIN arguments: RFC 9051 §6.2.2 and §6.2.3. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'

export interface Authenticate {
  readonly mechanism: string
  /** Undefined: the client waits to be asked. */
  readonly initial: Uint8Array | undefined
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** One line of the exchange. Throws BAD for what is not base64. */
export function decodeSaslLine(line: string): Uint8Array {
  if (!base64.test(line)) throw bad('Expected base64')
  return Buffer.from(line, 'base64')
}

export function parseAuthenticate(lexer: Lexer): Authenticate {
  lexer.space()
  const mechanism = lexer.word('a mechanism')
  if (!lexer.skip(' ')) {
    lexer.end()
    return { mechanism, initial: undefined }
  }
  const text = lexer.text.slice(lexer.at)
  // RFC 4959 §3: `=` is an empty initial response.
  return { mechanism, initial: text === '=' ? new Uint8Array(0) : decodeSaslLine(text) }
}

export function parseLogin(lexer: Lexer): { login: string; password: string } {
  lexer.space()
  const login = lexer.astring('a user name')
  lexer.space()
  const password = lexer.astring('a password')
  lexer.end()
  return { login, password }
}
