/** One exchange for each mechanism: it turns what the client says into a login, and what came of it into an outcome. */
import { randomBytes } from 'node:crypto'
import { parseOauthBearer, parseXoauth2, writeBearerFailure } from '#lib/formats/sasl/bearer.ts'
import type { Bearer } from '#lib/formats/sasl/bearer.ts'
import { bindingTypes } from '#lib/formats/sasl/channel.ts'
import type { BindingType } from '#lib/formats/sasl/channel.ts'
import { authMessage, bindingInput, parseClientFinal, parseClientFirst, writeServerFinal, writeServerFirst } from '#lib/formats/sasl/scram.ts'
import type { ClientFirst } from '#lib/formats/sasl/scram.ts'
import { parsePlain } from '#lib/formats/sasl/plain.ts'
import { readUtf8 } from '#lib/formats/sasl/utf8.ts'
import type { Account } from './account.ts'
import type { LoginChannel } from './channel.ts'

/** Who knocks, for limits and the log. */
export interface LoginClient {
  readonly address: string
  readonly protocol: 'smtp' | 'imap' | 'pop3'
  readonly tls: boolean
  /** Under TLS. */
  readonly channel?: LoginChannel | undefined
}

export type AuthOutcome =
  | { readonly ok: true; readonly account: Account; readonly login: string }
  | { readonly ok: false; readonly reason: 'invalid' | 'locked' | 'disabled' | 'malformed' | 'cancelled' }

export type SaslStep = { readonly challenge: Uint8Array } | { readonly outcome: AuthOutcome; readonly final?: Uint8Array }

/** One login by SASL; `null` is no initial response, `final` goes out with success. */
export interface SaslExchange {
  step(response: Uint8Array | null): Promise<SaslStep>
}

/** What the exchanges ask of the authenticator. */
export interface LoginCheck {
  password(login: string, password: string): Promise<AuthOutcome>
  scramKeys(login: string): Promise<{ readonly salt: string; readonly iterations: number }>
  scram(login: string, proof: { readonly proof: Uint8Array; readonly message: string }): Promise<{ readonly outcome: AuthOutcome; readonly serverKey: Uint8Array }>
  /** Of the connection; undefined where there is none, or none of this type. */
  binding(type: BindingType): Uint8Array | undefined
  /** Whether this client was offered SCRAM with channel binding. */
  readonly offersBinding: boolean
  /** By the certificate of the connection; '' for whomever it names. */
  certified(authzid: string): Promise<AuthOutcome>
  token(bearer: Bearer): Promise<AuthOutcome>
  /** For a client whose token was refused. */
  readonly tokenHelp: { readonly scope: string; readonly discovery: string }
  /** Nothing was tried: the message breaks the rules of its mechanism. */
  malformed(login: string | undefined): AuthOutcome
}

const nonceBytes = 18

/** One uses them once only. RFC 4616: PLAIN, RFC 7677: SCRAM-SHA-256, RFC 7628: OAUTHBEARER, RFC 4422 appendix A: EXTERNAL. */
export const exchanges: ReadonlyMap<string, (check: LoginCheck) => SaslExchange> = new Map([
  ['PLAIN', plain],
  ['LOGIN', loginMechanism],
  ['SCRAM-SHA-256', (check) => scram(check, false)],
  ['SCRAM-SHA-256-PLUS', (check) => scram(check, true)],
  ['EXTERNAL', external],
  ['OAUTHBEARER', (check) => bearer(check, parseOauthBearer)],
  ['XOAUTH2', (check) => bearer(check, parseXoauth2)],
])

/** Nobody acts for another here: an authorization identity names the one who logs in, or is empty. */
function actsForOther(authzid: string, login: string): boolean {
  return authzid !== '' && authzid.toLowerCase() !== login.toLowerCase()
}

function plain(check: LoginCheck): SaslExchange {
  return {
    async step(response) {
      if (response === null) return { challenge: new Uint8Array(0) }
      const message = parsePlain(response)
      if (message === undefined) return { outcome: check.malformed(undefined) }
      if (actsForOther(message.authzid, message.login)) return { outcome: check.malformed(message.login) }
      return { outcome: await check.password(message.login, message.password) }
    },
  }
}

