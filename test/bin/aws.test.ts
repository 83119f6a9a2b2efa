import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CreateEventBusCommand, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { makeEventBridgeClient } from '#lib/engine/aws/eventBus.ts'
import { makeSignedCall } from '#lib/engine/aws/signedCall.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { makeRecordChanges } from '#lib/mail/mailbox/record.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { namesOf } from '#lib/stacks/names.ts'
import { makeAccount } from '../engine/aws/account.ts'
import type { Account } from '../engine/aws/account.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { environmentOf, forget, receive } from '../functions/mailAccount.ts'
import { startRecorder } from '../functions/recorder.ts'
import { Program } from './program.ts'

const moto = await startEmulator('moto')

/** An archive of no file: nobody runs the function, it is only asked what it knows. */
const emptyZip = Buffer.from('UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', 'base64')

describe('the commands on a deployment in AWS', { skip: typeof moto === 'string' ? moto : false }, () => {
  const { endpoint } = moto as Emulator
  const program = new Program()
  const call = makeSignedCall({ accessKeyId: 'test', secretAccessKey: 'test' })
  let account: Account
  const env = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
  const run = (parameters: string[], input?: string) => program.run(parameters, { env, ...(input === undefined ? {} : { input }) })

  before(async () => {
    account = await makeAccount(endpoint)
    const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] }
    const form = new URLSearchParams({ Action: 'CreateRole', Version: '2010-05-08', RoleName: 'checker', AssumeRolePolicyDocument: JSON.stringify(trust) }).toString()
    const role = await call({ service: 'iam', region: 'us-east-1', method: 'POST', url: new URL(endpoint), headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, body: form })
    const Variables = Object.fromEntries(Object.entries(environmentOf(endpoint, account.names, { 'server.hostname': 'mail.ours.test', 'accounts.minPasswordLength': '12' })).filter(([name]) => name.startsWith('PENNYPOST_')))
    const made = { FunctionName: namesOf('ours').function('check-inbound'), Runtime: 'nodejs22.x', Handler: 'handler.handler', Role: /<Arn>([^<]+)</.exec(role)?.[1], Code: { ZipFile: emptyZip.toString('base64') }, Environment: { Variables } }
    await call({ service: 'lambda', region: 'us-east-1', method: 'POST', url: new URL('/2015-03-31/functions', endpoint), headers: { 'content-type': 'application/json' }, body: JSON.stringify(made) })
  })
  after(async () => {
    program.remove()
    await (moto as Emulator).stop()
  })

  it('make domains and users there, and nothing here', async () => {
    assert.equal((await run(['--aws', '--stack', 'ours', 'domain', 'add', 'ours.test'])).code, 0)
    const added = await run(['--aws', '--stack', 'ours', 'user', 'add', 'alice@ours.test', '--password-stdin'], 'correct horse battery staple\n')
    assert.deepEqual([added.code, added.stderr], [0, ''])
    const users = (await run(['user', 'list', '--aws', '--stack', 'ours', '--json'])).json<{ address: string }[]>()
    assert.deepEqual(users.map(({ address }) => address), ['alice@ours.test'])
    const [held] = (await run(['mailbox', 'list', 'alice@ours.test', '--aws', '--stack', 'ours', '--json'])).json<{ mailboxes: { mailbox: string }[] }[]>()
    assert.ok(held?.mailboxes.some(({ mailbox }) => mailbox === 'INBOX'))
    assert.match((await run(['user', 'list'])).stderr, /there is no mail system in/)
  })

  it('obey the settings of the deployment, and those said after them', async () => {
    const short = await run(['--aws', '--stack', 'ours', 'user', 'add', 'bob@ours.test', '--password-stdin'], 'ten letters'.slice(0, 10) + '\n')
    assert.equal(short.code, 1)
    assert.match(short.stderr, /12/)
    assert.equal((await run(['--aws', '--stack', 'ours', 'user', 'add', 'bob@ours.test', '--password-stdin', '--set', 'accounts.minPasswordLength=8'], 'ten letters'.slice(0, 10) + '\n')).code, 0)
    assert.match((await run(['--aws', '--stack', 'ours', 'domain', 'show', 'ours.test'])).stdout, /mail\.ours\.test/)
    const shown = (await run(['--aws', '--stack', 'ours', 'config', 'show', '--json', '--set', 'smtp.maxRecipients=7'])).json<{ setting: string; value: string; from: string }[]>()
    const of = (name: string) => shown.find(({ setting }) => setting === name)
    assert.deepEqual([of('server.hostname')?.value, of('server.hostname')?.from, of('smtp.maxRecipients')?.value], ['mail.ours.test', 'deployment ours', '7'])
  })

  it('show dead letters and let them go again', async () => {
    const engine = await account.open()
    await engine.queue.send('inbound', [{ id: 'unlucky', body: Buffer.from('what no function could work on') }])
    const event = await receive(account.clients, account.names, 'inbound')
    // As SQS itself does with a message that was handed out too often.
    await account.clients.sqs.send(new SendMessageCommand({ QueueUrl: account.names.deadLetters.inbound, MessageBody: event.Records[0]?.body ?? '' }))
    await forget(account.clients, account.names, 'inbound', event)
    const [shown] = (await run(['queue', 'list', '--json', '--aws', '--stack', 'ours'])).json<{ id: string; state: string; queue: string; why: string }[]>()
    assert.deepEqual([shown?.id, shown?.state, shown?.queue], ['unlucky', 'dead', 'inbound'])
    assert.match(shown?.why ?? '', /never answered/)
    assert.equal((await run(['queue', 'retry', 'unlucky', '--aws', '--stack', 'ours'])).code, 0)
    assert.equal((await receive(account.clients, account.names, 'inbound')).Records.length, 1)
    assert.deepEqual((await run(['queue', 'list', '--json', '--aws', '--stack', 'ours'])).json(), [])
    await engine.close()
  })

  it('tell the bus again what happened', async () => {
    const client = makeEventBridgeClient({ ...defaultConfig().aws, endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    const { QueueUrl } = await account.clients.sqs.send(new CreateQueueCommand({ QueueName: 'heard' }))
    await client.send(new CreateEventBusCommand({ Name: namesOf('ours').bus }))
    await client.send(new PutRuleCommand({ Name: 'all', EventBusName: namesOf('ours').bus, EventPattern: JSON.stringify({ source: ['pennypost'] }) }))
    await client.send(new PutTargetsCommand({ Rule: 'all', EventBusName: namesOf('ours').bus, Targets: [{ Id: 'heard', Arn: 'arn:aws:sqs:us-east-1:123456789012:heard' }] }))
    client.destroy()
    const engine = await account.open()
    const [user] = (await run(['--aws', '--stack', 'ours', 'mailbox', 'list', '--json'])).json<{ account: string }[]>()
    await makeRecordChanges({ table: engine.table, clock: { now: () => Date.now() } })(user?.account ?? '', [{ kind: 'submit', queueId: 'Q', messageId: null, from: 'alice@ours.test', recipients: ['bob@remote.test'], sizeBytes: 1 }])
    await engine.close()
    const ran = await run(['--aws', '--stack', 'ours', 'events', 'replay', '--account', 'alice@ours.test', '--from', '1'])
    assert.deepEqual([ran.code, ran.stdout], [0, 'bus ours: 1 events sent\n'])
    const { Messages: [message] = [] } = await account.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    const { detail, ...outside } = JSON.parse(message?.Body ?? '{}') as { detail: { account: string; type: string }; 'detail-type': string; source: string }
    assert.deepEqual([outside.source, outside['detail-type'], detail.type, detail.account], ['pennypost', 'submitted', 'submitted', user?.account])
  })

  it('say of events that alarms tell when the bus is late', async () => {
    const ran = await run(['--aws', '--stack', 'ours', 'events', 'status'])
    assert.deepEqual([ran.code, ran.stderr], [0, ''])
    assert.match(ran.stdout, /bus ours, .* ours-record-events-age and -missed/)
  })

  it('take a whole account along', async () => {
    const engine = await account.open()
    const config = defaultConfig()
    const store = new MailStore({ ...engine, clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }), settings: config.mailbox })
    const [user] = (await run(['--aws', '--stack', 'ours', 'mailbox', 'list', 'alice@ours.test', '--json'])).json<{ account: string }[]>()
    const alice = await store.open(user?.account ?? '')
    for (const subject of ['one', 'two']) await appendMessage(alice, { mailboxId: alice.state.mailbox('INBOX')?.id ?? '', flags: [], content: Buffer.from(`Subject: ${subject}\r\n\r\n`), crlf: true })
    await store.close()
    await engine.close()
    const to = join(program.data, 'taken')
    const recorder = await startRecorder(endpoint)
    const ran = await program.run(['--aws', '--stack', 'ours', 'mailbox', 'export', '--all', '--to', to, '--format', 'mbox'], { env: { ...env, AWS_ENDPOINT_URL: recorder.endpoint } })
    await recorder.close()
    assert.deepEqual([ran.code, ran.stderr], [0, ''])
    // As docs/aws.md says; moto knows nothing of rights.
    const asked = recorder.asked().filter(({ resource }) => !resource.startsWith('2015-03-31')).map(({ action }) => action)
    assert.deepEqual([...new Set(asked)].sort().filter((action) => !['dynamodb:GetItem', 'dynamodb:Query', 's3:GetObject', 's3:ListBucket'].includes(action)), [])
    assert.ok(asked.includes('dynamodb:Query') && asked.includes('s3:GetObject'), asked.join(' '))
    assert.deepEqual([...readFileSync(join(to, 'alice@ours.test/INBOX.mbox'), 'utf8').matchAll(/^Subject: (.*)$/gm)].map(([, subject]) => subject), ['one', 'two'])
  })

  it('compact a log, bring a message back, and make the account anew from its blobs and packs', async () => {
    const engine = await account.open()
    const settings = defaultConfig().mailbox
    const storeAt = (laterMs: number) => new MailStore({ ...engine, clock: { ...systemClock, now: () => Date.now() + laterMs }, log: makeLog(() => undefined, { now: () => 0 }), settings })
    const store = storeAt(0)
    const [user] = (await run(['--aws', '--stack', 'ours', 'mailbox', 'list', 'alice@ours.test', '--json'])).json<{ account: string }[]>()
    const alice = await store.open(user?.account ?? '')
    const inbox = alice.state.mailbox('INBOX')?.id ?? ''
    await Promise.all([1, 2, 3, 4].map((n) => appendMessage(alice, { mailboxId: inbox, flags: [], content: Buffer.from(`Subject: packed ${n}\r\n\r\n`), crlf: true })))
    for (let n = 0; n < 6; n++) await changeFlags(alice, { mailboxId: inbox, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['\\Flagged'] })
    const then = new Date().toISOString()
    // What follows is later than that, and not within the same millisecond.
    await systemClock.sleep(2)
    await expungeMessages(alice, { mailboxId: inbox, uids: [2, 4], regardless: true })
    await store.close()
    const later = storeAt(31 * 24 * 60 * 60 * 1000)
    assert.equal(await compactAccount(await later.open(user?.account ?? ''), { least: 2 }), 5)
    await later.close()
    const whole = async () => assert.deepEqual((await checkAccount({ ...engine, clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }), settings }, user?.account ?? '')).problems, [])
    await whole()
    const restored = await run(['--aws', '--stack', 'ours', 'mailbox', 'restore', 'alice@ours.test', '--as-of', then])
    assert.match(restored.stdout, /^MAILBOX +RESTORED +MADE\nINBOX +2 +no\n/)
    await whole()
    const { items } = await engine.blobs.list(`mail/${user?.account}/`)
    assert.ok(items.some(({ key }) => key.endsWith('-pack')))
    const rebuilt = await run(['--aws', '--stack', 'ours', 'rebuild', 'alice@ours.test', '--from-blobs', '--force', '--yes'])
    assert.match(rebuilt.stdout, /^alice@ours\.test: 6 messages, made anew from blobs .*\n {2}INBOX: 6\n/)
    await whole()
    await engine.close()
  })

  it('say in a sentence what is not there', async () => {
    const [nowhere, nobody, serving, unreachable] = await Promise.all([run(['--aws', '--stack', 'theirs', 'user', 'list']), program.run(['--aws', 'user', 'list'], { env: { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint, AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_CONFIG_FILE: '/none' } }), run(['--aws', 'serve']), program.run(['--aws', 'user', 'list'], { env: { ...env, AWS_ENDPOINT_URL: 'http://no-such-host.invalid' } })])
    assert.deepEqual([nowhere.code, nobody.code, serving.code], [1, 1, 1])
    assert.match(unreachable.stderr, /^AWS cannot be reached at no-such-host\.invalid: getaddrinfo [^\n]+\n$/)
    assert.match(nowhere.stderr, /^there is no deployment "theirs" in us-east-1: [^\n]+\n$/)
    assert.match(nobody.stderr, /^no AWS account to work on: [^\n]+\n$/)
    assert.match(serving.stderr, /^serve is for one machine: [^\n]+\n$/)
  })
})
