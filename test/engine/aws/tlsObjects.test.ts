import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ListObjectsV2Command, NoSuchKey, S3ServiceException } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'

const failure = (name: string, httpStatusCode: number) => ({ name, message: name, $fault: 'client', $metadata: { httpStatusCode } }) as const
const denied = new S3ServiceException(failure('AccessDenied', 403))

/** An S3 that gives this answer to each GetObject, and lists so many keys. */
function stub(thrown: Error, keys = 0): { s3: S3Client; listed: unknown[] } {
  const listed: unknown[] = []
  const send = async (command: unknown): Promise<unknown> => {
    if (!(command instanceof ListObjectsV2Command)) throw thrown
    listed.push(command.input)
    return { KeyCount: keys }
  }
  // What is called of a client here.
  return { s3: { send } as unknown as S3Client, listed }
}

describe('objects of TLS', () => {
  it('are not there when S3 says so', async () => {
    const { s3, listed } = stub(new NoSuchKey({ message: 'none', $metadata: {} }))
    assert.equal(await tlsObjects(s3, 'b').read('certificate.pem'), undefined)
    assert.deepEqual(listed, [])
  })

  it('are not there when S3 denies them and lists none: whoever may list a prefix alone hears no more', async () => {
    const { s3, listed } = stub(denied)
    assert.equal(await tlsObjects(s3, 'b').read('certificate.pem'), undefined)
    assert.deepEqual(listed, [{ Bucket: 'b', Prefix: 'tls/certificate.pem', MaxKeys: 1 }])
  })

  it('that are there and denied are no reason to make others', async () => {
    await assert.rejects(tlsObjects(stub(denied, 1).s3, 'b').read('account-key.pem'), /AccessDenied/)
  })

  it('of a known version cost no reading', async () => {
    assert.equal(await tlsObjects(stub(new S3ServiceException(failure('NotModified', 304))).s3, 'b').readIfNew('certificate.pem', 'v1'), 'unchanged')
  })
})