/** Never standardised, still what some clients know only: name and password, each asked for. */
function loginMechanism(check: LoginCheck): SaslExchange {
  let login: string | undefined
  return {
    async step(response) {
      if (response === null) return { challenge: Buffer.from('Username:') }
      const text = readUtf8(response)
      if (text === undefined || text === '') return { outcome: check.malformed(login) }
      if (login !== undefined) return { outcome: await check.password(login, text) }
      login = text
      return { challenge: Buffer.from('Password:') }
    },
  }
}

/** RFC 4422 appendix A: the name is in the certificate; the message, often empty, is whom to act for. */
function external(check: LoginCheck): SaslExchange {
  return {
    async step(response) {
      if (response === null) return { challenge: new Uint8Array(0) }
      const authzid = readUtf8(response)
      return { outcome: authzid === undefined || authzid.includes('\0') ? check.malformed(undefined) : await check.certified(authzid) }
    },
  }
}

/** RFC 7628 §3.2.3: a refusal comes with its reason first, which the client answers with next to nothing. */
function bearer(check: LoginCheck, parse: (message: Uint8Array) => Bearer | undefined): SaslExchange {
  let refused: AuthOutcome | undefined
  return {
    async step(response) {
      if (refused !== undefined) return { outcome: refused }
      if (response === null) return { challenge: new Uint8Array(0) }
      const message = parse(response)
      if (message === undefined) return { outcome: check.malformed(undefined) }
      const outcome = await check.token(message)
      if (outcome.ok) return { outcome }
      refused = outcome
      return { challenge: Buffer.from(writeBearerFailure(check.tokenHelp)) }
    },
  }
}

/**
 * What the client's final message must repeat; undefined when the client and the mechanism do not fit.
 * RFC 5802 §6: a client that thinks we know no channel binding, although we offer it, has been lied to on the way.
 */
function expectedBinding(check: LoginCheck, { gs2Header, binding }: ClientFirst, plus: boolean): Buffer | undefined {
  if (!plus) return binding === 'n' || (binding === 'y' && !check.offersBinding) ? bindingInput(gs2Header, new Uint8Array(0)) : undefined
  const type = bindingTypes.find((one) => one === binding)
  const channel = type === undefined ? undefined : check.binding(type)
  return channel === undefined ? undefined : bindingInput(gs2Header, channel)
}

/** RFC 5802 §3: client-first, server-first, client-final, server-final. */
function scram(check: LoginCheck, plus: boolean): SaslExchange {
  let begun: { first: ClientFirst; expected: Buffer; nonce: string; serverFirst: string } | undefined
  const begin = async (response: Uint8Array): Promise<SaslStep> => {
    const first = parseClientFirst(response)
    if (first === undefined) return { outcome: check.malformed(undefined) }
    const expected = expectedBinding(check, first, plus)
    if (expected === undefined || actsForOther(first.authzid, first.login)) return { outcome: check.malformed(first.login) }
    const nonce = first.nonce + randomBytes(nonceBytes).toString('base64')
    const { salt, iterations } = await check.scramKeys(first.login)
    begun = { first, expected, nonce, serverFirst: writeServerFirst({ nonce, salt, iterations }) }
    return { challenge: Buffer.from(begun.serverFirst) }
  }
  return {
    async step(response) {
      if (response === null) return { challenge: new Uint8Array(0) }
      if (begun === undefined) return await begin(response)
      const { first, expected, nonce, serverFirst } = begun
      const final = parseClientFinal(response)
      // RFC 5802 §5.1: c repeats the header and names the channel, r has both nonces.
      if (final === undefined || !final.bindingInput.equals(expected) || final.nonce !== nonce) return { outcome: check.malformed(first.login) }
      const message = authMessage(first.bare, serverFirst, final.withoutProof)
      const { outcome, serverKey } = await check.scram(first.login, { proof: final.proof, message })
      return outcome.ok ? { outcome, final: Buffer.from(writeServerFinal(serverKey, message)) } : { outcome }
    },
  }
}
