/** Logins that stand on TLS itself, over real connections: channel bindings and certificates of clients, on each protocol. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { defaultConfig } from '#lib/config.ts'
import { makeSelfSigned, TlsKeeper } from '#lib/serve/tls.ts'
import { cheapHashes } from '#test/mail/accounts/stage.ts'
import { ScramClient } from '#test/mail/accounts/scramClient.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'
import { openStage as openImap } from './imap/stage.ts'
import { openStage as openPop3 } from './pop3/stage.ts'
import { openStage as openSmtp } from './smtp/stage.ts'

const anna = 'anna@example.org'
const folder = mkdtempSync(join(tmpdir(), 'pennypost-logins-'))

interface Pair {
  readonly cert: string
  readonly key: string
}

const openssl = hasOpenssl()

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A certificate for a client by an authority; undefined where openssl is not to be had. */
function makeClient(authority: string, address: string): Pair | undefined {
  if (!openssl) return undefined
  const at = (name: string) => join(folder, name)
  const run = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
  run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${authority}`, '-keyout', at(`${authority}.key`), '-out', at(`${authority}.pem`))
  run('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=Anna', '-keyout', at('client.key'), '-out', at('client.csr'))
  writeFileSync(at('extensions'), `subjectAltName=email:${address}\n`)
  run('x509', '-req', '-in', at('client.csr'), '-CA', at(`${authority}.pem`), '-CAkey', at(`${authority}.key`), '-CAcreateserial', '-days', '2', '-extfile', at('extensions'), '-out', at('client.pem'))
  return { cert: readFileSync(at('client.pem'), 'utf8'), key: readFileSync(at('client.key'), 'utf8') }
}

const known = makeClient('known', anna)
const unknown = makeClient('unknown', anna)

interface Listening {
  readonly port: number
  stop(graceMs: number): Promise<void>
}

interface Protocol {
  readonly listener: Listening
  /** Said before a login. */
  readonly hello: string | undefined
  readonly word: string
  readonly challenge: RegExp
  readonly welcome: RegExp
}

const protocols = new Map<string, Protocol>()

before(async () => {
  const config = defaultConfig()
  const { table } = memoryEngine()
  const settings = { ...config.accounts, ...cheapHashes, failureDelayMs: 0 }
  const directory = new Directory({ table, clock: systemClock, settings, makeDkimKeys: async () => [] })
  await directory.addDomain({ name: 'example.org' })
  await directory.addUser({ address: anna, password: 'secret words' })
  const authenticator = new Authenticator({ directory, table, clock: systemClock, log: makeLog(() => undefined, { now: () => 0 }), settings })
  const pems = await makeSelfSigned('mail.example.org')
  const keeper = TlsKeeper.fromPem(pems.certPem, pems.keyPem, openssl ? readFileSync(join(folder, 'known.pem'), 'utf8') : undefined)
  const deps = { authenticator, tls: keeper, allowInsecureLogin: 'never' as const }
  protocols.set('IMAP', { listener: await openImap({ deps, implicitTls: true }), hello: undefined, word: 'a AUTHENTICATE', challenge: /^\+ /, welcome: /^a OK / })
  protocols.set('POP3', { listener: await openPop3({ deps, implicitTls: true }), hello: undefined, word: 'AUTH', challenge: /^\+ /, welcome: /^\+OK / })
  protocols.set('SMTP', { listener: await openSmtp({ deps, implicitTls: true, role: 'submission' }), hello: 'HELO client.example.org', word: 'AUTH', challenge: /^334 /, welcome: /^235 / })
})

after(async () => {
  await Promise.all([...protocols.values()].map(({ listener }) => listener.stop(0)))
  rmSync(folder, { recursive: true })
})

class Connection {
  readonly socket: tls.TLSSocket
  readonly #protocol: Protocol
  readonly #lines: AsyncIterator<string>

  constructor(protocol: Protocol, socket: tls.TLSSocket) {
    this.#protocol = protocol
    this.socket = socket
    this.#lines = linesOf(socket)
  }

  static async open(protocol: Protocol, options: tls.ConnectionOptions = {}): Promise<Connection> {
    const socket = tls.connect({ host: '127.0.0.1', port: protocol.listener.port, rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    const connection = new Connection(protocol, socket)
    await connection.#line()
    if (protocol.hello !== undefined) await connection.#ask(protocol.hello)
    return connection
  }

  async #line(): Promise<string> {
    const next = await this.#lines.next()
    return next.done === true ? assert.fail('the server closed') : next.value
  }

  async #ask(words: string): Promise<string> {
    this.socket.write(`${words}\r\n`)
    return await this.#line()
  }

  /** `answers` get the challenge before. Resolves with whether the client is in. */
  async logIn(mechanism: string, initial: string, ...answers: ((challenge: string) => string)[]): Promise<boolean> {
    const { word, challenge, welcome } = this.#protocol
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    let line = await this.#ask(`${word} ${mechanism} ${initial === '' ? '=' : base64(initial)}`)
    for (const answer of answers) {
      if (!challenge.test(line)) break
      line = await this.#ask(base64(answer(Buffer.from(line.replace(challenge, ''), 'base64').toString())))
    }
    this.socket.destroy()
    return welcome.test(line)
  }
}

async function* linesOf(socket: tls.TLSSocket): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      yield text.slice(0, end)
      text = text.slice(end + 2)
    }
  }
}

const bindings: Readonly<Record<string, (socket: tls.TLSSocket) => Buffer>> = {
  'tls-exporter': (socket) => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
  'tls-server-end-point': (socket) => hash('sha256', socket.getPeerX509Certificate()?.raw ?? assert.fail('no certificate'), 'buffer'),
}

async function scram(connection: Connection, type: string, channel: Buffer): Promise<boolean> {
  const client = new ScramClient(anna, 'secret words', `p=${type},,`, channel)
  return await connection.logIn('SCRAM-SHA-256-PLUS', client.first(), (serverFirst) => client.final(serverFirst), (serverFinal) => {
    assert.ok(client.believes(Buffer.from(serverFinal)))
    return ''
  })
}

for (const name of ['IMAP', 'POP3', 'SMTP']) {
  const protocol = () => protocols.get(name) ?? assert.fail()

  test(`${name}: SCRAM-SHA-256-PLUS stands for this connection, and is worth nothing over another`, async () => {
    for (const [type, bind] of Object.entries(bindings)) {
      const connection = await Connection.open(protocol())
      assert.equal(await scram(connection, type, bind(connection.socket)), true, type)
    }
    const [one, other] = [await Connection.open(protocol()), await Connection.open(protocol())]
    const stolen = bindings['tls-exporter']?.(other.socket) ?? assert.fail()
    other.socket.destroy()
    assert.equal(await scram(one, 'tls-exporter', stolen), false)
  })

  test(`${name}: with TLS 1.2 only the server's certificate names the connection`, async () => {
    const options = { maxVersion: 'TLSv1.2' as const }
    const connection = await Connection.open(protocol(), options)
    assert.equal(connection.socket.getProtocol(), 'TLSv1.2')
    assert.equal(await scram(connection, 'tls-server-end-point', bindings['tls-server-end-point']?.(connection.socket) ?? assert.fail()), true)
    const another = await Connection.open(protocol(), options)
    assert.equal(await scram(another, 'tls-exporter', bindings['tls-exporter']?.(another.socket) ?? assert.fail()), false)
  })

  test(`${name}: a certificate of the authority logs in whom it names, one of another does not, none neither`, { skip: openssl ? false : 'there is no openssl to make certificates with' }, async () => {
    assert.ok(known !== undefined && unknown !== undefined)
    assert.equal(await (await Connection.open(protocol(), { ...known })).logIn('EXTERNAL', ''), true)
    assert.equal(await (await Connection.open(protocol(), { ...known })).logIn('EXTERNAL', anna), true)
    assert.equal(await (await Connection.open(protocol(), { ...known })).logIn('EXTERNAL', 'bert@example.org'), false)
    assert.equal(await (await Connection.open(protocol(), { ...unknown })).logIn('EXTERNAL', ''), false)
    assert.equal(await (await Connection.open(protocol())).logIn('EXTERNAL', ''), false)
    // A password is as good as before.
    assert.equal(await (await Connection.open(protocol(), { ...unknown })).logIn('PLAIN', `\0${anna}\0secret words`), true)
  })
}
