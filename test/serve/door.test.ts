import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, test } from 'node:test'
import tls from 'node:tls'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { Door } from '#lib/serve/door.ts'
import type { Connection, DoorOptions } from '#lib/serve/door.ts'
import { makeSelfSigned, TlsKeeper } from '#lib/serve/tls.ts'

const pems = await makeSelfSigned('mail.example')
const keeper = TlsKeeper.fromPem(pems.certPem, pems.keyPem)
const log = makeLog(() => undefined, { now: () => 0 })
const stops: (() => void)[] = []
after(() => stops.forEach((stop) => stop()))

async function open(options: Partial<DoorOptions>, onConnection: (connection: Connection) => void) {
  const door = new Door({ protocol: 'smtp', implicitTls: false, tls: keeper, proxyTrusted: [], maxConnections: 0, maxConnectionsPerAddress: 0, busyLine: '421 busy', log, clock: systemClock, ...options }, onConnection)
  const server = net.createServer((socket) => door.admit(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => server.close())
  return { door, port: (server.address() as net.AddressInfo).port }
}

async function readAll(socket: net.Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

function echo(connection: Connection) {
  connection.stream.on('data', (chunk: Buffer) => {
    if (String(chunk).startsWith('STARTTLS')) {
      connection.stream.write('go')
      void connection.startTls().then(() => echo(connection), () => undefined)
    } else if (String(chunk) === 'bye') connection.close()
    else connection.stream.write(`${connection.secure ? 'tls' : 'clear'}:${String(chunk)}`)
  })
}

test('a connection upgraded by STARTTLS carries on over TLS', async () => {
  const { port } = await open({}, echo)
  const socket = net.connect(port, '127.0.0.1')
  socket.write('hello')
  assert.equal(String((await once(socket, 'data'))[0]), 'clear:hello')
  socket.write('STARTTLS')
  await once(socket, 'data')
  const secured = tls.connect({ socket, rejectUnauthorized: false })
  await once(secured, 'secureConnect')
  secured.write('again')
  assert.equal(String((await once(secured, 'data'))[0]), 'tls:again')
  secured.write('bye')
  await once(secured, 'close')
})

test('octets sent in clear behind STARTTLS never come through as if protected', async () => {
  const heard: string[] = []
  const { port } = await open({}, (connection) => {
    connection.stream.once('data', () => {
      connection.stream.pause()
      setTimeout(() => {
        connection.stream.write('go')
        connection.startTls().then(
          () => connection.stream.on('data', (chunk: Buffer) => heard.push(String(chunk)) && connection.stream.write('ok')),
          () => undefined,
        )
      }, 30)
    })
  })
  const socket = net.connect(port, '127.0.0.1')
  socket.write('STARTTLS')
  setTimeout(() => socket.write('injected'), 10)
  await once(socket, 'data')
  const secured = tls.connect({ socket, rejectUnauthorized: false })
  secured.on('error', () => undefined)
  await Promise.race([once(secured, 'secureConnect').then(() => secured.write('real')), once(secured, 'close')])
  await Promise.race([once(secured, 'data'), once(secured, 'close')])
  assert.ok(!heard.join('').includes('injected'), heard.join())
  secured.destroy()
})

test('an implicit TLS port hands over a secure connection with its cipher', async () => {
  const infos: unknown[] = []
  const { port } = await open({ implicitTls: true }, (connection) => {
    infos.push(connection.tlsInfo())
    echo(connection)
  })
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write('x')
  assert.equal(String((await once(socket, 'data'))[0]), 'tls:x')
  assert.deepEqual(infos, [{ version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }])
  socket.destroy()
})

test('a broken TLS handshake closes the connection and nothing else', async () => {
  const { door, port } = await open({ implicitTls: true }, () => assert.fail('no connection'))
  const socket = net.connect(port, '127.0.0.1')
  socket.write('EHLO this is no TLS\r\n')
  await once(socket, 'close')
  assert.equal(door.size, 0)
})

test('clients beyond the limit hear the busy line and are closed', async () => {
  const { door, port } = await open({ maxConnectionsPerAddress: 1 }, echo)
  const first = net.connect(port, '127.0.0.1')
  await once(first, 'connect')
  first.write('x')
  await once(first, 'data')
  assert.equal(await readAll(net.connect(port, '127.0.0.1')), '421 busy\r\n')
  first.end()
  await once(first, 'close')
  assert.equal(door.size, 0)
})

test('a trusted balancer must send a PROXY header, and is believed', async () => {
  const seen: string[] = []
  const { port } = await open({ proxyTrusted: ['127.0.0.0/8'] }, (connection) => {
    seen.push(`${connection.remoteAddress}:${connection.remotePort}`)
    echo(connection)
  })
  const socket = net.connect(port, '127.0.0.1')
  socket.write('PROXY TCP6 ::ffff:192.0.2.7 ::1 4000 25\r\nearly')
  assert.equal(String((await once(socket, 'data'))[0]), 'clear:early')
  assert.deepEqual(seen, ['192.0.2.7:4000'])
  socket.destroy()
  assert.equal(await readAll(net.connect(port, '127.0.0.1').end('EHLO x\r\n')), '')
})

test('a PROXY header and the TLS ClientHello behind it may come together', async () => {
  const { port } = await open({ implicitTls: true, proxyTrusted: ['127.0.0.1'] }, echo)
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.cork()
  socket.write('PROXY UNKNOWN\r\n')
  const secured = tls.connect({ socket, rejectUnauthorized: false })
  setTimeout(() => socket.uncork(), 20)
  await once(secured, 'secureConnect')
  secured.write('x')
  assert.equal(String((await once(secured, 'data'))[0]), 'tls:x')
  secured.destroy()
})

test('draining tells each connection, waits, then destroys the rest', async () => {
  const told: string[] = []
  const { door, port } = await open({}, (connection) => {
    connection.stream.resume()
    connection.onClose = () => told.push('closed')
    connection.onDrain = () => told.push('drain')
  })
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  while (door.size === 0) await new Promise(setImmediate)
  await door.drain(30)
  assert.deepEqual(told, ['drain', 'closed'])
  assert.equal(door.size, 0)
})
