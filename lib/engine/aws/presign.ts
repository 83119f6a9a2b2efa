/**
 * Links to objects for whoever has no credentials: a URL that is good for a while (Signature Version 4 in the query,
 * Amazon S3 API reference, "Authenticating requests: using query parameters").
 */
import { objectKey } from './blobKeys.ts'
import { encode, hmac, sha256 } from './signedCall.ts'
import type { Credentials } from './signedCall.ts'

export interface LinkRequest {
  readonly bucket: string
  /** Of the blob. */
  readonly key: string
  readonly region: string
  readonly credentials: Credentials
  readonly now: Date
  /** At most a week; a link made with temporary credentials ends with them. */
  readonly seconds: number
  /** What the answer says of itself, such as `content-type`. */
  readonly answer?: Readonly<Record<string, string>>
  /** Fields of the request that must be just so, names in small letters: without them, or with others, S3 refuses the link. */
  readonly demanded?: Readonly<Record<string, string>>
  /** Absent: S3's own for this bucket. */
  readonly host?: string
}

export function makeLink({ bucket, key, region, credentials, now, seconds, answer = {}, demanded = {}, host = `${bucket}.s3.${region}.amazonaws.com` }: LinkRequest): string {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const scope = `${stamp.slice(0, 8)}/${region}/s3/aws4_request`
  const path = `/${objectKey(key).split('/').map(encode).join('/')}`
  const fields = Object.entries({ ...demanded, host }).sort(([a], [b]) => (a < b ? -1 : 1))
  const signed = fields.map(([name]) => name).join(';')
  const query = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${accessKeyId}/${scope}`],
    ['X-Amz-Date', stamp],
    ['X-Amz-Expires', String(seconds)],
    ['X-Amz-SignedHeaders', signed],
    ...(sessionToken === undefined ? [] : [['X-Amz-Security-Token', sessionToken]]),
    ...Object.entries(answer).map(([name, value]) => [`response-${name}`, value]),
  ]
    .map(([name = '', value = '']): [string, string] => [encode(name), encode(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  const canonical = ['GET', path, query, ...fields.map(([name, value]) => `${name}:${value}`), '', signed, 'UNSIGNED-PAYLOAD'].join('\n')
  const signingKey = [region, 's3', 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, stamp.slice(0, 8)))
  const signature = hmac(signingKey, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString('hex')
  return `https://${host}${path}?${query}&X-Amz-Signature=${signature}`
}
