import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '#lib/config.ts'
import { deliverOnce, deliveryNote, destinationAt, openStage, outboundNote } from './stage.ts'

const impatient = { commandMs: 400, dataStartMs: 400, dataBlockMs: 400, dataEndMs: 400 }

type Behaviour = (socket: net.Socket) => Promise<void> | void

/** What becomes of a message for one recipient, and how long it takes. */
async function meet(behaviour: Behaviour, options: { settings?: Partial<Config['outbound']>; text?: string } = {}) {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    void Promise.resolve(behaviour(socket)).catch(() => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stage = openStage({ settings: { commandMs: 10_000, dataStartMs: 10_000, dataBlockMs: 10_000, dataEndMs: 10_000, expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9, ...options.settings } })
  const started = Date.now()
  await deliverOnce(stage, deliveryNote(destinationAt((server.address() as net.AddressInfo).port), outboundNote(['bob@remote.example'], options.text === undefined ? {} : { text: options.text })))
  const tookMs = Date.now() - started
  for (const socket of sockets) socket.destroy()
  server.close()
  const event = stage.events.find((each) => ['delivered', 'deferred', 'bounced'].includes(each.event))
  return { fate: stage.fates().join(), reply: String(event?.fields['reply']), tookMs }
}

/** Answers in turn, each answer behind the next line of the client. */
function answering(...answers: string[]): Behaviour {
  return async (socket) => {
    socket.write('220 mx.remote.example\r\n')
    let text = ''
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        text = text.slice(end + 2)
        socket.write(answers.shift() ?? '', 'latin1')
      }
    }
  }
}

async function flood(socket: net.Socket, octets: string): Promise<void> {
  socket.resume()
  while (!socket.destroyed) if (!socket.write(octets)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}

const big = `Subject: big\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(100_000)}`

for (const [what, octets] of [['a line without end', 'x'.repeat(65536)], ['a reply without end', '220-hello\r\n'.repeat(5000)], ['octets that are no SMTP', '\u0000\u0001\u0002\r\n']] as const) {
  test(`${what} is cut off`, async () => {
    const { fate, reply } = await meet((socket) => flood(socket, octets))
    assert.equal(fate, 'bob@remote.example deferred 4.5.0')
    assert.ok(reply.length <= 1000)
  })
}

test('a reply that drips octet by octet is not waited for longer than for any other', async () => {
  const { fate, tookMs } = await meet(async (socket) => {
    socket.resume()
    for (let n = 0; n < 100 && !socket.destroyed; n++) {
      socket.write('2')
      await sleep(50)
    }
  }, { settings: impatient })
  assert.equal(fate, 'bob@remote.example deferred 4.4.2')
  assert.ok(tookMs < 4000, `${tookMs} ms`)
})

test('a server that never speaks is left', async () => {
  const { fate, tookMs } = await meet((socket) => void socket.resume(), { settings: impatient })
  assert.equal(fate, 'bob@remote.example deferred 4.4.2')
  assert.ok(tookMs < 4000, `${tookMs} ms`)
})

test('controls in a reply come into no log and no note', async () => {
  const { fate, reply } = await meet(answering('250 mx\r\n', '250 ok\r\n', '550 5.1.1 no\u0000\u001b[2J\u0007 such\rthing\r\n'))
  assert.equal(fate, 'bob@remote.example bounced 5.1.1')
  assert.equal(reply, '550 5.1.1 no??[2J? such?thing')
})

test('replies that come before their commands deliver nothing', async () => {
  const { fate } = await meet((socket) => {
    socket.resume()
    socket.write('220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n')
  })
  assert.equal(fate, 'bob@remote.example deferred 4.5.0')
})

test('consent before the final dot is none', async () => {
  const { fate } = await meet(answering('250 mx\r\n', '250 ok\r\n', '250 ok\r\n', '354 go on\r\n250 taken\r\n'), { text: big })
  assert.equal(fate, 'bob@remote.example deferred 4.5.0')
})

test('a refusal in the middle of the message counts', async () => {
  const { fate } = await meet(answering('250 mx\r\n', '250 ok\r\n', '250 ok\r\n', '354 go on\r\n', '552 5.3.4 too big\r\n'), { text: big })
  assert.equal(fate, 'bob@remote.example bounced 5.3.4')
})

test('a server that stops reading is left', async () => {
  const { fate, tookMs } = await meet(async (socket) => {
    const answers = ['250 mx\r\n', '250 ok\r\n', '250 ok\r\n', '354 go on\r\n']
    socket.write('220 mx\r\n')
    socket.on('data', () => {
      socket.write(answers.shift() ?? '')
      if (answers.length === 0) socket.pause()
    })
  }, { text: big.repeat(4), settings: impatient })
  assert.equal(fate, 'bob@remote.example deferred 4.4.2')
  assert.ok(tookMs < 6000, `${tookMs} ms`)
})

test('a reply with two codes is no reply', async () => {
  const { fate } = await meet(answering('250-mx\r\n550 no\r\n'))
  assert.equal(fate, 'bob@remote.example deferred 4.5.0')
})

test('an attempt ends when its time is up, whatever each step may take', async () => {
  const { fate, tookMs } = await meet(answering('250 mx\r\n'), { settings: { commandMs: 60_000, attemptMs: 300 } })
  assert.equal(fate, 'bob@remote.example deferred 4.4.2')
  assert.ok(tookMs < 4000, `${tookMs} ms`)
})

test('nobody listening is a deferral', async () => {
  const stage = openStage({ settings: { expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9 } })
  await deliverOnce(stage, deliveryNote(destinationAt(1), outboundNote(['bob@remote.example'])))
  assert.deepEqual(stage.fates(), ['bob@remote.example deferred 4.4.1'])
})
