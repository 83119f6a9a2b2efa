import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { CreateQueueCommand } from '@aws-sdk/client-sqs'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import type { AwsClients, AwsNames } from '#lib/engine/aws/engine.ts'
import { openAwsEngine } from '#lib/engine/aws/open.ts'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import type { QueueName } from '#lib/engine/ports.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { namesOf } from '#lib/stacks/names.ts'
import { bundleFront } from '../../bin/bundle.ts'
import { mxData, startFakeDns, types } from '../base/fakeDns.ts'
import { FrontProcess } from '../containers/frontProcess.ts'
import { Talk } from '../containers/talk.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { freeOffset } from '../journey/harness.ts'
import { SmtpClient } from '../journey/smtpClient.ts'
import { startObedientServer } from '../mail/outbound/obedientServer.ts'
import { FunctionProcess } from './functionProcess.ts'
import { environmentOf, runOn } from './mailAccount.ts'
import { startRecorder } from './recorder.ts'
import type { Asked, Recorder } from './recorder.ts'
import { readRights } from './roles.ts'

const moto = await startEmulator('moto')
const password = 'correct horse battery staple'
const names = namesOf('pennypost')
const bucket = names.bucket('111122223333', 'us-east-1')

/** An account with what the stacks make in it, under the names that they give. */
async function layOut({ dynamo, s3, sqs }: AwsClients): Promise<AwsNames> {
  await dynamo.send(new CreateTableCommand({ TableName: names.table, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'S' }], KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }] }))
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  const make = async (nameOf: (queue: QueueName) => string): Promise<Record<QueueName, string>> => {
    const url = async (queue: QueueName): Promise<string> => (await sqs.send(new CreateQueueCommand({ QueueName: nameOf(queue) }))).QueueUrl ?? ''
    return { inbound: await url('inbound'), outbound: await url('outbound'), delivery: await url('delivery') }
  }
  return { table: names.table, bucket, queues: await make((queue) => names.queue(queue)), deadLetters: await make((queue) => names.deadLetters(queue)) }
}

/** What was asked, as an ARN of the account that the templates are made for. */
function arnOf({ action, resource }: Asked): string {
  const service = action.split(':')[0] ?? ''
  if (service === 's3') return `arn:aws:s3:::${resource}`
  return service === 'sqs' ? `arn:aws:sqs:us-east-1:111122223333:${resource}` : `arn:aws:dynamodb:us-east-1:111122223333:table/${resource}`
}

describe('what functions and the front do in the account', { skip: typeof moto === 'string' ? moto : false }, () => {
  const { endpoint } = moto as Emulator
  const folder = mkdtempSync(join(tmpdir(), 'pp-rights-'))
  chmodSync(folder, 0o755)
  let recorder: Recorder
  before(async () => {
    recorder = await startRecorder(endpoint)
    await liveThrough(recorder, endpoint, folder)
  })
  after(async () => {
    await recorder.close()
    await (moto as Emulator).stop()
    rmSync(folder, { recursive: true })
  })

  it('was seen, of each of them', () => {
    const actors = new Set(recorder.asked().map(({ who }) => who))
    assert.deepEqual([...actors].sort(), ['check-inbound', 'deliver-outbound', 'front', 'look-up-mx', 'renew-certificate', 'sweep-due'])
    for (const action of ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 's3:GetObject', 's3:PutObject', 's3:DeleteObject', 'sqs:SendMessage', 'sqs:ChangeMessageVisibility', 'sqs:CreateQueue']) assert.ok(recorder.asked().some((asked) => asked.action === action), action)
  })

  for (const settings of [{}, { mode: 'ha', outbound: 'direct' }] as const)
    it(`is what their roles allow, with ${JSON.stringify(settings)}`, () => {
      const rights = readRights(settings)
      const refused = recorder.asked().filter((asked) => !rights.allow(asked.who, asked.action, arnOf(asked)))
      assert.deepEqual(refused.map(({ who, action, resource }) => `${who}: ${action} ${resource.replace(/\/.*/, '/...')}`), [])
    })

  it('reaches no key of TLS by the hands of those who handle mail', () => {
    const rights = readRights({})
    const account = `arn:aws:s3:::${bucket}/tls/account-key.pem`
    for (const role of ['front', 'check-inbound', 'look-up-mx', 'deliver-outbound', 'sweep-due']) for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject']) assert.equal(rights.allow(role, action, account), false, `${role} ${action}`)
    assert.equal(rights.allow('check-inbound', 's3:GetObject', `arn:aws:s3:::${bucket}/tls/certificate.pem`), false)
    assert.equal(rights.allow('front', 's3:PutObject', `arn:aws:s3:::${bucket}/tls/certificate.pem`), false)
    assert.equal(rights.allow('renew-certificate', 's3:PutObject', `arn:aws:s3:::${bucket}/mail/x`), false)
  })
})

