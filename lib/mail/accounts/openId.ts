/**
 * Tokens of an OpenID provider, checked without asking it about each: issuer, audience, time and signature, by keys that
 * it publishes (OpenID Connect Discovery 1.0, RFC 7519).
 *
 * Invariants: only signatures by public keys count; a token speaks for the address in one claim and for nobody else;
 * where the provider cannot be reached, a login fails for now and not for good.
 */
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'

/** What the authenticator asks about tokens. */
export interface TokenCheck {
  /** For clients whose token was refused. */
  readonly scope: string
  readonly discovery: string
  /** The login that the token is for; undefined when it is worth nothing. @throws {EngineUnavailableError} */
  check(token: string): Promise<string | undefined>
}

export interface OpenIdDeps {
  readonly settings: Config['oauth']
  readonly clock: Clock
  readonly log: Log
  readonly fetch: typeof fetch
}

/** RFC 8725 §3.1: no symmetric ones, no `none`. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** Undefined when no provider is configured. */
export function makeTokenCheck(deps: OpenIdDeps): TokenCheck | undefined {
  const { issuer, audience, scope } = deps.settings
  if (issuer === '') return undefined
  if (audience === '') {
    // Any token of the provider, made for whatever program, would open mailboxes.
    deps.log.error('oauth-off', { reason: 'oauth.issuer is set, but oauth.audience is not' })
    return undefined
  }
  const keys = new ProviderKeys(deps)
  return { scope, discovery: discoveryUrl(issuer), check: (token) => checkToken(deps, keys, token) }
}

async function checkToken({ settings, clock, log }: OpenIdDeps, keys: ProviderKeys, token: string): Promise<string | undefined> {
  const { issuer, audience, clockToleranceMs, userClaim } = settings
  try {
    const { payload } = await jwtVerify(token, await keys.find(), { issuer, audience, algorithms, clockTolerance: clockToleranceMs / 1000, currentDate: new Date(clock.now()), requiredClaims: ['exp', userClaim] })
    return loginOf(settings, payload)
  } catch (error) {
    if (error instanceof EngineUnavailableError) throw error
    // The claims of a token are not secret, the token is: it stands in none of these messages.
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) {
      log.info('token-refused', { reason: error.code })
      return undefined
    }
    throw unavailable(log, error)
  }
}

function loginOf({ userClaim, scope }: Config['oauth'], payload: JWTPayload): string | undefined {
  const login = payload[userClaim]
  if (typeof login !== 'string' || login === '') return undefined
  // OpenID Connect Core 1.0 §5.7: an address that nobody has verified is anybody's.
  if (userClaim === 'email' && (payload['email_verified'] === false || payload['email_verified'] === 'false')) return undefined
  return scope === '' || scopesOf(payload).includes(scope) ? login : undefined
}

/** RFC 9068 §2.2.3: `scope`, with spaces; some providers write `scp`, as a list too. */
function scopesOf(payload: JWTPayload): string[] {
  const given = payload['scope'] ?? payload['scp']
  if (typeof given === 'string') return given.split(' ')
  return Array.isArray(given) ? given.filter((one) => typeof one === 'string') : []
}

function unavailable(log: Log, error: unknown): EngineUnavailableError {
  log.error('openid-unreachable', errorFields(error))
  return new EngineUnavailableError('the OpenID provider cannot be reached')
}

function discoveryUrl(issuer: string): string {
  // OpenID Connect Discovery 1.0 §4.1
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** The provider's keys: found once, fetched again when they are old or a token names one that is not among them. */
class ProviderKeys {
  readonly #deps: OpenIdDeps
  #found: Promise<JWTVerifyGetKey> | undefined

  constructor(deps: OpenIdDeps) {
    this.#deps = deps
  }

  /** @throws {EngineUnavailableError} */
  async find(): Promise<JWTVerifyGetKey> {
    this.#found ??= this.#discover()
    try {
      return await this.#found
    } catch (error) {
      // The next login tries again.
      this.#found = undefined
      throw error
    }
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { settings, log, fetch } = this.#deps
    try {
      const url = settings.jwksUrl === '' ? await this.#jwksUrl() : settings.jwksUrl
      return createRemoteJWKSet(new URL(url), { timeoutDuration: settings.timeoutMs, cacheMaxAge: settings.keysMs, [customFetch]: fetch })
    } catch (error) {
      throw unavailable(log, error)
    }
  }

  async #jwksUrl(): Promise<string> {
    const { settings, fetch } = this.#deps
    const answer = await fetch(discoveryUrl(settings.issuer), { redirect: 'error', signal: AbortSignal.timeout(settings.timeoutMs) })
    if (!answer.ok) throw new Error(`${discoveryUrl(settings.issuer)} answered ${answer.status}`)
    const { issuer, jwks_uri: url } = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown }
    // OpenID Connect Discovery 1.0 §4.3: or another provider could speak for this one.
    if (issuer !== settings.issuer) throw new Error(`${settings.issuer} calls itself ${String(issuer)}`)
    if (typeof url !== 'string') throw new Error(`${settings.issuer} names no keys`)
    return url
  }
}
