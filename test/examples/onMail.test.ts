import assert from 'node:assert/strict'
import { createHmac, hash } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { makeLink } from '#lib/engine/aws/presign.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { readEvents } from '#lib/mail/events/replay.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import type { Stores } from '#lib/mail/rooms/stores.ts'
import { onMail as addOnMail } from '#lib/stacks/onMail.ts'
import { bundleHandler, TicketStack } from '../../examples/on-mail/app.ts'
import { openTicket } from '../../examples/on-mail/handler.ts'
import type { Ticket } from '../../examples/on-mail/handler.ts'
import { linkInBucket, onMail, rangeOf } from '../../functions/onMail.ts'
import type { LinkTo, ReceivedEvent } from '../../functions/onMail.ts'

const log = makeLog(() => undefined, { now: () => 0 })
const config = defaultConfig()

/** The blobs of an engine where links lead to, as the bucket answers: ranges, and the encoding that the link asks for. */
async function serveBlobs({ blobs }: Engine) {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://bucket')
    const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    asked.push(request.headers.range)
    void blobs.readBytes(decodeURIComponent(url.pathname.slice(1)), Number(from), Number(to) - Number(from) + 1).then((bytes) => {
      const encoding = url.searchParams.get('response-content-encoding')
      response.writeHead(bytes === undefined ? 404 : 206, { 'content-type': 'message/rfc822', ...(encoding === null ? {} : { 'content-encoding': encoding }) }).end(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const linkTo: LinkTo = ({ key, offset, length, codec }) => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(key)}${codec === 'identity' ? '' : `?response-content-encoding=${codec}`}`, headers: rangeOf(offset, length) })
  return { linkTo, asked, close: () => void server.close() }
}

describe('the app of examples/on-mail', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pp-on-mail-'))
  let engine: Engine
  let stores: Stores

  before(async () => {
    engine = await openEmbeddedEngine({ directory, clock: systemClock, log, settings: config.engine })
    // As where the engine does not compress by itself.
    stores = openStores({ engine: { ...engine, blobs: { ...engine.blobs, compresses: false } }, config, clock: systemClock, log })
  })
  after(async () => {
    await stores.mailStore.close()
    await engine.close()
    rmSync(directory, { recursive: true })
  })

  /** A message comes in; the event that tells of it. */
  async function receive(text: string): Promise<ReceivedEvent> {
    const mail = await stores.mailStore.open('anna')
    await appendMessage(mail, { content: Buffer.from(text), mailboxName: 'INBOX', flags: [], deliveryId: `${Math.random()}/anna`, envelope: { from: 'joe@remote.example', to: 'support@example.com' } })
    const { sequence } = mail.state
    mail.release()
    for await (const event of readEvents(engine.table, 'anna', { from: sequence, types: ['received'] })) return event as ReceivedEvent
    throw new Error('no event')
  }

  async function ticketFor(event: ReceivedEvent): Promise<{ ticket: Ticket | undefined; asked: readonly (string | undefined)[] }> {
    const { linkTo, asked, close } = await serveBlobs(engine)
    let ticket: Ticket | undefined
    try {
      await onMail(async (mail) => {
        ticket = await openTicket(mail)
      }, linkTo)({ detail: event })
    } finally {
      close()
    }
    return { ticket, asked }
  }

  for (const [what, body, codec] of [['a short message', 'Where is AB-1234?', 'identity'], ['one that is kept packed', `${'Please answer. '.repeat(200)}It is about AB-1234.`, 'zstd'], ['one too large for a note', `${'x'.repeat(700_000)}\r\nAB-1234`, 'identity']] as const)
    it(`reads ${what} by its link and opens a ticket`, async () => {
      const event = await receive(`From: Joe <joe@remote.example>\r\nSubject: =?utf-8?q?N=C3=A4chste?= Frage\r\n\r\n${body}\r\n`)
      assert.equal(event.detail.message.content.codec, codec)
      const { ticket, asked } = await ticketFor(event)
      assert.deepEqual({ ...ticket, link: '' }, { id: event.id, from: 'joe@remote.example', subject: 'Nächste Frage', order: 'AB-1234', sizeBytes: event.detail.message.sizeBytes, link: '' })
      assert.deepEqual(asked, [`bytes=0-${event.detail.message.content.length - 1}`])
    })

  it('fails when the message is gone, so that the call is tried again', async () => {
    const event = await receive('Subject: x\r\n\r\nx\r\n')
    await engine.blobs.delete(event.detail.message.content.key)
    await assert.rejects(ticketFor(event), /cannot be read: status 404/)
  })

  it('is bundled as one file', async () => {
    const made = await bundleHandler()
    const { size } = statSync(join(made, 'handler.mjs'))
    rmSync(made, { recursive: true })
    assert.ok(size > 500 && size < 50_000, `${size} octets`)
  })
})

describe('onMail', () => {
  const app = new App()
  const template = Template.fromStack(new TicketStack(app, Code.fromInline('exports.handler = async () => {}'), ['Support@example.com', 'sales@example.com']))

  it('calls the function with mail for the addresses, from the bus of the deployment', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: 'pennypost',
      EventPattern: { source: ['pennypost'], 'detail-type': ['received'], detail: { detail: { to: [{ 'equals-ignore-case': 'Support@example.com' }, { 'equals-ignore-case': 'sales@example.com' }] } } },
    })
  })

  it('lets the function read messages, write its log, tell of its failures, and nothing else', () => {
    const policies = Object.values(template.findResources('AWS::IAM::Policy') as Record<string, { Properties: { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } } }>)
    const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    assert.deepEqual(statements.flatMap(({ Action }) => Action).sort(), ['logs:CreateLogStream', 'logs:PutLogEvents', 's3:GetObject', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SendMessage'])
    assert.match(JSON.stringify(statements.find(({ Action }) => Action === 's3:GetObject')?.Resource), /:s3:::pennypost-.*\/mail\/\*"/)
    template.resourceCountIs('AWS::SQS::Queue', 1)
  })

  it('takes all mail where no address is named, of the deployment that is', () => {
    const stack = new Stack(new App(), 'all')
    addOnMail(stack, 'All', { code: Code.fromInline('exports.handler = async () => {}'), deployment: 'mail' })
    Template.fromStack(stack).hasResourceProperties('AWS::Events::Rule', { EventBusName: 'mail', EventPattern: { source: ['pennypost'], 'detail-type': ['received'] } })
    assert.match(JSON.stringify(Template.fromStack(stack).findResources('AWS::Lambda::Function')), /"PENNYPOST_BUCKET":\{"Fn::Join":\["",\["mail-"/)
  })

  it('has nothing that cdk-nag would find', () => {
    const violations = [new AwsSolutionsChecks(app), new ServerlessChecks(app)].flatMap((pack) => pack.validateScope(app).violations)
    assert.deepEqual(violations.map(({ ruleName }) => ruleName), [])
  })
})

describe('a link to an object', () => {
  const request = { bucket: 'examplebucket', key: 'test.txt', region: 'us-east-1', credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }, now: new Date('2013-05-24T00:00:00Z'), seconds: 86_400 }

  it('is signed as the example of the S3 reference is', () => {
    // Amazon S3 API reference, "Authenticating requests: using query parameters (AWS Signature Version 4)"
    const url = makeLink({ ...request, host: 'examplebucket.s3.amazonaws.com' })
    assert.ok(url.startsWith('https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host'))
    assert.equal(new URL(url).searchParams.get('X-Amz-Signature'), 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404')
  })

  it('to a message among others demands its range, and is good for nothing else', () => {
    const environment = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's', AWS_REGION: 'us-east-1', PENNYPOST_BUCKET: 'b' }
    const place = { offset: 100, length: 50, codec: 'zstd' } as const
    const among = linkInBucket(environment, { ...place, key: 'mail/anna/x-pack' })
    assert.deepEqual(among.headers, { range: 'bytes=100-149' })
    assert.equal(new URL(among.url).searchParams.get('X-Amz-SignedHeaders'), 'host;range')
    const alone = linkInBucket(environment, { ...place, offset: 0, key: 'mail/anna/x' })
    assert.deepEqual([alone.headers, new URL(alone.url).searchParams.get('X-Amz-SignedHeaders')], [{}, 'host'])
    const signature = (range: string): string | null => new URL(makeLink({ ...request, demanded: { range } })).searchParams.get('X-Amz-Signature')
    assert.notEqual(signature('bytes=100-149'), signature('bytes=0-149'))
  })

  it('signs the fields that it demands as Signature Version 4 says', () => {
    const url = new URL(makeLink({ ...request, demanded: { range: 'bytes=0-9' } }))
    const query = url.search.slice(1).replace(/&X-Amz-Signature=.*$/, '').split('&').sort().join('&')
    const canonical = `GET\n/test.txt\n${query}\nhost:${url.host}\nrange:bytes=0-9\n\nhost;range\nUNSIGNED-PAYLOAD`
    const toSign = `AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n${hash('sha256', canonical)}`
    const key = ['20130524', 'us-east-1', 's3', 'aws4_request'].reduce<Buffer | string>((made, part) => createHmac('sha256', made).update(part).digest(), `AWS4${request.credentials.secretAccessKey}`)
    assert.equal(url.searchParams.get('X-Amz-Signature'), createHmac('sha256', key).update(toSign).digest('hex'))
  })

  it('says what the answer is, carries the token of a role, and has no octet of a key that a URL would change', () => {
    const url = new URL(makeLink({ ...request, key: 'mail/anna/a b+c', credentials: { ...request.credentials, sessionToken: 'to/ken=' }, answer: { 'content-type': 'message/rfc822', 'content-encoding': 'zstd' } }))
    assert.equal(url.host, 'examplebucket.s3.us-east-1.amazonaws.com')
    assert.equal(url.pathname, '/mail/anna/a%20b%2Bc')
    assert.deepEqual(['X-Amz-Security-Token', 'response-content-encoding', 'response-content-type'].map((name) => url.searchParams.get(name)), ['to/ken=', 'zstd', 'message/rfc822'])
  })
})
