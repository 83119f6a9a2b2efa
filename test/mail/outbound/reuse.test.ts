import assert from 'node:assert/strict'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '#lib/config.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { dial as dialSocket, WireError } from '#lib/mail/outbound/dial.ts'
import type { Dial } from '#lib/mail/outbound/dial.ts'
import type { RecipientProgress } from '#lib/mail/transit/note.ts'
import { startObedientServer } from './obedientServer.ts'
import { deliveryNote, destinationAt, following, handedOut, openStage, outboundNote } from './stage.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending()
})

async function open(settings: Partial<Config['outbound']> = {}, options: Parameters<typeof startObedientServer>[0] = {}) {
  const server = await startObedientServer(options)
  const stage = openStage({ settings: { expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9, ...settings } })
  const delivery = makeDeliverOutbound(stage.deps)
  endings.push(() => server.close(), () => delivery.close())
  const noteTo = (to: string | RecipientProgress, id: number) => handedOut(`Q.${id}`, deliveryNote(destinationAt(server.port), outboundNote([to])))
  return { server, stage, delivery, noteTo }
}

test('messages one after another share a connection', async () => {
  const { server, delivery, noteTo } = await open()
  for (let n = 0; n < 5; n++) following((await delivery.handle([noteTo('bob@remote.example', n)]))[0])
  assert.equal(server.messages.length, 5)
  assert.equal(server.connections.count, 1)
})

test('a connection is given up after so many messages', async () => {
  const { server, delivery, noteTo } = await open({ messagesPerConnection: 2 })
  for (let n = 0; n < 5; n++) await delivery.handle([noteTo('bob@remote.example', n)])
  assert.equal(server.connections.count, 3)
  assert.equal(server.messages.length, 5)
})

test('a transaction that sent no message is reset before the next', async () => {
  const { server, delivery, noteTo } = await open({}, { offers: [] })
  await delivery.handle([noteTo('nobody@remote.example', 1)])
  await delivery.handle([noteTo('bob@remote.example', 2)])
  assert.deepEqual(server.commands.slice(1), ['MAIL FROM:<alice@ours.example>', 'RCPT TO:<nobody@remote.example>', 'RSET', 'MAIL FROM:<alice@ours.example>', 'RCPT TO:<bob@remote.example>', 'DATA'])
  assert.equal(server.connections.count, 1)
})

test('an idle connection that the server closed is replaced without counting as a failure', async () => {
  const { server, delivery, stage, noteTo } = await open()
  await delivery.handle([noteTo('bob@remote.example', 1)])
  await server.hangUp()
  await delivery.handle([noteTo('bob@remote.example', 2)])
  assert.equal(server.messages.length, 2)
  assert.equal(server.connections.count, 2)
  assert.deepEqual(stage.fates(), ['bob@remote.example delivered 2.0.0', 'bob@remote.example delivered 2.0.0'])
})

test('an idle connection is ended with QUIT', async () => {
  const { server, delivery, noteTo } = await open({ idleMs: 50 })
  await delivery.handle([noteTo('bob@remote.example', 1)])
  assert.equal(server.connections.open, 1)
  for (let tries = 0; server.connections.open > 0 && tries < 100; tries++) await sleep(20)
  assert.equal(server.connections.open, 0)
  assert.equal(server.commands.at(-1), 'QUIT')
})

test('a destination gets so many connections at once and no more, over all batches', async () => {
  const { server, delivery, noteTo } = await open({ connectionsPerDestination: 3 }, { delayMs: 20 })
  const batches = Array.from({ length: 4 }, (_, batch) => delivery.handle(Array.from({ length: 5 }, (_, n) => noteTo('bob@remote.example', batch * 5 + n))))
  const answers = (await Promise.all(batches)).flat()
  assert.ok(answers.every(({ kind }) => kind === 'done'))
  assert.equal(server.messages.length, 20)
  assert.equal(server.connections.most, 3)
  assert.equal(server.connections.count, 3)
})

test('connections that are being ended count too', async () => {
  const { server, delivery, noteTo } = await open({ connectionsPerDestination: 2, messagesPerConnection: 1 })
  const answers = await delivery.handle(Array.from({ length: 10 }, (_, n) => noteTo('bob@remote.example', n)))
  assert.ok(answers.every(({ kind }) => kind === 'done'))
  assert.deepEqual([server.messages.length, server.connections.count, server.connections.most], [10, 10, 2])
})

test('a delivery that finds no free connection steps back without counting a try', async () => {
  const { delivery, noteTo, stage } = await open({ connectionsPerDestination: 1, placeMs: 50 }, { delayMs: 400 })
  const answers = await delivery.handle([noteTo('bob@remote.example', 1), noteTo('carol@remote.example', 2)])
  assert.deepEqual(answers.map(({ kind }) => kind), ['done', 'again'])
  assert.deepEqual(stage.fates(), ['bob@remote.example delivered 2.0.0'])
})

test('a slow destination does not hold up another', async () => {
  const slow = await open({ connectionsPerDestination: 1 }, { delayMs: 1000 })
  const fast = await startObedientServer()
  endings.push(() => fast.close())
  const order: string[] = []
  const slowly = slow.delivery.handle([slow.noteTo('bob@remote.example', 1)]).then(() => order.push('slow'))
  await slow.delivery.handle([handedOut('Q.9', deliveryNote({ ...destinationAt(fast.port), key: 'other' }, outboundNote(['bob@other.example'])))])
  order.push('fast')
  await slowly
  assert.deepEqual(order, ['fast', 'slow'])
})

