import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#lib/base/clock.ts'
import { jsonSink, makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { demandConfigText } from '#lib/configFile.ts'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import type { Account as User } from '#lib/mail/accounts/account.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import { openCheckInbound } from '#lib/mail/rooms/checkInbound.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import type { Reception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import type { Stores } from '#lib/mail/rooms/stores.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { mxData, startFakeDns, types } from '../base/fakeDns.ts'
import type { FakeDns } from '../base/fakeDns.ts'
import { makeAccount } from '../engine/aws/account.ts'
import type { Account } from '../engine/aws/account.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { startObedientServer } from '../mail/outbound/obedientServer.ts'
import type { ObedientServer } from '../mail/outbound/obedientServer.ts'
import { makeHandler as makeCheckFunction } from '../../functions/check-inbound/handler.ts'
import { makeHandler as makeDeliverFunction } from '../../functions/deliver-outbound/handler.ts'
import { makeHandler as makeLookUpFunction } from '../../functions/look-up-mx/handler.ts'
import { openRooms } from '../../functions/rooms.ts'
import { makeHandler as makeSweepFunction } from '../../functions/sweep-due/handler.ts'
import { context } from './fakes.ts'
import { environmentOf, forget, receive, runOn } from './mailAccount.ts'

const moto = await startEmulator('moto')

describe('mail through the functions, on an emulated account', { skip: typeof moto === 'string' ? moto : false }, () => {
  const { endpoint } = moto as Emulator
  let account: Account
  let engine: AwsEngine
  let stores: Stores
  let reception: Reception
  let remote: ObedientServer
  let dns: FakeDns
  let alice: User
  const functions = {} as { check: ReturnType<typeof makeCheckFunction>; lookUp: ReturnType<typeof makeLookUpFunction>; deliver: ReturnType<typeof makeDeliverFunction>; sweep: ReturnType<typeof makeSweepFunction> }
  const closers: (() => Promise<void>)[] = []

  before(async () => {
    account = await makeAccount(endpoint)
    remote = await startObedientServer()
    const address = { type: types.a, ttl: 60, data: Buffer.from([127, 0, 0, 1]) }
    dns = await startFakeDns({
      'remote.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'mx.remote.test') }] },
      'mx.remote.test 1': { records: [address] },
      // Nobody listens there.
      'away.test 15': { records: [{ type: types.mx, ttl: 60, data: mxData(10, 'mx.away.test') }] },
      'mx.away.test 1': { records: [{ ...address, data: Buffer.from([127, 0, 0, 2]) }] },
    })
    const settings = { 'server.hostname': 'mail.ours.test', 'server.logLevel': 'error', 'dns.servers': `127.0.0.1:${dns.port}`, 'outbound.port': String(remote.port), 'outbound.allowLoopback': 'yes', 'outbound.retryMs': '20m', 'queue.maxReceives': '2' }
    const environment = environmentOf(endpoint, account.names, settings)
    for (const [name, value] of Object.entries(environment)) if (name.startsWith('AWS_')) process.env[name] = value
    engine = await account.open()
    const log = makeLog(jsonSink(() => undefined), { now: () => Date.now() })
    const common = { engine, config: demandConfigText(environment['PENNYPOST_SETTINGS'] ?? '', 'settings'), clock: systemClock, log }
    stores = openStores(common)
    reception = openReception(shareRooms({ ...common, ...stores, hostname: 'mail.ours.test' }))
    await stores.directory.addDomain({ name: 'ours.test' })
    alice = await stores.directory.addUser({ address: 'alice@ours.test', password: 'correct horse battery staple' })
    const open = async (name: string) => {
      const rooms = await openRooms(name, environment)
      closers.push(async () => {
        await rooms.shared.mailStore.close()
        await rooms.engine.close()
      })
      return { engine: rooms.engine, voice: rooms.voice, maxReceives: rooms.config.queue.maxReceives, settle: () => rooms.shared.mailStore.settle(), shared: rooms.shared }
    }
    functions.check = makeCheckFunction(async () => {
      const rooms = await open('check-inbound')
      return { ...rooms, handle: openCheckInbound(rooms.shared) }
    })
    functions.lookUp = makeLookUpFunction(async () => {
      const rooms = await open('look-up-mx')
      return { ...rooms, handle: makeLookUpMx(rooms.shared) }
    })
    functions.deliver = makeDeliverFunction(async () => {
      const rooms = await open('deliver-outbound')
      const delivery = makeDeliverOutbound(rooms.shared)
      closers.unshift(() => delivery.close())
      return { ...rooms, handle: delivery.handle }
    })
    functions.sweep = makeSweepFunction(() => open('sweep-due'))
  })

  after(async () => {
    for (const close of closers) await close()
    await stores.mailStore.close()
    await engine.close()
    dns.close()
    await remote.close()
    await (moto as Emulator).stop()
  })

  const lines = (text: string) =>
    (async function* () {
      yield Buffer.from(text.replaceAll('\n', '\r\n'))
    })()
  const arriving = (from: string, to: string, subject: string) => ({
    queueId: newQueueId(Date.now()),
    envelope: { mailFrom: from, recipients: [{ address: to }] },
    client: { address: '127.0.0.1', hello: 'client.test' },
    headerPrefix: 'Received: from client.test by mail.ours.test; Wed, 25 Nov 2026 20:00:00 +0000\r\n',
    content: lines(`From: ${from}\nTo: ${to}\nSubject: ${subject}\nDate: Wed, 25 Nov 2026 20:00:00 +0000\nMessage-ID: <${subject}@test>\n\nHello.\n`),
  })
  const submit = (to: string, subject: string) => reception.submit({ ...arriving('alice@ours.test', to, subject), account: alice })
  const inboxSize = async (): Promise<number> => {
    const mail = await stores.mailStore.open(alice.id)
    await mail.refresh()
    const size = mail.state.messageCount
    mail.release()
    return size
  }

  it('a message that came in is filed, once, though its note comes twice', async () => {
    await reception.accept(arriving('someone@remote.test', 'alice@ours.test', 'arrives'))
    const event = await receive(account.clients, account.names, 'inbound')
    assert.equal(event.Records.length, 1)
    assert.deepEqual(await functions.check(event, context()), { batchItemFailures: [] })
    assert.equal(await inboxSize(), 1)
    assert.deepEqual(await functions.check(event, context()), { batchItemFailures: [] })
    assert.equal(await inboxSize(), 1)
    await forget(account.clients, account.names, 'inbound', event)
  })

  it('submitted messages are looked up and delivered, the second over the connection of the first', async () => {
    for (const subject of ['first', 'second']) {
      await submit('friend@remote.test', subject)
      assert.equal((await runOn(account.clients, account.names, 'outbound', functions.lookUp)).received, 1)
      assert.deepEqual(await runOn(account.clients, account.names, 'delivery', functions.deliver), { received: 1, batchItemFailures: [] })
    }
    assert.deepEqual(remote.messages.map((message) => /Subject: (\w+)/.exec(message)?.[1]), ['first', 'second'])
    assert.match(remote.messages[0] ?? '', /^DKIM-Signature:/m)
    assert.equal(remote.connections.count, 1)
  })

  it('a refusal comes back to the sender as a report', async () => {
    const size = await inboxSize()
    await submit('nobody@remote.test', 'refused')
    await runOn(account.clients, account.names, 'outbound', functions.lookUp)
    await runOn(account.clients, account.names, 'delivery', functions.deliver)
    assert.equal((await runOn(account.clients, account.names, 'inbound', functions.check)).received, 1)
    assert.equal(await inboxSize(), size + 1)
  })

  it('what cannot be delivered now waits in the table, where an operator sees why, and goes when it is asked to', async () => {
    await submit('friend@away.test', 'later')
    await runOn(account.clients, account.names, 'outbound', functions.lookUp)
    await runOn(account.clients, account.names, 'delivery', functions.deliver)
    const [waiting, ...others] = (await engine.queue.list('outbound')).items
    assert.ok(waiting !== undefined && others.length === 0)
    assert.equal(waiting.state, 'waiting')
    assert.ok((waiting.dueAt ?? 0) > Date.now() + 15 * 60_000)
    assert.equal(await engine.queue.retime('outbound', waiting.id, Date.now()), true)
    const event = await receive(account.clients, account.names, 'outbound')
    assert.equal(event.Records.length, 1)
    await forget(account.clients, account.names, 'outbound', event)
  })

  it('the sweep hands over what is due', async () => {
    const early = await account.open({ settings: { sqsDelayMs: 0 } })
    await early.queue.send('inbound', [{ id: 'due', body: Buffer.from('later'), notBefore: Date.now() + 900 }])
    assert.equal((await receive(account.clients, account.names, 'inbound')).Records.length, 0)
    await sleep(1000)
    await functions.sweep({}, context())
    const event = await receive(account.clients, account.names, 'inbound')
    assert.equal(event.Records.length, 1)
    await forget(account.clients, account.names, 'inbound', event)
    await early.close()
  })

  it('a note that no function can work on ends among the dead letters, with its neighbours unharmed, and can be tried again', async () => {
    const size = await inboxSize()
    await reception.accept(arriving('someone@remote.test', 'alice@ours.test', 'neighbour'))
    await engine.queue.send('inbound', [{ id: 'poison', body: Buffer.from('no note at all') }])
    const first = await runOn(account.clients, account.names, 'inbound', functions.check)
    assert.deepEqual([first.received, first.batchItemFailures.length], [2, 1])
    assert.equal(await inboxSize(), size + 1)
    await sleep(1200)
    assert.deepEqual(await runOn(account.clients, account.names, 'inbound', functions.check), { received: 1, batchItemFailures: [] })
    const [dead] = (await engine.queue.list('inbound')).items
    assert.deepEqual([dead?.id, dead?.state, dead?.receives], ['poison', 'dead', 2])
    assert.match(dead?.reason ?? '', /note/)
    assert.equal(await engine.queue.retime('inbound', 'poison', Date.now()), true)
    assert.equal((await receive(account.clients, account.names, 'inbound')).Records.length, 1)
    assert.deepEqual((await engine.queue.list('inbound')).items, [])
  })

  it('a function without its variables says which it lacks', async () => {
    await assert.rejects(openRooms('check-inbound', { PENNYPOST_SETTINGS: 'server.hostname = x.test' }), /lacks PENNYPOST_TABLE, PENNYPOST_BUCKET/)
    await assert.rejects(openRooms('check-inbound', {}), /server\.hostname/)
    await assert.rejects(openRooms('check-inbound', { PENNYPOST_SETTINGS: 'smtp.nothing = 1' }), /PENNYPOST_SETTINGS:1: there is no setting smtp\.nothing/)
  })

  it('settings that are not said are those of every other place', () => assert.deepEqual(demandConfigText('', 'x'), defaultConfig()))
})