/** A day of a mail system in a minute: all that comes in, goes out, waits, fails and is read. */
async function liveThrough(recorder: Recorder, endpoint: string, folder: string): Promise<void> {
  const endings: (() => unknown)[] = []
  try {
    await live(recorder, endpoint, folder, (ending) => endings.unshift(ending))
  } finally {
    for (const end of endings) await end()
  }
}

async function live(recorder: Recorder, endpoint: string, folder: string, onEnd: (ending: () => unknown) => void): Promise<void> {
  const direct = makeAwsClients({ ...defaultConfig().aws, region: 'us-east-1', endpoint, credentials: { accessKeyId: 'set-up', secretAccessKey: 'test' } })
  const account = await layOut(direct)
  const remote = await startObedientServer()
  onEnd(() => remote.close())
  const address = { type: types.a, ttl: 60, data: Buffer.from([127, 0, 0, 1]) }
  const dns = await startFakeDns({ 'remote.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'mx.remote.test') }] }, 'mx.remote.test 1': { records: [address] }, 'away.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'mx.away.test') }] }, 'mx.away.test 1': { records: [{ ...address, data: Buffer.from([127, 0, 0, 2]) }] }, 'silent.test 15': { rcode: 2 } })
  onEnd(() => dns.close())
  const offset = await freeOffset()
  const settings = { 'server.hostname': 'mail.ours.test', 'server.logLevel': 'error', 'server.listen': '127.0.0.1', 'server.portOffset': String(offset), 'inbound.checks': 'no', 'dns.servers': `127.0.0.1:${dns.port}`, 'dns.timeoutMs': '500ms', 'outbound.port': String(remote.port), 'outbound.allowLoopback': 'yes', 'outbound.retryMs': '20m', 'queue.maxReceives': '2', 'mailbox.snapshotEntries': '2', 'mailbox.retentionMs': '0', 'inbound.releaseAfterMs': '0', 'outbound.contentMs': '0', 'aws.sqsDelayMs': '1m', 'accounts.scryptCost': '10' }
  const environment = environmentOf(recorder.endpoint, account, settings)
  const start = async (verb: string): Promise<FunctionProcess> => {
    const started = await FunctionProcess.start(verb, join(folder, verb), { ...environment, AWS_ACCESS_KEY_ID: verb })
    onEnd(() => started.stop())
    return started
  }

  const engine = await openAwsEngine({ clients: direct, names: account, clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }), settings: { ...defaultConfig().engine, ...defaultConfig().aws } })
  const stores = openStores({ engine, config: defaultConfig(), clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }) })
  onEnd(() => engine.close())
  onEnd(() => stores.mailStore.close())
  await stores.directory.addDomain({ name: 'ours.test' })
  const alice = await stores.directory.addUser({ address: 'alice@ours.test', password })
  await stores.directory.addAlias({ address: 'away@ours.test', targets: ['friend@remote.test'] })
  await stores.mailStore.createAccount(alice.id)

  const bundle = await bundleFront(join(folder, 'bundle'))
  const front = new FrontProcess(bundle.file, join(folder, 'front'), { ...environmentOf(recorder.endpoint, account, { ...settings, 'server.logLevel': 'info' }), AWS_ACCESS_KEY_ID: 'front', PENNYPOST_BELLS: names.bells })
  onEnd(() => front.stop())
  await front.event('serving')

  const [check, lookUp, deliver, sweep] = [await start('check-inbound'), await start('look-up-mx'), await start('deliver-outbound'), await start('sweep-due')]
  const runAll = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      await runOn(direct, account, 'inbound', (event) => check.invoke(event))
      await runOn(direct, account, 'outbound', (event) => lookUp.invoke(event))
      await runOn(direct, account, 'delivery', (event) => deliver.invoke(event))
    }
  }

  const reader = await Talk.open(offset + 993, { tls: true })
  onEnd(() => reader.end())
  await reader.until(/\* OK .*\r\n/)
  await reader.ask(`a LOGIN alice@ours.test "${password}"`, /a OK .*\r\n/)
  await reader.ask('b SELECT INBOX', /b OK .*\r\n/)
  await reader.ask('c IDLE', /\+ .*\r\n/)
  const large = Buffer.from(`Subject: large\r\n\r\n${randomBytes(9 * 1024 * 1024).toString('base64').replaceAll(/(.{76})/g, '$1\r\n')}\r\n`)
  const small = Buffer.from('Subject: small\r\n\r\nHello.\r\n')
  const incoming = await SmtpClient.open(offset + 25)
  for (const [to, message] of [['alice@ours.test', small], ['alice@ours.test', large], ['away@ours.test', small]] as const) assert.ok(await incoming.send('someone@remote.test', [to], message))
  incoming.close()
  await runAll()
  await reader.ask('DONE', /c OK .*\r\n/)
  await reader.ask('d FETCH 1:* (ENVELOPE BODY.PEEK[])', /d OK .*\r\n/)
  await reader.ask('e STORE 1 +FLAGS (\\Deleted)', /e OK .*\r\n/)
  await reader.ask('f EXPUNGE', /f OK .*\r\n/)
  await reader.ask(`g APPEND Sent {${small.length}}`, /\+ .*\r\n/)
  await reader.ask(small.toString(), /g OK .*\r\n/)

  const outgoing = await Talk.open(offset + 465, { tls: true })
  onEnd(() => outgoing.end())
  await outgoing.until(/220 .*\r\n/)
  await outgoing.ask('EHLO client.test', /250 .*\r\n/)
  await outgoing.ask(`AUTH PLAIN ${Buffer.from(`\0alice@ours.test\0${password}`).toString('base64')}`, /235 .*\r\n/)
  for (const to of ['friend@remote.test', 'nobody@remote.test', 'friend@away.test', 'friend@silent.test']) {
    await outgoing.ask('MAIL FROM:<alice@ours.test>', /250 .*\r\n/)
    await outgoing.ask(`RCPT TO:<${to}>`, /250 .*\r\n/)
    await outgoing.ask('DATA', /354 .*\r\n/)
    await outgoing.ask(`From: alice@ours.test\r\nSubject: out\r\n\r\n${to === 'friend@away.test' ? randomBytes(12_000).toString('hex').replaceAll(/(.{70})/g, '$1\r\n') : 'Hello.'}\r\n.`, /250 .*\r\n/)
  }
  await runAll()

  // What no function can work on, in each queue: rests first, then dies.
  for (const queue of ['inbound', 'outbound', 'delivery'] as const) await engine.queue.send(queue, [{ id: `poison-${queue}`, body: Buffer.from('no note at all') }])
  await runAll()
  await systemClock.sleep(1500)
  await runAll()
  await engine.queue.send('inbound', [{ id: 'due', body: Buffer.from('later'), notBefore: Date.now() + 62_000 }])
  await sweep.invoke({})

  // Its function would go on to the authority; what it keeps is kept by this.
  const objects = tlsObjects(makeAwsClients({ ...defaultConfig().aws, region: 'us-east-1', endpoint: recorder.endpoint, credentials: { accessKeyId: 'renew-certificate', secretAccessKey: 'test' } }).s3, bucket)
  for (const name of ['certificate.pem', 'account-key.pem'] as const) {
    await objects.read(name)
    await objects.write(name, 'text')
  }
}
