import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { pathToFileURL } from 'node:url'
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { ImapFlow } from 'imapflow'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import { joinPem } from '#lib/formats/certificate/pem.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { makeSelfSigned } from '#lib/serve/tls.ts'
import { bundleFront, bundleFunction, nativeHelpers } from '../../bin/bundle.ts'
import type { Bundle } from '../../bin/bundle.ts'
import { makeAccount } from '../engine/aws/account.ts'
import type { Account } from '../engine/aws/account.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { environmentOf, runOn } from '../functions/mailAccount.ts'
import { SmtpClient } from '../journey/smtpClient.ts'
import { freeOffset } from '../journey/harness.ts'
import { FrontProcess } from './frontProcess.ts'
import { Talk } from './talk.ts'

const password = 'correct horse battery staple'
const moto = await startEmulator('moto')

describe('the bundles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pp-bundle-'))
  after(() => rmSync(folder, { recursive: true }))
  const demandAlone = ({ asks }: Bundle): void => assert.deepEqual(asks.filter((name) => !isBuiltin(name) && !nativeHelpers.includes(name)), [], 'nothing but Node is asked for')
  const partsOf = ({ parts }: Bundle): string => Object.keys(parts).join('\n')

  it('of the front is one file, without the engine of one machine, its native library, or the stacks', async () => {
    const bundle = await bundleFront(join(folder, 'front'))
    assert.doesNotMatch(partsOf(bundle), /node_modules\/lmdb|engine\/embedded|lib\/stacks|aws-cdk-lib/)
    assert.deepEqual(readdirSync(join(folder, 'front')), ['Dockerfile', 'main.mjs'])
    demandAlone(bundle)
  })

  for (const verb of ['check-inbound', 'look-up-mx', 'deliver-outbound', 'sweep-due', 'renew-certificate', 'follow-front'])
    it(`of ${verb} is one file with a handler, without protocols or the engine of one machine`, async () => {
      const bundle = await bundleFunction(verb, join(folder, verb))
      assert.doesNotMatch(partsOf(bundle), /node_modules\/lmdb|engine\/embedded|lib\/serve|lib\/stacks|commander/)
      demandAlone(bundle)
      const { handler } = (await import(pathToFileURL(bundle.file).href)) as { handler: unknown }
      assert.equal(typeof handler, 'function')
    })
})

