/**
 * Keys and certificates in the bucket, under `tls/`, encrypted with a key of KMS.
 *
 * Invariants: nothing else lies under that prefix, and nothing of mail is encrypted so; an object is replaced whole, so whoever
 * reads gets a key and a chain that belong together. renew-certificate writes, the front reads.
 */
import { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'

const prefix = 'tls/'
export const tlsObjectNames = { certificate: 'certificate.pem', accountKey: 'account-key.pem' } as const
export type TlsObjectName = (typeof tlsObjectNames)[keyof typeof tlsObjectNames]

export interface TlsObject {
  readonly text: string
  /** Changes with the text. */
  readonly version: string
}

export interface TlsObjects {
  /** Undefined when there is none. The caller needs s3:ListBucket, be it for this prefix alone, without which S3 does not say so. */
  read(name: TlsObjectName): Promise<TlsObject | undefined>
  /** The same; `unchanged` when it still is the version known. */
  readIfNew(name: TlsObjectName, knownVersion: string | undefined): Promise<TlsObject | 'unchanged' | undefined>
  write(name: TlsObjectName, text: string): Promise<void>
}

/** @param kmsKey id or ARN of a key of the account's own; absent, the one that AWS keeps for S3, which costs nothing */
export function tlsObjects(s3: S3Client, bucket: string, kmsKey?: string): TlsObjects {
  /** Whoever may list a prefix alone hears 403 of an object that is not there, as well as of one that may not be read. */
  const isThere = async (key: string): Promise<boolean> => {
    const { KeyCount = 0 } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }))
    return KeyCount > 0
  }
  const readIfNew = async (name: TlsObjectName, knownVersion: string | undefined): Promise<TlsObject | 'unchanged' | undefined> => {
    try {
      const { Body, ETag = '' } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + name, ...(knownVersion === undefined ? {} : { IfNoneMatch: knownVersion }) }))
      return { text: (await Body?.transformToString()) ?? '', version: ETag }
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined
      if (isNotModified(error)) return 'unchanged'
      if (isDenied(error) && !(await isThere(prefix + name))) return undefined
      throw error
    }
  }
  return {
    readIfNew,
    read: async (name) => {
      const found = await readIfNew(name, undefined)
      return found === 'unchanged' ? undefined : found
    },
    write: async (name, text) => {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + name, Body: text, ContentType: 'application/x-pem-file', ServerSideEncryption: 'aws:kms', ...(kmsKey === undefined ? {} : { SSEKMSKeyId: kmsKey, BucketKeyEnabled: true }) }))
    },
  }
}

const isDenied = (error: unknown): boolean => error instanceof S3ServiceException && error.$metadata.httpStatusCode === 403
const isNotModified = (error: unknown): boolean => (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode === 304
