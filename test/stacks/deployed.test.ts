/**
 * The stacks deployed to an emulated account by the real CLI, and mail through them: the front as a process with the
 * variables of its task, everything behind it in functions that the emulator runs from the bundles that were deployed.
 */
import assert from 'node:assert/strict'
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import { GetBucketVersioningCommand, GetPublicAccessBlockCommand } from '@aws-sdk/client-s3'
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { systemClock } from '#lib/base/clock.ts'
import { defaultConfig } from '#lib/config.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import { makeEventBridgeClient } from '#lib/engine/aws/eventBus.ts'
import { queueVerbs } from '#lib/stacks/names.ts'
import { readDkimRecords } from '#lib/stacks/records.ts'
import { bundleFront } from '../../bin/bundle.ts'
import { FrontProcess } from '../containers/frontProcess.ts'
import { Talk } from '../containers/talk.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { Stage, eventually, freeOffset, message, missing, password, run, startPostfix } from '../journey/harness.ts'
import { SmtpClient } from '../journey/smtpClient.ts'
import { startSink } from './sink.ts'
import type { Sink } from './sink.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'pp-deployed-'))
chmodSync(folder, 0o755)
/** Functions are run by the `node` that is found first, by a script that must not be taken for a module because of what else lies about. */
const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
const ministack = await startEmulator('ministack', { PATH: path, TMPDIR: folder })

/** What the emulator has not: budgets, SES's tokens. The image is named, for nothing pulls it. Passwords cost little, and nobody asks the DNS. */
const choices = ['domain=ours.test', 'events=yes', 'contact=owner@example.net', 'budgetDollars=0', 'smarthost=other', 'image=example.test/front:1', 'mail=accounts.scryptCost=10; inbound.checks=no; inbound.spam=no; outbound.allowLoopback=yes']

const heard = 'heard-on-the-bus'

const readdirIf = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : [])

