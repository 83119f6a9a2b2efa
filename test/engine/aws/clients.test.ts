/** The SDK's clients before a service that hangs, fails or answers: a server on loopback stands for all of AWS. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { DeleteMessageCommand } from '@aws-sdk/client-sqs'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import type { AwsClients } from '#lib/engine/aws/engine.ts'

interface Service {
  readonly clients: AwsClients
  readonly requests: () => number
  readonly connections: () => number
}

async function withService(answer: (response: ServerResponse) => void, work: (service: Service) => Promise<void>): Promise<void> {
  let [requests, connections] = [0, 0]
  const server = createServer((request, response) => {
    requests++
    request.resume().on('end', () => answer(response))
  })
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clients = makeAwsClients({ region: 'us-east-1', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, tries: 3, timeoutMs: 100, pollMs: 0 })
  try {
    await work({ clients, requests: () => requests, connections: () => connections })
  } finally {
    for (const client of Object.values<{ destroy(): void }>({ ...clients })) client.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const calls: Readonly<Record<string, (clients: AwsClients) => Promise<unknown>>> = {
  DynamoDB: async ({ dynamo }) => dynamo.send(new GetItemCommand({ TableName: 'table', Key: { pk: { S: 'p' }, sk: { S: 's' } } })),
  S3: async ({ s3 }) => s3.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' })),
  SQS: async ({ sqs }) => sqs.send(new DeleteMessageCommand({ QueueUrl: 'http://127.0.0.1/queue', ReceiptHandle: 'handle' })),
}

for (const [service, call] of Object.entries(calls)) {
  test(`${service} that never answers is given up after as many tries as are allowed`, async () => {
    await withService(() => undefined, async ({ clients, requests }) => {
      await assert.rejects(call(clients), (error: Error) => /Timeout/i.test(`${error.name} ${error.message}`))
      assert.equal(requests(), 3)
    })
  })

  test(`${service} that fails is tried again as often, and no more`, async () => {
    await withService((response) => response.writeHead(503).end(), async ({ clients, requests }) => {
      await assert.rejects(call(clients))
      assert.equal(requests(), 3)
    })
  })

  test(`${service} is asked over a connection that is kept`, async () => {
    await withService((response) => response.writeHead(200, { 'content-type': service === 'S3' ? 'application/octet-stream' : 'application/x-amz-json-1.0' }).end(service === 'S3' ? '' : '{}'), async ({ clients, requests, connections }) => {
      for (let turn = 0; turn < 5; turn++) {
        const { Body } = (await call(clients)) as { Body?: { transformToString(): Promise<string> } }
        await Body?.transformToString()
      }
      assert.deepEqual([requests(), connections()], [5, 1])
    })
  })
}
