import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { makeLog } from '#lib/base/log.ts'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { makeFeed } from '#lib/mail/events/feed.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { faultsOf } from '#test/mail/events/schemaCheck.ts'
import { Program } from './program.ts'
import type { Ran } from './program.ts'

interface Got {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function startHook() {
  const got: Got[] = []
  const hook = { status: 204 }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      response.writeHead(hook.status).end('nobody reads this')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { got, hook, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, close: () => void server.close() }
}

const eventsIn = (got: readonly Got[]): MailEvent[] => got.flatMap(({ body }) => (JSON.parse(body) as { events: MailEvent[] }).events)

describe('events', () => {
  const program = new Program()
  let account = ''
  const run = (...parameters: string[]): Promise<Ran> => program.run(['events', ...parameters])

  before(async () => {
    assert.equal((await program.run(['domain', 'add', 'example.com'])).code, 0)
    assert.equal((await program.run(['user', 'add', 'anna@example.com', '--password-stdin'], { input: 'a long password\n' })).code, 0)
    const log = makeLog(() => undefined, { now: () => 0 })
    const engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log, settings: defaultConfig().engine })
    const { directory, mailStore } = openStores({ engine, config: defaultConfig(), clock: systemClock, log })
    account = (await directory.user('anna@example.com'))?.id ?? ''
    const mail = await mailStore.open(account)
    for (const n of [1, 2, 3]) await appendMessage(mail, { content: Buffer.from(`Subject: Hello ${n}\r\nFrom: joe@remote.example\r\n\r\nx\r\n`), mailboxName: 'INBOX', flags: [], deliveryId: `Q${n}/${account}`, envelope: { from: 'joe@remote.example', to: 'anna@example.com' } })
    mail.release()
    await mailStore.close()
    await engine.close()
  })
  after(() => program.remove())

  it('list shows what happened, a line each', async () => {
    const { stdout, code } = await run('list', '--account', 'Anna@example.com')
    assert.equal(code, 0)
    assert.match(stdout, /^SEQUENCE +TIME +TYPE +WHAT$/m)
    assert.match(stdout, /^2 .* received +joe@remote\.example to anna@example\.com: Hello 1$/m)
    assert.match(stdout, /^4 .* filed +delivered in INBOX, UID 3$/m)
  })

  it('list --json gives the events themselves, by account id too, from a position and of a type', async () => {
    const events = (await run('list', '--account', account, '--from', '3', '--type', 'received', '--json')).json<MailEvent[]>()
    assert.deepEqual(events.map(({ sequence, type }) => [sequence, type]), [[3, 'received'], [4, 'received']])
    for (const event of events) assert.deepEqual(faultsOf(event), [])
    assert.deepEqual((await run('list', '--account', account, '--to', '2', '--json')).json<MailEvent[]>().map(({ sequence }) => sequence), [2, 2])
  })

  it('list says where to go on when there is more', async () => {
    assert.match((await run('list', '--account', account, '--limit', '2')).stdout, /And more: go on with --from 3\.$/m)
  })

  it('refuses what it does not know with a sentence', async () => {
    for (const [parameters, sentence, code] of [[['--account', 'nobody@example.com'], /there is no user nobody@example\.com/, 1], [['--account', 'A0'], /there is no account A0/, 1], [['--account', account, '--from', '0'], /whole number from 1/, 2], [['--account', account, '--type', 'opened'], /One of received/, 2]] as const) {
      const ran = await run('list', ...parameters)
      assert.match(ran.stderr, sentence)
      assert.equal(ran.code, code)
    }
    assert.match((await run('replay', '--account', account, '--from', '1')).stderr, /events\.urls/)
  })

  it('replay sends all from a position once more, signed with the secret in the data directory', async () => {
    const { got, url, close } = await startHook()
    const ran = await run('replay', '--account', account, '--from', '3', '--set', `events.urls=${url}`, '--set', 'events.batch=3')
    close()
    assert.equal(ran.code, 0, ran.stderr)
    assert.match(ran.stdout, /\/hook: 4 events sent$/m)
    assert.deepEqual(eventsIn(got).map(({ sequence, type }) => `${sequence} ${type}`), ['3 received', '3 filed', '4 received', '4 filed'])
    assert.equal(got.length, 2)
    const file = join(program.data, 'events-secret')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const key = Buffer.from(readFileSync(file, 'utf8').trim().slice('whsec_'.length), 'base64')
    for (const { headers, body } of got) {
      const timestamp = headers['webhook-timestamp'] as string
      assert.ok(Math.abs(Date.now() / 1000 - Number(timestamp)) < 60)
      assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', key).update(`${headers['webhook-id'] as string}.${timestamp}.${body}`).digest('base64')}`)
    }
  })

