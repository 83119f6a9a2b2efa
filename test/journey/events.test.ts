import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import type { EventOf, EventType, MailEvent } from '#lib/formats/events/event.ts'
import { faultsOf } from '#test/mail/events/schemaCheck.ts'
import { startObedientServer } from '#test/mail/outbound/obedientServer.ts'
import { Stage, eventually, message, password, startServer } from './harness.ts'
import type { Pennypost } from './harness.ts'
import { SmtpClient } from './smtpClient.ts'

/** What other programs do with our events: take them, be slow, fall over, say no. */
async function startHook(stage: Stage) {
  const taken: MailEvent[] = []
  const hook = { behave: async (): Promise<number | 'hang up'> => 200 }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      void hook.behave().then((status) => {
        if (status === 'hang up') return response.destroy()
        // Taken is what was answered so; an answer that is lost on its way is told again.
        if (status < 300) taken.push(...(JSON.parse(body) as { events: MailEvent[] }).events)
        return response.writeHead(status).end()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stage.onEnd(async () => void server.close())
  return { taken, hook, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

type Hook = Awaited<ReturnType<typeof startHook>>

// The filter is by the type, which the union of all events cannot say of a parameter.
const ofType = <T extends EventType>(taken: readonly MailEvent[], type: T): EventOf<T>[] => taken.filter((event) => event.type === type) as unknown as EventOf<T>[]

async function logOf(server: Pennypost, user: string): Promise<MailEvent[]> {
  return JSON.parse((await server.cli('events', 'list', '--account', user, '--limit', '100000', '--json')).stdout) as MailEvent[]
}

describe('a message and its events', () => {
  const stage = new Stage()
  let server: Pennypost
  let hook: Hook

  before(async () => {
    hook = await startHook(stage)
    const remote = await startObedientServer()
    stage.onEnd(() => remote.close())
    server = await startServer(stage, { settings: [`events.urls=${hook.url}`] })
    await server.cli('domain', 'set', 'ours.test', '--smarthost', `127.0.0.1:${remote.port}`, '--smarthost-tls', 'none')
  })
  after(() => stage.end())

  it('mail that comes in is received and filed', async () => {
    const client = await SmtpClient.open(server.port(25))
    assert.ok(await client.send('joe@remote.test', ['alice@ours.test'], Buffer.from(message({ from: 'joe@remote.test', to: 'alice@ours.test', subject: 'Question' }))))
    client.close()
    const [received] = await eventually('received', () => (ofType(hook.taken, 'filed').length > 0 ? ofType(hook.taken, 'received') : undefined))
    assert.deepEqual([received?.detail.from, received?.detail.to, received?.detail.mailbox.name, received?.detail.uid, received?.detail.message.subject], ['joe@remote.test', 'alice@ours.test', 'INBOX', 1, 'Question'])
    assert.equal(received?.detail.queueId, (await server.event('filed')).queueId)
  })

  it('mail that is sent is submitted, delivered and bounced, and a report comes back', async () => {
    const transport = createTransport({ host: '127.0.0.1', port: server.port(587), auth: { user: 'bob@ours.test', pass: password }, tls: { rejectUnauthorized: false } })
    const { messageId } = (await transport.sendMail({ from: 'bob@ours.test', to: ['carl@remote.test', 'nobody@remote.test', 'alice@ours.test'], subject: 'Offer', text: 'Hello.' })) as { messageId: string }
    const bounced = await eventually('bounced', () => ofType(hook.taken, 'bounced')[0])
    const delivered = await eventually('delivered', () => (ofType(hook.taken, 'delivered').length >= 2 ? ofType(hook.taken, 'delivered') : undefined))
    const [submitted, ...more] = ofType(hook.taken, 'submitted')
    assert.deepEqual(more, [])
    assert.deepEqual(submitted?.detail.recipients, ['carl@remote.test', 'nobody@remote.test', 'alice@ours.test'])
    assert.deepEqual(bounced.detail.recipients, ['nobody@remote.test'])
    assert.deepEqual([bounced.detail.code, bounced.detail.enhancedCode], [550, '5.1.1'])
    assert.deepEqual(delivered.flatMap(({ detail }) => detail.recipients).sort(), ['alice@ours.test', 'carl@remote.test'])
    for (const { detail, account } of [submitted, bounced, ...delivered].flatMap((event) => event ?? [])) assert.deepEqual([`<${detail.messageId}>`, account], [messageId, submitted?.account])
    // The report stands in the sender's INBOX.
    await eventually('the report is filed', () => ofType(hook.taken, 'received').find(({ account, detail }) => account === submitted?.account && detail.from === ''))
  })

  it('every event keeps to its schema, and is what the log says', async () => {
    for (const event of hook.taken) assert.deepEqual(faultsOf(event), [])
    for (const user of ['alice@ours.test', 'bob@ours.test']) {
      const log = await logOf(server, user)
      await eventually('all events', () => log.every(({ id }) => hook.taken.some((event) => event.id === id)))
      assert.deepEqual(hook.taken.filter(({ account }) => account === log[0]?.account), log)
    }
  })
})

describe('events under kill -9 and a webhook that is not always there', () => {
  const stage = new Stage()
  after(() => stage.end())

  it('every event of every message answered 250 comes, those of an account in order', async () => {
    const hook = await startHook(stage)
    const seed = Number(process.env['PENNYPOST_TEST_SEED'] ?? 20_261_125)
    console.log(`seed ${seed}`)
    let turn = seed
    const random = () => (turn = (turn * 48_271) % 2_147_483_647) / 2_147_483_647
    hook.hook.behave = async () => {
      await sleep(random() * 20)
      const dice = random()
      return dice < 0.15 ? 500 : dice < 0.25 ? 503 : dice < 0.4 ? 'hang up' : 200
    }
    const users = ['alice', 'bob']
    const server = await startServer(stage, { settings: [`events.urls=${hook.url}`, 'events.retryMs=20ms,50ms,100ms', 'events.batch=7', 'events.giveUpMs=0', 'inbound.checks=no', 'smtp.messagesPerAddress=0', 'inbound.junkScore=999', 'inbound.refuseScore=1000'] })
    let answered = 0
    const load = async () => {
      try {
        const client = await SmtpClient.open(server.port(25))
        for (;;) if (await client.send('s@example.com', users.map((user) => `${user}@ours.test`), Buffer.from('Subject: load\r\n\r\nx\r\n'))) answered++
      } catch {
        // The server was killed.
      }
    }
    for (let kill = 0; kill < 3; kill++) {
      const lanes = [load(), load(), load()]
      await sleep(150 + random() * 400)
      await server.kill()
      await Promise.all(lanes)
      await server.start()
    }
    await eventually('the queue is empty', async () => (JSON.parse((await server.cli('queue', 'list', '--json')).stdout) as unknown[]).length === 0, 60_000)
    hook.hook.behave = async () => 200
    for (const user of users) {
      const log = await logOf(server, `${user}@ours.test`)
      assert.ok(ofType(log, 'received').length >= answered && answered > 3, `${answered} answered`)
      const wanted = log.map(({ id }) => id)
      const got = () => new Set(hook.taken.filter(({ account }) => account === log[0]?.account).map(({ id }) => id))
      await eventually(`the ${wanted.length} events of ${user}`, () => got().size >= wanted.length, 60_000)
      assert.deepEqual([...got()], wanted)
    }
    console.log(`${answered} messages answered 250, ${hook.taken.length} events taken, ${new Set(hook.taken.map(({ id }) => id)).size} different ones`)
  })
})