describe('the front, as a process of one file on an emulated account', { skip: typeof moto === 'string' ? moto : false }, () => {
  const { endpoint } = moto as Emulator
  const folder = mkdtempSync(join(tmpdir(), 'pp-front-'))
  chmodSync(folder, 0o755)
  let account: Account
  let front: FrontProcess
  let offset: number
  let bundle: Bundle
  let checkInbound: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>
  const port = (standard: number): number => offset + standard

  const start = async (name: string, more: Readonly<Record<string, string>> = {}): Promise<FrontProcess> => {
    offset = await freeOffset()
    const settings = { 'server.hostname': 'mail.ours.test', 'server.listen': '127.0.0.1', 'server.portOffset': String(offset), 'server.proxyTrusted': '127.0.0.9', 'inbound.checks': 'no', 'inbound.spam': 'no', 'tls.lookEveryMs': '200ms', 'accounts.scryptCost': '10', ...more }
    const process = new FrontProcess(bundle.file, join(folder, name), { ...environmentOf(endpoint, account.names, settings), PENNYPOST_BELLS: 'ours-bell-' })
    await process.event('serving')
    return process
  }

  before(async () => {
    account = await makeAccount(endpoint)
    const engine = await account.open()
    const log = makeLog(() => undefined, { now: () => 0 })
    const stores = openStores({ engine, config: demandConfigText('accounts.scryptCost = 10', 'test'), clock: systemClock, log })
    await stores.directory.addDomain({ name: 'ours.test' })
    const alice = await stores.directory.addUser({ address: 'alice@ours.test', password })
    await stores.mailStore.createAccount(alice.id)
    await stores.mailStore.close()
    await engine.close()
    bundle = await bundleFront(join(folder, 'front'))
    const checker = await bundleFunction('check-inbound', join(folder, 'check-inbound'))
    Object.assign(process.env, environmentOf(endpoint, account.names, { 'server.hostname': 'mail.ours.test', 'server.logLevel': 'error' }))
    checkInbound = ((await import(pathToFileURL(checker.file).href)) as { handler: typeof checkInbound }).handler
    front = await start('first')
  })

  after(async () => {
    await front.stop()
    await (moto as Emulator).stop()
    rmSync(folder, { recursive: true })
  })

  const deliver = async (subject: string): Promise<void> => {
    const client = await SmtpClient.open(port(25))
    assert.ok(await client.send('someone@remote.test', ['alice@ours.test'], Buffer.from(`From: someone@remote.test\r\nTo: alice@ours.test\r\nSubject: ${subject}\r\n\r\nHello.\r\n`)))
    client.close()
  }
  const login = async (): Promise<Talk> => {
    const talk = await Talk.open(port(993), { tls: true })
    await talk.until(/\* OK .*\r\n/)
    await talk.ask(`a LOGIN alice@ours.test "${password}"`, /a OK .*\r\n/)
    return talk
  }

  it('answers that it is well', async () => {
    const answer = await fetch(`http://127.0.0.1:${port(80)}/health`)
    assert.deepEqual([answer.status, await answer.json()], [200, { status: 'ok' }])
  })

  it('takes a message by SMTP, a function files it, and IMAP and POP3 read it', async () => {
    await deliver('by SMTP')
    assert.deepEqual(await runOn(account.clients, account.names, 'inbound', checkInbound), { received: 1, batchItemFailures: [] })
    const imap = new ImapFlow({ host: '127.0.0.1', port: port(993), secure: true, tls: { rejectUnauthorized: false }, auth: { user: 'alice@ours.test', pass: password }, logger: false })
    await imap.connect()
    await imap.mailboxOpen('INBOX')
    const read = await imap.fetchOne('1', { envelope: true, source: true })
    assert.ok(read !== false)
    assert.equal(read.envelope?.subject, 'by SMTP')
    assert.match(String(read.source), /Received: from .*by mail\.ours\.test/s)
    await imap.logout()
    const pop = await Talk.open(port(995), { tls: true })
    await pop.until(/\+OK.*\r\n/)
    await pop.ask('USER alice@ours.test', /\+OK.*\r\n/)
    await pop.ask(`PASS ${password}`, /\+OK.*\r\n/)
    assert.match(await pop.ask('RETR 1', /\r\n\.\r\n/), /Subject: by SMTP/)
    pop.end()
  })

  it('tells a client that waits in IDLE at once, because the function rang', async () => {
    const talk = await login()
    await talk.ask('b SELECT INBOX', /b OK .*\r\n/)
    await talk.ask('c IDLE', /\+ .*\r\n/)
    // A bell rings only where the front has told the register that somebody waits: until then, a message more.
    const patience = Date.now() + 15_000
    for (let rung = false; !rung; ) {
      await deliver('rings')
      await runOn(account.clients, account.names, 'inbound', checkInbound)
      rung = await talk.until(/\* \d+ EXISTS\r\n/, 1000).then(() => true, () => false)
      assert.ok(rung || Date.now() < patience, 'long before the front would look by itself (mailbox.lookEveryMs)')
    }
    await talk.ask('DONE', /c OK .*\r\n/)
    talk.end()
  })

  it('believes the balancer about the client (PROXY v2), and demands its word', async () => {
    // RFC 5737 addresses in the binary form: 203.0.113.7:4711 to 198.51.100.1:25
    const header = Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), Buffer.from([0x21, 0x11, 0, 12, 203, 0, 113, 7, 198, 51, 100, 1, 4711 >> 8, 4711 & 255, 0, 25])])
    const talk = await Talk.open(port(25), { localAddress: '127.0.0.9', preface: header })
    await talk.until(/220 .*\r\n/)
    await talk.ask('EHLO client.test', /250 .*\r\n/)
    await talk.ask('MAIL FROM:<someone@remote.test>', /250 .*\r\n/)
    await talk.ask('RCPT TO:<nobody@ours.test>', /550 .*\r\n/)
    await front.event('refused', ({ client }) => client === '203.0.113.7')
    talk.end()
    const silent = await Talk.open(port(25), { localAddress: '127.0.0.9', preface: Buffer.from('EHLO client.test\r\n') })
    await front.event('proxy-refused')
    assert.equal(silent.text, '')
    silent.end()
  })

  const served = async (): Promise<string> => {
    const socket = tls.connect({ port: port(993), host: '127.0.0.1', rejectUnauthorized: false })
    const { raw } = await new Promise<{ raw: Buffer }>((resolve, reject) => socket.once('error', reject).once('secureConnect', () => resolve(socket.getPeerCertificate())))
    socket.destroy()
    return new X509Certificate(raw).fingerprint256
  }
  const eventually = async (wanted: string): Promise<void> => {
    for (const end = Date.now() + 10_000; (await served()) !== wanted; await sleep(50)) if (Date.now() > end) throw new Error('the certificate was not taken up')
  }

  it('takes up a new certificate without a restart, and keeps it when the next one cannot be used', async () => {
    assert.ok(front.lines.some(({ event }) => event === 'certificate-made'), 'on the first day there is none')
    const objects = tlsObjects(account.clients.s3, account.names.bucket)
    const [older, pid] = [await login(), front.pid]
    for (const seconds of [1, 2]) {
      const pair = await makeSelfSigned('mail.ours.test', Date.now() + seconds * 1000)
      await objects.write('certificate.pem', joinPem(pair))
      await eventually(new X509Certificate(pair.certPem).fingerprint256)
    }
    const { ServerSideEncryption } = await account.clients.s3.send(new HeadObjectCommand({ Bucket: account.names.bucket, Key: 'tls/certificate.pem' }))
    assert.equal(ServerSideEncryption, 'aws:kms')
    const good = await served()
    await objects.write('certificate.pem', 'no certificate')
    await front.event('certificate-refused')
    assert.equal(await served(), good)
    const [first, second] = [await makeSelfSigned('mail.ours.test'), await makeSelfSigned('mail.ours.test')]
    await objects.write('certificate.pem', joinPem({ certPem: first.certPem, keyPem: second.keyPem }))
    await sleep(600)
    assert.equal(await served(), good)
    assert.equal(front.lines.filter(({ event }) => event === 'certificate-refused').length, 2, 'told once for each')
    await older.ask('x NOOP', /x OK .*\r\n/)
    older.end()
    assert.equal(front.pid, pid)
  })

  it('drains when it is told to stop: a message in hand is taken, everyone hears goodbye, and it ends in time', async () => {
    const [idle, busy, reader] = [await Talk.open(port(25)), await Talk.open(port(25)), await login()]
    for (const talk of [idle, busy]) {
      await talk.until(/220 .*\r\n/)
      await talk.ask('EHLO client.test', /250 .*\r\n/)
    }
    await reader.ask('b SELECT INBOX', /b OK .*\r\n/)
    await reader.ask('c IDLE', /\+ .*\r\n/)
    await busy.ask('MAIL FROM:<someone@remote.test>', /250 .*\r\n/)
    await busy.ask('RCPT TO:<alice@ours.test>', /250 .*\r\n/)
    await busy.ask('DATA', /354 .*\r\n/)
    busy.say('Subject: in hand')
    const began = Date.now()
    front.terminate()
    assert.match(await idle.until(/421 .*\r\n/), /421 4\.3\.2/)
    await reader.until(/\* BYE .*\r\n/)
    await front.event('stopping')
    const refused = await new Promise<boolean>((resolve) => net.connect(port(25), '127.0.0.1').once('error', () => resolve(true)).once('connect', () => resolve(false)))
    assert.ok(refused, 'nobody new is let in')
    busy.say('\r\nHello.\r\n.')
    await busy.until(/250 .*\r\n/)
    await busy.until(/421 .*\r\n/)
    assert.equal(await front.ended, 0)
    assert.ok(Date.now() - began < 10_000)
    assert.deepEqual(await runOn(account.clients, account.names, 'inbound', checkInbound), { received: 1, batchItemFailures: [] })
    assert.deepEqual(front.files(), ['main.mjs'], 'it wrote nothing')
    assert.ok(!front.lines.some(({ event }) => event === 'bug'))
  })

  it('ends in time, too, when a client never finishes', async () => {
    front = await start('second', { 'server.stopGraceMs': '1s' })
    const talk = await Talk.open(port(25))
    await talk.until(/220 .*\r\n/)
    await talk.ask('EHLO client.test', /250 .*\r\n/)
    await talk.ask('MAIL FROM:<someone@remote.test>', /250 .*\r\n/)
    await talk.ask('RCPT TO:<alice@ours.test>', /250 .*\r\n/)
    await talk.ask('DATA', /354 .*\r\n/)
    const began = Date.now()
    assert.equal(await front.stop(), 0)
    assert.ok(Date.now() - began < 6000)
  })

  it('does not start without its variables, and says which it lacks', async () => {
    const lame = new FrontProcess(bundle.file, join(folder, 'lame'), { PENNYPOST_SETTINGS: 'server.hostname = mail.ours.test' })
    assert.equal(await lame.ended, 1)
    assert.match(String(lame.lines.find(({ event }) => event === 'not-serving')?.['error']), /lacks PENNYPOST_TABLE/)
  })
})