  it('replay stops where an event is not taken, and says where to go on', async () => {
    const { hook, url, close } = await startHook()
    hook.status = 500
    const ran = await run('replay', '--account', account, '--from', '2', '--set', `events.urls=${url}`)
    close()
    assert.equal(ran.code, 1)
    assert.match(ran.stdout, /0 events sent, then "status 500"; go on with --from 2$/m)
  })

  it('replay of every account sends what happened since a time', async () => {
    const { got, hook, url, close } = await startHook()
    const set = ['--set', `events.urls=${url}`]
    const [first] = (await run('list', '--account', account, '--from', '3', '--limit', '1', '--json')).json<MailEvent[]>()
    const all = await run('replay', '--all', '--since', new Date(Date.parse(first?.time ?? '') - 60_000).toISOString(), ...set)
    assert.match(all.stdout, /: 6 events of 1 accounts sent$/m)
    assert.deepEqual(eventsIn(got).map(({ sequence }) => sequence), [2, 2, 3, 3, 4, 4])
    assert.match((await run('replay', '--all', '--since', '2100-01-01T00:00Z', ...set)).stdout, /: 0 events of 0 accounts sent$/m)
    assert.match((await run('replay', '--account', account, '--since', first?.time ?? '', '--type', 'received', ...set)).stdout, /: [23] events sent$/m)
    hook.status = 500
    const stopped = await run('replay', '--all', '--since', '2000-01-01', ...set)
    close()
    assert.deepEqual([stopped.code, stopped.stdout.replace(/^.*?hook/, '')], [1, `: 0 events of 1 accounts sent, then "status 500"; say the same again, or go on with --account ${account} --from 2\n`])
  })

  it('replay says what it lacks', async () => {
    for (const [parameters, sentence, code] of [[['--from', '1'], /--account, or say --all/, 1], [['--account', account], /--from SEQUENCE, or --since TIME/, 1], [['--all', '--from', '1'], /--since TIME with --all/, 1], [['--account', account, '--since', 'yesterday'], /A time such as/, 2], [['--account', account, '--from', '1', '--since', '2026-01-01'], /cannot be used with/, 2]] as const) {
      const ran = await run('replay', ...parameters)
      assert.match(ran.stderr, sentence)
      assert.equal(ran.code, code)
    }
  })

  it('a secret file of one\'s own is used, never made', async () => {
    const { got, url, close } = await startHook()
    const file = join(program.data, '..', 'my-secret')
    const set = ['--set', `events.urls=${url}`, '--set', `events.secretFile=${file}`]
    assert.match((await run('replay', '--account', account, '--from', '4', ...set)).stderr, /events\.secretFile/)
    assert.ok(!existsSync(file))
    writeFileSync(file, 'short')
    assert.match((await run('replay', '--account', account, '--from', '4', ...set)).stderr, /holds no secret/)
    writeFileSync(file, 'a secret of one\'s own')
    assert.equal((await run('replay', '--account', account, '--from', '4', ...set)).code, 0)
    writeFileSync(file, `whsec_${Buffer.alloc(24, 3).toString('base64')}\n\na secret of one's own\n`)
    assert.equal((await run('replay', '--account', account, '--from', '4', ...set)).code, 0)
    close()
    const signature = ({ headers, body }: Got, key: string | Buffer) => `v1,${createHmac('sha256', key).update(`${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`).digest('base64')}`
    const [one = assert.fail(), both = assert.fail()] = got
    assert.equal(one.headers['webhook-signature'], signature(one, 'a secret of one\'s own'))
    assert.equal(both.headers['webhook-signature'], `${signature(both, Buffer.alloc(24, 3))} ${signature(both, 'a secret of one\'s own')}`)
  })

  it('status counts the accounts that a webhook is behind with', async () => {
    const url = 'http://127.0.0.1:9/hook'
    const set = ['--set', `events.urls=${url}`]
    assert.equal((await run('status')).stdout, 'events are sent nowhere: events.urls is empty\n')
    assert.deepEqual((await run('status', '--json', ...set)).json(), [{ url, waiting: 0, accounts: [] }])
    assert.equal((await program.run(['user', 'add', 'bert@example.com', '--password-stdin'], { input: 'a long password\n' })).code, 0)
    const log = makeLog(() => undefined, { now: () => 0 })
    const engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log, settings: defaultConfig().engine })
    const { mailStore } = openStores({ engine, config: defaultConfig(), clock: systemClock, log, feed: makeFeed([url], engine) })
    await mailStore.createAccount('b')
    await mailStore.close()
    await engine.close()
    assert.deepEqual((await run('status', '--json', ...set)).json(), [{ url, waiting: 1, accounts: ['b'] }])
    assert.match((await run('status', ...set)).stdout, /127\.0\.0\.1:9\/hook +1 +b$/m)
  })
})
