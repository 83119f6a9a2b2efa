/**
 * Stands before an emulated account and writes down who asks for what, in the words of IAM: who by the access key of the
 * signature, what by action and resource. So what was done can be held against what a role may do.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

export interface Asked {
  readonly who: string
  /** `sqs:SendMessage` */
  readonly action: string
  /** The table's name, the queue's name, `bucket` or `bucket/key`. */
  readonly resource: string
}

export interface Recorder {
  readonly endpoint: string
  /** Each once. */
  asked(): Asked[]
  close(): Promise<void>
}

export async function startRecorder(endpoint: string): Promise<Recorder> {
  const seen = new Map<string, Asked>()
  const target = new URL(endpoint)
  const agent = new http.Agent({ keepAlive: true })
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      for (const asked of readRequest(request, body)) seen.set(JSON.stringify(asked), asked)
      const onward = http.request({ agent, host: target.hostname, port: target.port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      onward.on('error', () => response.destroy())
      onward.end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => [...seen.values()],
    close: async () => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The right that one call needs is not always its own name. */
const rights: Readonly<Record<string, string>> = { SendMessageBatch: 'SendMessage', DeleteMessageBatch: 'DeleteMessage', ChangeMessageVisibilityBatch: 'ChangeMessageVisibility' }

function readRequest(request: http.IncomingMessage, body: Buffer): Asked[] {
  const [, who = 'nobody'] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? []
  const [service = '', action = ''] = String(request.headers['x-amz-target'] ?? '').split('.')
  if (service === 'AmazonSQS') {
    const { QueueUrl, QueueName = '' } = JSON.parse(body.toString()) as { QueueUrl?: string; QueueName?: string }
    return [{ who, action: `sqs:${rights[action] ?? action}`, resource: QueueUrl?.split('/').at(-1) ?? QueueName }]
  }
  if (service.startsWith('DynamoDB')) return readTableCall(who, action, body)
  return [readBucketCall(who, request)]
}

interface TransactItem {
  readonly TableName: string
}

/** A transaction needs the rights of its parts. */
function readTableCall(who: string, action: string, body: Buffer): Asked[] {
  const call = JSON.parse(body.toString()) as { TableName?: string; TransactItems?: Record<string, TransactItem>[] }
  const names: Readonly<Record<string, string>> = { Put: 'PutItem', Delete: 'DeleteItem', Update: 'UpdateItem', ConditionCheck: 'ConditionCheckItem' }
  if (action !== 'TransactWriteItems') return [{ who, action: `dynamodb:${action}`, resource: call.TableName ?? '' }]
  return (call.TransactItems ?? []).flatMap((item) => Object.entries(item).map(([kind, { TableName }]) => ({ who, action: `dynamodb:${names[kind] ?? kind}`, resource: TableName })))
}

function readBucketCall(who: string, request: http.IncomingMessage): Asked {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://host')
  const [, bucket = '', ...key] = pathname.split('/')
  const resource = key.join('/') === '' ? bucket : `${bucket}/${key.join('/')}`
  const upload = searchParams.has('uploadId')
  const actions: Readonly<Record<string, string>> = { GET: key.join('/') === '' ? 'ListBucket' : 'GetObject', HEAD: 'GetObject', PUT: 'PutObject', POST: 'PutObject', DELETE: upload ? 'AbortMultipartUpload' : 'DeleteObject' }
  return { who, action: `s3:${actions[request.method ?? ''] ?? 'unknown'}`, resource }
}
