/** COMPRESS=DEFLATE: RFC 4978, with a client that deflates for itself. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import { duplexPair } from 'node:stream'
import { after, test } from 'node:test'
import tls from 'node:tls'
import zlib from 'node:zlib'
import { systemClock } from '#lib/base/clock.ts'
import { Compression } from '#lib/serve/imap/compression.ts'
import { Client } from './client.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ imap: { writeTimeoutMs: 300 } })
after(() => stage.stop(0))

const { Z_SYNC_FLUSH } = zlib.constants

/** 89,998 letters that hardly become fewer. */
function noise(seed: number): string {
  return createHash('shake256', { outputLength: 44_999 }).update(String(seed)).digest('hex')
}

/** The client's side of the layer: writes at once what it is given, and gathers what comes. */
class Deflated {
  readonly socket: net.Socket
  readonly #deflate = zlib.createDeflateRaw({ flush: Z_SYNC_FLUSH })
  readonly #inflate = zlib.createInflateRaw({ finishFlush: Z_SYNC_FLUSH })
  heard = ''

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.removeAllListeners('data')
    socket.pipe(this.#inflate)
    this.#deflate.pipe(socket)
    this.#inflate.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')))
  }

  send(text: string): void {
    this.#deflate.write(Buffer.from(text, 'latin1'))
  }

  async until(pattern: RegExp): Promise<string> {
    for (const end = performance.now() + 5000; performance.now() < end; await systemClock.sleep(2)) {
      if (pattern.test(this.heard)) return this.heard
    }
    throw new Error(`not heard: ${pattern}; but ${this.heard.slice(-300)}`)
  }

