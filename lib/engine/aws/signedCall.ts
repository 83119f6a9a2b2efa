/**
 * Calls of AWS services that the SDK's three clients of this project do not cover, signed by Signature Version 4: a client of
 * the SDK for each of Route 53, EC2 and ECS would weigh more than the functions that call them now and then.
 *
 * Invariants: a call ends in time; a failed one is tried again when the service says that this may help; errors carry the
 * service's own words. RFC 3986 §2.3 says which octets of a path and query stand as they are.
 */
import { createHash, createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface CallRequest {
  readonly service: string
  readonly region: string
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The service refused. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly status: number

  constructor(request: CallRequest, status: number, body: string) {
    super(`${request.service} answered ${status}: ${body.replaceAll(/\s+/g, ' ').slice(0, 1000)}`)
    this.status = status
  }
}

export type SignedCall = (request: CallRequest) => Promise<string>

const callMs = 10_000
const pausesMs = [200, 600, 2000]

/** Sends calls and resolves with the body of a good answer. @throws {CallError} when the service refuses */
export function makeSignedCall(credentials: Credentials, send: typeof fetch = fetch): SignedCall {
  const attempt = async (request: CallRequest): Promise<string> => {
    const response = await send(request.url, { method: request.method, headers: sign(request, credentials, new Date()), ...(request.body === undefined ? {} : { body: request.body }), signal: AbortSignal.timeout(callMs) })
    const body = await response.text()
    if (!response.ok) throw new CallError(request, response.status, body)
    return body
  }
  return async (request) => {
    for (const pauseMs of pausesMs) {
      try {
        return await attempt(request)
      } catch (error) {
        if (!mayHelp(error)) throw error
        await sleep(pauseMs)
      }
    }
    return await attempt(request)
  }
}

/** The network, the service itself, or too many calls at once. */
function mayHelp(error: unknown): boolean {
  return !(error instanceof CallError) || error.status >= 500 || error.status === 429 || /Throttl|PriorRequestNotComplete|RequestLimitExceeded/.test(error.message)
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
export const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The headers of the request with its signature, AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests"). */
export function sign({ service, region, method, url, headers = {}, body = '' }: CallRequest, { accessKeyId, secretAccessKey, sessionToken }: Credentials, now: Date): Record<string, string> {
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const date = stamp.slice(0, 8)
  const all: Record<string, string> = { ...headers, host: url.host, 'x-amz-date': stamp, ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }) }
  const named = Object.entries(all)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.trim().replaceAll(/ +/g, ' ')])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const signedHeaders = named.map(([name]) => name).join(';')
  const canonical = [method, canonicalPath(url), canonicalQuery(url), ...named.map(([name, value]) => `${name}:${value}`), '', signedHeaders, sha256(body)].join('\n')
  const scope = `${date}/${region}/${service}/aws4_request`
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, date))
  const signature = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString('hex')
  // fetch sets `host` itself, to the same.
  const sent = Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'host'))
  return { ...sent, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}` }
}

export const encode = (text: string): string => encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

/** Every service but S3 has the encoded path encoded once more. */
const canonicalPath = (url: URL): string => url.pathname.split('/').map(encode).join('/')

function canonicalQuery(url: URL): string {
  return [...url.searchParams]
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}
