import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { CallError, makeSignedCall, sign } from '#lib/engine/aws/signedCall.ts'
import type { CallRequest } from '#lib/engine/aws/signedCall.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const now = new Date('2015-08-30T12:36:00Z')

// The published examples of AWS's own suite for Signature Version 4, by their names there.
const examples: [name: string, request: Partial<CallRequest> & { url: URL }, signature: string][] = [
  ['get-vanilla', { url: new URL('https://example.amazonaws.com/') }, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['get-vanilla-query-order-key-case', { url: new URL('https://example.amazonaws.com/?Param2=value2&Param1=value1') }, 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
  ['post-vanilla', { method: 'POST', url: new URL('https://example.amazonaws.com/') }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
]

describe('a signed call', () => {
  for (const [name, request, signature] of examples)
    it(`is signed as in AWS's example ${name}`, () => {
      const { authorization = '' } = sign({ service: 'service', region: 'us-east-1', method: 'GET', ...request }, credentials, now)
      assert.equal(authorization, `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`)
    })

  it('carries the token of a session, and signs it', () => {
    const headers = sign({ service: 'ecs', region: 'eu-west-1', method: 'POST', url: new URL('https://ecs.eu-west-1.amazonaws.com/'), body: '{}' }, { ...credentials, sessionToken: 'token' }, now)
    assert.equal(headers['x-amz-security-token'], 'token')
    assert.match(headers['authorization'] ?? '', /SignedHeaders=host;x-amz-date;x-amz-security-token/)
  })

  const call = async (answers: [status: number, body: string][]): Promise<{ outcome: string | Error; asked: number }> => {
    let asked = 0
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const [status, body] = answers[asked++] ?? [500, 'no more']
      request.resume()
      response.writeHead(status).end(body)
    }
    const server = createServer(answer).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    try {
      const outcome = await makeSignedCall(credentials)({ service: 'route53', region: 'us-east-1', method: 'GET', url }).catch((error: unknown) => error as Error)
      return { outcome, asked }
    } finally {
      server.close()
      server.closeAllConnections()
    }
  }

  it('is tried again when the service is busy, and then succeeds', async () => {
    const busy = '<ErrorResponse><Error><Code>PriorRequestNotComplete</Code></Error></ErrorResponse>'
    assert.deepEqual(await call([[503, ''], [400, busy], [200, 'fine']]), { outcome: 'fine', asked: 3 })
  })

  it('that is refused is not tried again, and says why', async () => {
    const { outcome, asked } = await call([[403, '<Code>AccessDenied</Code> for you']])
    assert.ok(outcome instanceof CallError && outcome.status === 403)
    assert.match(outcome.message, /route53 answered 403: .*AccessDenied/)
    assert.equal(asked, 1)
  })
})
