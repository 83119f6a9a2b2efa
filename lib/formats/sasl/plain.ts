/** The PLAIN mechanism: RFC 4616 §2. */
import { readUtf8 } from './utf8.ts'

export interface Plain {
  /** Whom to act for; empty: the one who logs in. */
  readonly authzid: string
  readonly login: string
  readonly password: string
}

/** Undefined for what breaks the grammar: three parts of UTF-8 between NULs, the last two not empty. */
export function parsePlain(message: Uint8Array): Plain | undefined {
  const [authzid, login, password, ...more] = readUtf8(message)?.split('\0') ?? []
  if (authzid === undefined || login === undefined || password === undefined || more.length > 0) return undefined
  return login === '' || password === '' ? undefined : { authzid, login, password }
}
