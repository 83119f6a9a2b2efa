/** OAUTHBEARER (RFC 7628) and XOAUTH2, its older sister: a token instead of a password. */
import { readUtf8 } from './utf8.ts'

export interface Bearer {
  /** Whom the client says to be; empty: whomever the token names. */
  readonly login: string
  readonly token: string
}

/** Nobody's token is that long, and each is read to its end. */
const longestToken = 16 * 1024

/** RFC 7628 §3.1: a GS2 header, then key=value pairs between %x01. Undefined for what breaks the grammar. */
export function parseOauthBearer(message: Uint8Array): Bearer | undefined {
  const [, login = '', pairs] = /^[ny],(?:a=([^,\0]+))?,\x01((?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01$/.exec(readUtf8(message) ?? '') ?? []
  if (pairs === undefined || /=(?!2C|3D)/.test(login)) return undefined
  return bearerOf(login.replaceAll('=2C', ',').replaceAll('=3D', '='), pairs)
}

/** `user=` address %x01 `auth=Bearer ` token %x01 %x01 */
export function parseXoauth2(message: Uint8Array): Bearer | undefined {
  const [, login, pairs] = /^user=([^\x01\0]*)\x01((?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01$/.exec(readUtf8(message) ?? '') ?? []
  return login === undefined || pairs === undefined ? undefined : bearerOf(login, pairs)
}

function bearerOf(login: string, pairs: string): Bearer | undefined {
  const values = pairs.split('\x01').flatMap((pair) => (/^auth=/i.test(pair) ? [pair.slice('auth='.length)] : []))
  // RFC 6750 §2.1; the word counts whatever its case (RFC 7628 §4).
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(values[0] ?? '') ?? []
  return token === undefined || values.length > 1 || token.length > longestToken ? undefined : { login, token }
}

/** RFC 7628 §3.2.2: why a token was refused, as far as the client is told. */
export function writeBearerFailure({ scope, discovery }: { readonly scope: string; readonly discovery: string }): string {
  return JSON.stringify({ status: 'invalid_token', ...(scope === '' ? {} : { scope }), ...(discovery === '' ? {} : { 'openid-configuration': discovery }) })
}