test('a destination that does not answer leaves room for others, and those who wait for it come back one after another', async () => {
  const slow = await startObedientServer({ delayMs: 500 })
  const fast = await startObedientServer()
  const stage = openStage({ settings: { connectionsPerDestination: 2 }, queue: { deliveryAtOnce: 20 } })
  const delivery = makeDeliverOutbound(stage.deps)
  endings.push(() => slow.close(), () => fast.close(), () => delivery.close())
  const note = (port: number, key: string, id: number) => handedOut(`Q.${key}${id}`, deliveryNote({ ...destinationAt(port), key }, outboundNote(['bob@remote.example'])))
  const begun = Date.now()
  const back: number[] = []
  const crowd = Array.from({ length: 100 }, async (_, id) => {
    const [answer] = await delivery.handle([note(slow.port, 'slow', id)])
    if (answer?.kind === 'again') back.push(answer.notBefore)
  })
  while (back.length < 89) await sleep(5)
  assert.ok(Date.now() - begun < 400, 'they need not wait to be sent away')
  assert.equal(back.length, 89, 'two at work, and no more waiting than there are places left')
  assert.equal(new Set(back.slice(-40)).size, 40)
  const others = await delivery.handle(Array.from({ length: 4 }, (_, id) => note(fast.port, 'fast', id)))
  assert.ok(others.every(({ kind }) => kind === 'done'))
  assert.ok(Date.now() - begun < 900)
  await delivery.close()
  await Promise.all(crowd)
})

test('closing hangs up, and what was in hand goes back as it was', async () => {
  const { server, delivery, noteTo } = await open({}, { delayMs: 1000 })
  const answers = delivery.handle([noteTo('bob@remote.example', 1)])
  while (server.messages.length === 0) await sleep(5)
  await delivery.close()
  assert.deepEqual((await answers).map(({ kind }) => kind), ['again'])
  assert.deepEqual((await delivery.handle([noteTo('bob@remote.example', 2)])).map(({ kind }) => kind), ['again'])
})

test('an address that cannot be reached is passed over for a while', async () => {
  const { delivery, server, stage } = await open({ downMs: 60_000 })
  await server.close()
  endings.shift()
  const note = (id: number) => handedOut(`Q.${id}`, deliveryNote(destinationAt(server.port), outboundNote(['bob@remote.example'])))
  await delivery.handle([note(1)])
  assert.deepEqual(stage.fates(), ['bob@remote.example deferred 4.4.1'])
  const again = await startObedientServerAt(server.port)
  endings.push(again)
  await delivery.handle([note(2)])
  assert.deepEqual(stage.fates(), ['bob@remote.example deferred 4.4.1', 'bob@remote.example deferred 4.4.1'])
  assert.match(String(stage.events.findLast(({ event }) => event === 'deferred')?.fields['reply']), /ECONNREFUSED \(found \d+ s before, passed over for a while\)$/)
})

test('a message that cannot be read fails its note alone, and is never ended with a dot', async () => {
  const { delivery, server, noteTo } = await open()
  const lost = handedOut('Q.lost', deliveryNote(destinationAt(server.port), { ...outboundNote(['bob@remote.example']), content: { blob: { key: 'transit/gone', offset: 0, length: 9, codec: 'identity', sizeBytes: 9 } } }))
  const answers = await delivery.handle([lost, noteTo('bob@remote.example', 2)])
  assert.deepEqual(answers.map(({ kind }) => kind), ['failed', 'done'])
  assert.equal(server.messages.length, 1)
})

async function startObedientServerAt(port: number): Promise<() => Promise<void>> {
  const { createServer } = await import('node:net')
  const server = createServer((socket) => socket.end('220 too late\r\n'))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return async () => void (await new Promise((resolve) => server.close(resolve)))
}

test('a host of many addresses leaves tries for those behind it', async () => {
  const { delivery, server, stage } = await open({ maxAddresses: 4, connectMs: 200 })
  const dead = Array.from({ length: 8 }, (_, n) => `127.0.1.${n + 1}`)
  const [live] = destinationAt(server.port).hosts
  assert.ok(live !== undefined)
  const destination = { ...destinationAt(server.port), hosts: [{ name: 'dead.remote.example', addresses: dead, port: 1 }, live] }
  await delivery.handle([handedOut('Q.1', deliveryNote(destination, outboundNote(['bob@remote.example'])))])
  assert.deepEqual(stage.fates(), ['bob@remote.example delivered 2.0.0'])
})

test('closing reaches connections that are still being made, and what was in hand goes back as it was', async () => {
  const { createServer } = await import('node:net')
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const stage = openStage({ settings: { commandMs: 60_000, connectMs: 60_000 } })
  let dialled = 0
  const dial: Dial = async (request) => {
    // The second host takes for ever to connect.
    if (dialled++ === 0) return await dialSocket(request)
    return await new Promise((_, reject) => request.signal?.addEventListener('abort', () => reject(new WireError('lost', 'closed here'))))
  }
  const delivery = makeDeliverOutbound({ ...stage.deps, dial })
  const destination = destinationAt((silent.address() as AddressInfo).port)
  const answers = delivery.handle([1, 2].map((id) => handedOut(`Q.${id}`, deliveryNote(destination, outboundNote(['bob@remote.example'])))))
  while (sockets.length === 0 || dialled < 2) await sleep(5)
  const begun = Date.now()
  await delivery.close()
  assert.deepEqual((await answers).map(({ kind }) => kind), ['again', 'again'])
  assert.ok(Date.now() - begun < 2000)
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => silent.close(resolve))
})