describe('deployed to an emulated account', { skip: typeof ministack === 'string' ? ministack : false }, () => {
  const { endpoint } = ministack as Emulator
  const assembly = join(folder, 'cdk.out')
  const aws = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }
  const clients = makeAwsClients({ ...defaultConfig().aws, endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  let sink: Sink
  let front: FrontProcess
  let offset: number

  const cdk = async (...words: readonly string[]): Promise<string> => {
    const child = spawn(process.execPath, [join(root, 'node_modules/aws-cdk/bin/cdk'), ...words, '--no-notices', '--output', assembly, ...choices.flatMap((choice) => ['-c', choice])], {
      cwd: root,
      env: { ...process.env, ...aws, PATH: path, CDK_DISABLE_CLI_TELEMETRY: '1', AWS_EC2_METADATA_DISABLED: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    assert.equal(code, 0, said)
    return said
  }

  /** The variables of the front's container, as the deployed template has them. */
  const variables = (): Record<string, string> => {
    const { Resources: resources } = JSON.parse(readFileSync(join(assembly, 'pennypost-front.template.json'), 'utf8')) as { Resources: Record<string, { Type: string; Properties: { ContainerDefinitions: { Environment: { Name: string; Value: string }[] }[] } }> }
    const task = Object.values(resources).find(({ Type }) => Type === 'AWS::ECS::TaskDefinition')
    return Object.fromEntries((task?.Properties.ContainerDefinitions[0]?.Environment ?? []).map(({ Name, Value }) => [Name, Value]))
  }

  /** A queue that gets everything on the bus. */
  const listen = async (): Promise<void> => {
    const bus = makeEventBridgeClient({ ...defaultConfig().aws, endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    await clients.sqs.send(new CreateQueueCommand({ QueueName: heard }))
    await bus.send(new PutRuleCommand({ Name: heard, EventBusName: 'pennypost', EventPattern: '{"source":["pennypost"]}' }))
    await bus.send(new PutTargetsCommand({ Rule: heard, EventBusName: 'pennypost', Targets: [{ Id: heard, Arn: `arn:aws:sqs:us-east-1:000000000000:${heard}` }] }))
    bus.destroy()
  }

  const pennypost = async (words: readonly string[], input = ''): Promise<string> => {
    const child = spawn(process.execPath, [join(root, 'bin/pennypost.ts'), '--aws', ...words], { cwd: folder, env: { PATH: path, HOME: folder, ...aws }, stdio: ['pipe', 'pipe', 'pipe'] })
    let [said, complained] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (complained += chunk.toString()))
    child.stdin.end(input)
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    assert.equal(code, 0, `${words.join(' ')}: ${said}${complained}`)
    return said
  }

  const addPeople = async (): Promise<void> => {
    await pennypost(['domain', 'add', 'ours.test', '--smarthost', `127.0.0.1:${sink.port}`, '--smarthost-tls', 'none'])
    await pennypost(['user', 'add', 'alice@ours.test', '--password-stdin'], password)
  }

  before(async () => {
    sink = await startSink()
    await cdk('bootstrap', 'aws://000000000000/us-east-1')
    await cdk('deploy', '--all', '--require-approval', 'never')
    await listen()
    await addPeople()
    const { file } = await bundleFront(join(folder, 'bundle'))
    offset = await freeOffset()
    const own = variables()
    front = new FrontProcess(file, join(folder, 'front'), { ...aws, ...own, PENNYPOST_SETTINGS: `${own['PENNYPOST_SETTINGS'] ?? ''}\nserver.listen = 127.0.0.1\nserver.portOffset = ${offset}` })
    await front.event('serving')
  })

  after(async () => {
    await front.stop()
    await sink.stop()
    await (ministack as Emulator).stop()
    rmSync(folder, { recursive: true })
  })

  const inbox = async (subject: string): Promise<string> => {
    const imap = new ImapFlow({ host: '127.0.0.1', port: offset + 993, secure: true, tls: { rejectUnauthorized: false }, auth: { user: 'alice@ours.test', pass: password }, logger: false })
    await imap.connect()
    await imap.mailboxOpen('INBOX')
    try {
      return await eventually(`a message "${subject}"`, async () => {
        await imap.noop()
        for await (const { envelope, source } of imap.fetch('1:*', { envelope: true, source: true })) if (envelope?.subject?.includes(subject) === true) return String(source)
        return undefined
      }, 60_000)
    } finally {
      await imap.logout()
    }
  }

  const submit = async (to: string, subject: string): Promise<void> => {
    const transport = createTransport({ host: '127.0.0.1', port: offset + 465, secure: true, tls: { rejectUnauthorized: false }, auth: { user: 'alice@ours.test', pass: password } })
    await transport.sendMail({ from: 'alice@ours.test', to, subject, text: 'Hello.' })
    transport.close()
  }

  it('the table is keyed as the engine wants it, protected, and streams', async () => {
    const { Table: table } = await clients.dynamo.send(new DescribeTableCommand({ TableName: 'pennypost' }))
    assert.deepEqual([table?.KeySchema?.map(({ AttributeName: name }) => name), table?.DeletionProtectionEnabled, table?.StreamSpecification?.StreamViewType], [['pk', 'sk'], true, 'NEW_IMAGE'])
  })

  it('the bucket keeps versions and is closed to the public', async () => {
    const Bucket = 'pennypost-000000000000-us-east-1'
    const [{ Status: status }, { PublicAccessBlockConfiguration: access }] = await Promise.all([clients.s3.send(new GetBucketVersioningCommand({ Bucket })), clients.s3.send(new GetPublicAccessBlockCommand({ Bucket }))])
    assert.equal(status, 'Enabled')
    assert.deepEqual(Object.values(access ?? {}), [true, true, true, true])
  })

  it('each queue moves what is never answered to its dead letters', async () => {
    for (const verb of Object.values(queueVerbs)) {
      const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: `pennypost-${verb}` }))
      const { Attributes: attributes } = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['RedrivePolicy'] }))
      assert.deepEqual(JSON.parse(attributes?.RedrivePolicy ?? '{}'), { deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:pennypost-${verb}-dead`, maxReceiveCount: 20 })
    }
  })

  it('the commands work on the deployment, and its DKIM records can be handed to the next one', async () => {
    const users = JSON.parse(await pennypost(['user', 'list', '--json'])) as { address: string }[]
    assert.deepEqual(users.map(({ address }) => address), ['alice@ours.test'])
    const file = join(folder, 'ours.test.json')
    writeFileSync(file, await pennypost(['domain', 'show', 'ours.test', '--json']))
    assert.deepEqual(readDkimRecords(file).map(({ name }) => name.replace(/\d{6}\./, '.')).sort(), ['ed25519._domainkey.ours.test', 'rsa._domainkey.ours.test'])
  })

  it('a message from outside is taken by the front, filed by check-inbound, and read by IMAP', async () => {
    const client = await SmtpClient.open(offset + 25)
    assert.ok(await client.send('someone@remote.test', ['alice@ours.test'], Buffer.from('From: someone@remote.test\r\nTo: alice@ours.test\r\nSubject: from outside\r\n\r\nHello.\r\n')))
    client.close()
    assert.match(await inbox('from outside'), /Received: from .*by mail\.ours\.test/s)
  })

  it('a submission is routed by look-up-mx and handed by deliver-outbound to the smarthost, signed', async () => {
    await submit('friend@remote.test', 'to a friend')
    const arrived = await eventually('the message at the smarthost', () => sink.messages.find((message) => message.includes('Subject: to a friend')), 60_000)
    assert.match(arrived, /^DKIM-Signature: /m)
  })

  it('what the smarthost refuses comes back as a bounce', async () => {
    await submit('refused@remote.test', 'not wanted')
    assert.match(await inbox('Undeliverable'), /550 5\.1\.1 nobody here/)
  })

  it('a client in IDLE hears of new mail at once, by the queue of its task', async () => {
    const imap = new ImapFlow({ host: '127.0.0.1', port: offset + 993, secure: true, tls: { rejectUnauthorized: false }, auth: { user: 'alice@ours.test', pass: password }, logger: false })
    await imap.connect()
    await imap.mailboxOpen('INBOX')
    const news = once(imap, 'exists', { signal: AbortSignal.timeout(30_000) })
    const idle = imap.idle()
    // The front has told the account's register that somebody waits here.
    await systemClock.sleep(1000)
    const began = Date.now()
    const client = await SmtpClient.open(offset + 25)
    assert.ok(await client.send('someone@remote.test', ['alice@ours.test'], Buffer.from('From: someone@remote.test\r\nTo: alice@ours.test\r\nSubject: rings\r\n\r\nHello.\r\n')))
    client.close()
    await news
    assert.ok(Date.now() - began < defaultConfig().mailbox.lookEveryMs, 'before it would have looked by itself')
    await imap.logout()
    await idle
  })

  it('what happened is told on the bus, from the table\'s stream', async () => {
    const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: heard }))
    const told: { 'detail-type': string; source: string }[] = []
    await eventually('an event of each kind', async () => {
      const { Messages: messages = [] } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
      told.push(...messages.map(({ Body = '' }) => JSON.parse(Body) as (typeof told)[number]))
      return ['filed', 'submitted', 'delivered', 'bounced'].every((kind) => told.some((event) => event['detail-type'].includes(kind)))
    }, 60_000).catch((error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(told.map((event) => event['detail-type']))}`))
    assert.ok(told.every(({ source }) => source === 'pennypost'))
  })

  it('POP3 reads the same mail', async () => {
    const pop = await Talk.open(offset + 995, { tls: true })
    await pop.until(/\+OK.*\r\n/)
    await pop.ask('USER alice@ours.test', /\+OK.*\r\n/)
    await pop.ask(`PASS ${password}`, /\+OK.*\r\n/)
    assert.match(await pop.ask('RETR 1', /\r\n\.\r\n/), /Subject: from outside/)
    pop.end()
  })

  it('Postfix and swaks bring mail in; Lambda delivers to Postfix, whose refusal comes back as a bounce', { skip: missing('postfix', 'swaks') }, async () => {
    const stage = new Stage()
    try {
      const postfix = await startPostfix(stage, { address: '127.0.0.8', hostname: 'mail.remote.test', domain: 'remote.test', users: ['friend'], settings: { relayhost: `[127.0.0.1]:${offset + 25}` } })
      await postfix.sendmail('friend@remote.test', ['alice@ours.test'], message({ from: 'friend@remote.test', to: 'alice@ours.test', subject: 'by Postfix' }))
      await run('swaks', ['--server', '127.0.0.1', '--port', String(offset + 25), '--tls', '--from', 'friend@remote.test', '--to', 'alice@ours.test', '--header', 'Subject: by swaks'])
      assert.match(await inbox('by Postfix'), /Received: from mail\.remote\.test /)
      await inbox('by swaks')
      await pennypost(['domain', 'set', 'ours.test', '--smarthost', '127.0.0.8:25', '--smarthost-tls', 'none'])
      await submit('friend@remote.test', 'to Postfix')
      const arrived = await eventually('the message in the Maildir', () => readdirIf(join(postfix.maildir('friend'), 'new')).map((file) => readFileSync(join(postfix.maildir('friend'), 'new', file), 'utf8'))[0], 60_000)
      assert.match(arrived, /^DKIM-Signature: [^]*^Subject: to Postfix$/m)
      await submit('nobody@remote.test', 'to nobody')
      await eventually('a bounce', async () => /nobody@remote\.test[^]*550 5\.1\.1/.test(await inbox('Undeliverable: to nobody').catch(() => '')), 60_000)
    } finally {
      await stage.end()
    }
  })

  it('whoever leaves takes everything along', async () => {
    const to = join(folder, 'taken')
    await pennypost(['mailbox', 'export', '--all', '--to', to])
    const cur = join(to, 'alice@ours.test/INBOX/cur')
    const subjects = readdirSync(cur).map((file) => /^Subject: (.*)$/m.exec(readFileSync(join(cur, file), 'utf8'))?.[1])
    for (const subject of ['from outside', 'rings']) assert.ok(subjects.includes(subject), subjects.join(', '))
  })

  it('the same assembly deployed again changes nothing', async () => {
    const said = await cdk('deploy', '--all', '--require-approval', 'never', '--app', assembly)
    assert.equal(said.match(/\(no changes\)/g)?.length, 6, said)
  })
})