  off(): void {
    this.socket.unpipe(this.#inflate)
    this.#deflate.unpipe(this.socket)
  }
}

async function enter(login: string): Promise<{ socket: net.Socket; client: Client }> {
  const socket = stage.connect()
  return { socket, client: await Client.enter(socket, login) }
}

async function compress(login: string): Promise<Deflated> {
  const { socket, client } = await enter(login)
  await client.ok('COMPRESS DEFLATE')
  return new Deflated(socket)
}

test('after COMPRESS both sides deflate, answers come at once, large ones whole', async () => {
  const { socket, client } = await enter('press')
  assert.equal((await client.command('COMPRESS LZ4')).status, 'BAD')
  await client.ok(`APPEND INBOX {90010+}\r\na: b\r\n\r\n${'lorem '.repeat(15_000)}\r\n\r\n`)
  await client.ok('COMPRESS DEFLATE')
  const deflated = new Deflated(socket)
  deflated.send('a NOOP\r\n')
  await deflated.until(/^a OK NOOP completed\r\n$/)
  deflated.send('b COMPRESS DEFLATE\r\nc SELECT INBOX\r\n')
  await deflated.until(/^b BAD \[COMPRESSIONACTIVE\] [^]*^c OK /m)
  const before = socket.bytesRead
  deflated.send('d FETCH 1 BODY.PEEK[]\r\n')
  const heard = await deflated.until(/^d OK /m)
  assert.ok(heard.includes('lorem '.repeat(15_000)))
  assert.ok(socket.bytesRead - before < 5000, 'it was compressed')
  // A literal and what follows it, and a goodbye to the end.
  deflated.send('e APPEND INBOX {8}\r\n')
  await deflated.until(/^\+ Ready\r\n$/m)
  deflated.send('a: b\r\n\r\n\r\nf LOGOUT\r\n')
  await deflated.until(/^e OK [^]*^\* BYE [^]*^f OK LOGOUT completed\r\n$/m)
  if (!socket.closed) await once(socket, 'close')
})

test('over TLS the layer goes below it, and IDLE and NOTIFY speak through both at once', async () => {
  const plain = stage.connect()
  const first = new Client(plain)
  await first.response()
  await first.ok('STARTTLS')
  plain.removeAllListeners('data')
  const socket = tls.connect({ socket: plain, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const client = new Client(socket)
  await client.ok('LOGIN layers secret')
  await client.ok('SELECT INBOX')
  await client.ok('COMPRESS DEFLATE')
  const deflated = new Deflated(socket)
  // RFC 4978 §3: TLS after COMPRESS there is none, it comes before login only.
  deflated.send('a STARTTLS\r\nb IDLE\r\n')
  await deflated.until(/^a BAD [^]*^\+ idling\r\n$/m)
  const { client: other } = await enter('layers')
  await other.ok('APPEND INBOX {6+}\r\na: b\r\n')
  await deflated.until(/^\* 1 EXISTS\r\n$/m)
  deflated.send('DONE\r\nc NOTIFY SET (selected (MessageNew (UID) MessageExpunge))\r\n')
  await deflated.until(/^b OK [^]*^c OK NOTIFY completed\r\n$/m)
  await other.ok('APPEND INBOX {6+}\r\na: c\r\n')
  await deflated.until(/^\* 2 EXISTS\r\n\* 2 FETCH \(UID 2\)\r\n$/m)
  socket.destroy()
  await other.close()
})

test('UNAUTHENTICATE takes the layer off behind its answer', async () => {
  const deflated = await compress('strip')
  deflated.send('a UNAUTHENTICATE\r\n')
  await deflated.until(/^a OK \[CAPABILITY .*\] Nobody is logged in\r\n$/)
  deflated.off()
  const client = new Client(deflated.socket)
  deflated.socket.resume()
  await client.ok('LOGIN strip secret')
  await client.ok('COMPRESS DEFLATE')
  const again = new Deflated(deflated.socket)
  again.send('b NOOP\r\n')
  await again.until(/^b OK /)
  deflated.socket.destroy()
})

test('what comes between the end of the layer and its removal waits as it is', async () => {
  const [below, client] = duplexPair()
  const layer = new Compression(below)
  layer.resume()
  layer.stopInflating()
  client.write('c LOGIN eager secret\r\n')
  await systemClock.sleep(20)
  layer.remove()
  const [chunk] = (await once(below.resume(), 'data')) as [Buffer]
  assert.equal(chunk.toString(), 'c LOGIN eager secret\r\n')
  assert.equal(layer.errored, null)
  below.destroy()
})

test('octets that are not deflated end the connection, and nothing else', async () => {
  const deflated = await compress('garbage')
  const closed = once(deflated.socket, 'close')
  deflated.socket.on('error', () => undefined)
  deflated.socket.write(Buffer.alloc(1000, 0xff))
  await closed
  assert.deepEqual(stage.events.filter(({ level }) => level === 'error'), [])
})

test('a few octets that inflate to a great many do not fill the memory', async () => {
  const deflated = await compress('bomb')
  const bomb = zlib.deflateRawSync(Buffer.alloc(100_000_000, 0x61), { finishFlush: Z_SYNC_FLUSH })
  const before = process.memoryUsage().rss
  let most = 0
  deflated.socket.on('error', () => undefined)
  const closed = once(deflated.socket, 'close')
  deflated.socket.write(bomb)
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss - before)), 1)
  await closed
  clearInterval(watch)
  // The socket may be closed before its last octets are inflated.
  await deflated.until(/\* BYE A line is too long\r\n$/)
  assert.ok(most < 50_000_000, `${most} octets more`)
})

test('a client that reads nothing is cut off, without filling the memory', async () => {
  const { socket, client } = await enter('silent')
  for (let at = 0; at < 30; at++) await client.ok(`APPEND INBOX {90006+}\r\na: b\r\n\r\n${noise(at)}\r\n`)
  await client.ok('SELECT INBOX')
  await client.ok('COMPRESS DEFLATE')
  const deflated = new Deflated(socket)
  socket.unpipe()
  socket.pause()
  deflated.send(Array.from({ length: 40 }, (_, at) => `a${at} FETCH 1:* BODY.PEEK[]\r\n`).join(''))
  const before = process.memoryUsage().rss
  while (stage.connections() > 0) {
    await systemClock.sleep(20)
    assert.ok(process.memoryUsage().rss - before < 60_000_000)
  }
  socket.destroy()
})
