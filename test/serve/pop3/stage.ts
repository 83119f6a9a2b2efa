/** A POP3 server for tests: real sockets, a real mailbox on an engine in memory, real logins with cheap hashes. */
import net from 'node:net'
import tls from 'node:tls'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { Metrics } from '#lib/base/metrics.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import type { Pop3Deps } from '#lib/serve/pop3/deps.ts'
import { listenPop3 } from '#lib/serve/pop3/listen.ts'
import type { Listener } from '#lib/serve/pop3/listen.ts'
import { makeSelfSigned, TlsKeeper } from '#lib/serve/tls.ts'
import { cheapHashes } from '#test/mail/accounts/stage.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'
import type { MemoryEngine } from '#test/mail/mailbox/memoryEngine.ts'
import { fileText } from '#test/mail/mailbox/setting.ts'

const pems = await makeSelfSigned('mail.example.org')
export const keeper = TlsKeeper.fromPem(pems.certPem, pems.keyPem)

export interface Stage extends Listener {
  readonly engine: MemoryEngine
  readonly store: MailStore
  readonly events: LogEvent[]
  readonly directory: Directory
  readonly deps: Pop3Deps
  connect(): net.Socket
  /** A user with the password "secret words" and these messages. */
  addUser(name: string, messages?: readonly string[]): Promise<Account>
  file(account: Account, messages: readonly string[]): Promise<void>
  mailOf<T>(account: Account, work: (mail: AccountMail) => Promise<T> | T): Promise<T>
}

export interface StageOptions {
  readonly pop3?: Partial<Config['pop3']>
  readonly accounts?: Partial<Config['accounts']>
  readonly deps?: Partial<Pop3Deps>
  readonly implicitTls?: boolean
  /** Instead of the engine's. */
  readonly blobs?: Partial<Blobs>
  /** Another process on the same engine. */
  readonly beside?: Stage
}

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const config = defaultConfig()
  const engine = options.beside?.engine ?? memoryEngine()
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => 0 })
  const accounts = { ...config.accounts, ...cheapHashes, failureDelayMs: 0, ...options.accounts }
  const { table, bell } = engine
  const blobs = { ...engine.blobs, ...options.blobs }
  const directory = new Directory({ table, clock: systemClock, settings: accounts, makeDkimKeys: async () => [] })
  if (options.beside === undefined) await directory.addDomain({ name: 'example.org' })
  const store = new MailStore({ table, blobs, bell, clock: systemClock, log, settings: config.mailbox })
  const deps: Pop3Deps = {
    store,
    authenticator: new Authenticator({ directory, table, clock: systemClock, log, settings: accounts }),
    tls: keeper,
    proxyTrusted: [],
    allowInsecureLogin: 'loopback',
    settings: { ...config.pop3, ...options.pop3 },
    clock: systemClock,
    log,
    metrics: new Metrics(),
    ...options.deps,
  }
  const listener = await listenPop3(deps, { host: '127.0.0.1', port: 0, implicitTls: options.implicitTls ?? false })
  const mailOf: Stage['mailOf'] = async (account, work) => {
    const mail = await store.open(account.id)
    try {
      return await work(mail)
    } finally {
      mail.release()
    }
  }
  const file: Stage['file'] = (account, messages) =>
    mailOf(account, async (mail) => {
      for (const text of messages) await fileText(mail, { text })
    })
  return {
    ...listener,
    engine,
    store,
    events,
    directory,
    deps,
    connect: () => (options.implicitTls === true ? tls.connect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false }) : net.connect(listener.port, '127.0.0.1')),
    async addUser(name, messages = []) {
      const account = await directory.addUser({ address: `${name}@example.org`, password: 'secret words' })
      await file(account, messages)
      return account
    },
    file,
    mailOf,
  }
}

/** USER and PASS of the user of this name. */
export const login = (name: string): string => `USER ${name}@example.org\r\nPASS secret words\r\n`

/** A client that asks line by line. */
export class Client {
  readonly socket: net.Socket
  #text = ''
  #wake: (() => void) | undefined
  closed = false

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake?.()
    })
  }

  /** Greeted and logged in. */
  static async of(stage: Stage, name: string): Promise<Client> {
    const client = new Client(stage.connect())
    await client.line()
    await client.ask(`USER ${name}@example.org`)
    const answer = await client.ask('PASS secret words')
    if (!answer.startsWith('+OK')) throw new Error(answer)
    return client
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return line
      }
      if (this.closed) throw new Error(`closed: ${JSON.stringify(this.#text)}`)
      await this.#news()
    }
  }

  async ask(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`, 'latin1')
    return await this.line()
  }

  /** The multi-line answer to a command, dots taken off, as octets. */
  async fetch(line: string): Promise<string> {
    const first = await this.ask(line)
    if (!first.startsWith('+OK')) throw new Error(first)
    let body = ''
    for (let next = await this.line(); next !== '.'; next = await this.line()) body += `${next.startsWith('.') ? next.slice(1) : next}\r\n`
    return body
  }

  async gone(): Promise<string> {
    while (!this.closed) await this.#news()
    return this.#text
  }

  #news(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
