import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import net, { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { makeSelfSigned } from '#lib/serve/tls.ts'
import { makeLineWriter } from '../../bin/serve/lines.ts'
import { listenRefusal } from '../../bin/serve/listeners.ts'
import { Program, environment, programFile } from './program.ts'

const ports = [25, 587, 465, 143, 993, 110, 995, 80]

interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

class Served {
  readonly child: ChildProcess
  readonly lines: Line[] = []
  stderr = ''
  readonly ended: Promise<number | null>

  constructor(data: string, ...more: string[]) {
    const child = spawn(process.execPath, [programFile, 'serve', '--data', data, '--hostname', 'mail.test', ...more], { stdio: ['ignore', 'pipe', 'pipe'], env: environment })
    this.child = child
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as Line))
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.ended = new Promise((resolve) => child.once('close', resolve))
  }

  async event(event: string): Promise<Line> {
    for (let tries = 0; tries < 400; tries++) {
      const line = this.lines.find((one) => one.event === event)
      if (line !== undefined) return line
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}: ${this.stderr}`)
      await sleep(25)
    }
    throw new Error(`no line ${event}: ${JSON.stringify(this.lines)} ${this.stderr}`)
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return await this.ended
  }
}

async function freeOffset(): Promise<number> {
  for (;;) {
    const offset = 30_000 + Math.floor(Math.random() * 250) * 100
    const free = await Promise.all(ports.map((port) => listens(offset + port).then((server) => server !== undefined && new Promise<boolean>((resolve) => server.close(() => resolve(true))))))
    if (free.every(Boolean)) return offset
  }
}

function listens(port: number) {
  const server = createServer((socket) => socket.destroy())
  return new Promise<typeof server | undefined>((resolve) => server.once('error', () => resolve(undefined)).listen(port, '127.0.0.1', () => resolve(server)))
}

/** Says these IMAP lines over TLS and returns all that came back until the server closed. */
function imap(port: number, lines: readonly string[]): Promise<{ text: string; certificate: X509Certificate | undefined }> {
  return new Promise((resolve, reject) => {
    let text = ''
    let certificate: X509Certificate | undefined
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      certificate = socket.getPeerX509Certificate()
      socket.write(lines.map((line) => `${line}\r\n`).join(''))
    })
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve({ text, certificate }))
  })
}

describe('serve', () => {
  const program = new Program()
  const data = program.data
  let offset = 0
  let server: Served
  let users: { address: string; password: string }[] = []
  const start = (...more: string[]): Served => new Served(data, '--listen', '127.0.0.1', '--port-offset', String(offset), '--set', 'tls.lookEveryMs=50ms', ...more)

  before(async () => {
    offset = await freeOffset()
    server = start()
  })
  after(async () => {
    await server.stop()
    program.remove()
  })

  it('the first start makes a certificate and a demo domain, and says its passwords', async () => {
    users = (await server.event('first-start'))['users'] as typeof users
    assert.deepEqual(users.map(({ address }) => address), ['alice@demo.test', 'bob@demo.test'])
    for (const { password } of users) assert.match(password, /^([a-z2-9]{4}-){3}[a-z2-9]{4}$/)
    const serving = await server.event('serving')
    assert.deepEqual((serving['services'] as { port: number }[]).map(({ port }) => port - offset), ports)
    assert.equal(serving['hostname'], 'mail.test')
    const { certificate, text } = await imap(offset + 993, ['1 LOGOUT'])
    assert.match(text, /^\* OK /)
    assert.equal(certificate?.checkHost('mail.test'), 'mail.test')
    assert.equal(statSync(join(data, 'tls/key.pem')).mode & 0o77, 0)
  })

  it('its users log in, and commands work beside it', async () => {
    const [alice] = users
    assert.match((await imap(offset + 993, [`1 LOGIN alice@demo.test ${alice?.password ?? ''}`, '2 LOGOUT'])).text, /^1 OK /m)
    assert.equal((await program.run(['user', 'add', 'carol@demo.test', '--password-stdin'], { input: 'a good password\n' })).code, 0)
    assert.match((await imap(offset + 993, ['1 LOGIN carol@demo.test "a good password"', '2 LOGOUT'])).text, /^1 OK /m)
    assert.deepEqual((await program.run(['queue', 'list', '--json'])).json<unknown[]>(), [])
  })

  it('no log line has a password', async () => {
    const logged = server.lines.filter(({ event }) => event !== 'first-start').map((line) => JSON.stringify(line)).join('\n')
    for (const { password } of [...users, { password: 'a good password' }]) assert.ok(!logged.includes(password))
  })

  it('a port that is taken is named, and how to get around it', async () => {
    const second = start()
    assert.equal(await second.ended, 1)
    assert.match(second.stderr, new RegExp(`^SMTP, from other servers cannot listen on 127\\.0\\.0\\.1 port ${offset + 25}: another program listens there.*--port-offset`))
    assert.equal(second.stderr.trimEnd().split('\n').length, 1)
  })

  it('a new certificate is used without a restart, and one that is no good is not', async () => {
    const { certPem, keyPem } = await makeSelfSigned('renewed.test')
    const [cert, key] = [join(data, 'tls/cert.pem'), join(data, 'tls/key.pem')]
    writeFileSync(cert, certPem)
    await server.event('certificate-refused')
    assert.equal((await imap(offset + 993, ['1 LOGOUT'])).certificate?.checkHost('mail.test'), 'mail.test')
    writeFileSync(key, keyPem)
    await server.event('certificate-loaded')
    assert.equal((await imap(offset + 993, ['1 LOGOUT'])).certificate?.checkHost('renewed.test'), 'renewed.test')
  })

  it('a second server on the same data and other ports serves the same accounts', async () => {
    const other = await freeOffset()
    const second = new Served(data, '--listen', '127.0.0.1', '--port-offset', String(other))
    await second.event('serving')
    assert.match((await imap(other + 993, ['1 LOGIN carol@demo.test "a good password"', '2 LOGOUT'])).text, /^1 OK /m)
    assert.equal(await second.stop(), 0)
    assert.ok(!second.lines.some(({ event }) => event === 'first-start'))
  })

  it('SIGTERM ends it with code 0, and a second start finds everything', async () => {
    assert.equal(await server.stop(), 0)
    assert.deepEqual(server.lines.slice(-2).map(({ event }) => event), ['stopping', 'stopped'])
    assert.equal(server.stderr, '')
    server = start()
    await server.event('serving')
    assert.ok(!server.lines.some(({ event }) => event === 'first-start' || event === 'certificate-made'))
    assert.match((await imap(offset + 993, [`1 LOGIN bob@demo.test ${users[1]?.password ?? ''}`, '2 LOGOUT'])).text, /^1 OK /m)
    assert.equal((await program.run(['user', 'list', '--json'])).json<unknown[]>().length, 3)
  })

  it('a session in hand may finish; a second signal ends everything at once', async () => {
    const socket = connect({ port: offset + 465, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('data', resolve))
    const started = Date.now()
    assert.equal(await server.stop(), 0, 'an idle client does not hold the server up')
    assert.ok(Date.now() - started < 5000)
    socket.destroy()
    server = start('--set', 'server.stopGraceMs=60s')
    await server.event('serving')
    // In the middle of a message: the server waits for its end.
    const sender = connectPlain(offset + 25)
    for (const line of ['EHLO client.test', 'MAIL FROM:<a@client.test>', 'RCPT TO:<alice@demo.test>', 'DATA']) await sender.say(line)
    sender.write('Subject: half\r\n')
    server.child.kill('SIGINT')
    await server.event('stopping')
    assert.equal(await Promise.race([server.ended, sleep(300, 'waits')]), 'waits')
    server.child.kill('SIGINT')
    assert.equal(await server.ended, 130)
    sender.close()
  })
})

function connectPlain(port: number) {
  const socket = new net.Socket()
  socket.on('error', () => undefined)
  socket.connect(port, '127.0.0.1')
  const reply = (): Promise<unknown> => new Promise((resolve) => socket.once('data', resolve))
  const greeted = reply()
  return {
    say: async (line: string): Promise<void> => {
      await greeted
      const answered = reply()
      socket.write(`${line}\r\n`)
      await answered
    },
    write: (text: string) => void socket.write(text),
    close: () => socket.destroy(),
  }
}

describe('what serve refuses', () => {
  const program = new Program()
  after(() => program.remove())

  it('a domain of the operator keeps the demo away', async () => {
    assert.equal((await program.run(['domain', 'add', 'example.com'])).code, 0)
    const server = new Served(program.data, '--listen', '127.0.0.1', '--port-offset', String(await freeOffset()))
    await server.event('serving')
    assert.equal(await server.stop(), 0)
    assert.ok(!server.lines.some(({ event }) => event === 'first-start'))
    assert.deepEqual((await program.run(['domain', 'list', '--json'])).json<{ name: string }[]>().map(({ name }) => name), ['example.com'])
  })

  it('an address of another machine, half a pair of files, and files that are no certificate', async () => {
    const offset = String(await freeOffset())
    const foreign = await program.run(['serve', '--listen', '192.0.2.1', '--port-offset', offset])
    assert.match(foreign.stderr, /^SMTP, from other servers cannot listen on 192\.0\.2\.1 .*--listen/)
    const half = await program.run(['serve', '--port-offset', offset, '--set', 'tls.keyFile=/nowhere/key.pem'])
    assert.match(half.stderr, /^tls\.certificateFile and tls\.keyFile belong together/)
    mkdirSync(join(program.data, 'tls'), { recursive: true })
    writeFileSync(join(program.data, 'tls/cert.pem'), 'no certificate')
    utimesSync(join(program.data, 'tls/cert.pem'), 1, 1)
    const broken = await program.run(['serve', '--port-offset', offset])
    assert.match(broken.stderr, /cert\.pem and .*key\.pem cannot be used as certificate and private key/)
    assert.equal(readFileSync(join(program.data, 'tls/cert.pem'), 'utf8'), 'no certificate')
    for (const ran of [foreign, half, broken]) assert.deepEqual([ran.code, ran.stderr.trimEnd().split('\n').length], [1, 1], ran.stderr)
  })

  it('a privileged port tells of root, of the capability and of the offset', () => {
    const refusal = listenRefusal(Object.assign(new Error('listen EACCES'), { code: 'EACCES' }), 'IMAP', '0.0.0.0', 143)
    assert.ok(refusal instanceof Error)
    assert.match(refusal.message, /^IMAP cannot listen on 0\.0\.0\.0 port 143: .*root.*setcap cap_net_bind_service=\+ep \/.*--port-offset/)
    const bug = new Error('something else')
    assert.equal(listenRefusal(bug, 'IMAP', '0.0.0.0', 143), bug)
  })
})

describe('log lines', () => {
  it('of one turn go out in one write, in order, and flush sends the rest', async () => {
    const writes: string[] = []
    const lines = makeLineWriter((text) => writes.push(text))
    lines.write('a\n')
    lines.write('b\n')
    assert.deepEqual(writes, [])
    await new Promise((resolve) => setImmediate(resolve))
    lines.write('c\n')
    lines.flush()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(writes, ['a\nb\n', 'c\n'])
  })
})
