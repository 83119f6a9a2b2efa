/** A server for tests: real sockets and a real mail store over an engine in memory; whoever says "secret" has an account. */
import net from 'node:net'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import { limitsOf } from '#lib/mail/accounts/limits.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { listenImap } from '#lib/serve/imap/listen.ts'
import type { ListenOptions, Listener } from '#lib/serve/imap/listen.ts'
import type { ImapDeps } from '#lib/serve/imap/session.ts'
import { makeSelfSigned, TlsKeeper } from '#lib/serve/tls.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'
import type { MemoryEngine } from '#test/mail/mailbox/memoryEngine.ts'

const pems = await makeSelfSigned('mail.example.org')
export const keeper = TlsKeeper.fromPem(pems.certPem, pems.keyPem)

/** Mailboxes are born at this time, which makes UIDVALIDITY known: that of INBOX is {@link inboxValidity}. */
const birth = Date.UTC(2026, 10, 24, 12)
export const inboxValidity = birth / 1000

export interface Stage extends Listener {
  readonly engine: MemoryEngine
  readonly events: LogEvent[]
  readonly values: Readonly<Record<string, string>>
  connect(): net.Socket
}

export interface StageOptions extends Partial<ListenOptions> {
  readonly imap?: Partial<Config['imap']>
  readonly deps?: Partial<ImapDeps>
  readonly clock?: Clock
  /** Of another stage, which is then as another process on the same accounts. */
  readonly engine?: MemoryEngine
  /** Calls of the engine take some turns of the event loop, as real ones do. */
  readonly slowEngine?: boolean
  /** Octets per account of a login that begins with "small". */
  readonly smallBytes?: number
}

function accountOf(login: string, smallBytes: number): Account {
  const [name = '', domain = 'example.org'] = login.split('@')
  return { id: login, address: `${name}@${domain}`, domain, disabled: false, quotaBytes: login.startsWith('small') ? smallBytes : null, createdAt: 0 }
}

/** Everybody is there; Peter answers for the domain. Limits that are set are forgotten with the stage. */
function fakeDirectory(smallBytes: number): ImapDeps['directory'] {
  const limits = new Map<string, object>()
  const byId = (id: string): Account => ({ ...accountOf(id, smallBytes), ...limits.get(id) })
  return {
    account: async (id) => (id.startsWith('nobody') ? undefined : byId(id)),
    user: async (address) => (/^(?!nobody)[^@]+@example\.(org|net)$/.test(address) ? byId(address.replace(/@example\.org$/, '')) : undefined),
    domain: async (name) => ({ name, catchAll: null, postmaster: 'peter@example.org', quotaBytes: null, dmarc: 'obey', dkim: [], smarthost: null, srsSecret: '', createdAt: 0 }),
    setLimits: async (address, change) => {
      const id = address.replace(/@example\.org$/, '')
      limits.set(id, { ...limits.get(id), ...change })
      return byId(id)
    },
  }
}

/** PLAIN as it is, and SCRAM-SHA-256 as a two-step fake that ends with data beside the success. */
function fakeAuthenticator({ account: accountOf }: ImapDeps['directory']): ImapDeps['authenticator'] {
  type Outcome = Awaited<ReturnType<ImapDeps['authenticator']['password']>>
  const outcome = async (login: string, password: string): Promise<Outcome> => {
    if (login === 'locked') return { ok: false, reason: 'locked' }
    const account = password === 'secret' ? await accountOf(login) : undefined
    return account === undefined ? { ok: false, reason: 'invalid' } : { ok: true, account, login }
  }
  return {
    mechanisms: () => ['PLAIN', 'LOGIN', 'SCRAM-SHA-256'],
    async password({ login, password }) {
      return outcome(login, password)
    },
    start(mechanism) {
      if (mechanism === 'PLAIN') {
        return {
          async step(response) {
            if (response === null) return { challenge: new Uint8Array() }
            const [, login = '', password = ''] = Buffer.from(response).toString().split('\0')
            return { outcome: await outcome(login, password) }
          },
        }
      }
      if (mechanism !== 'SCRAM-SHA-256') return undefined
      const said: string[] = []
      return {
        async step(response) {
          if (response === null) return { challenge: new Uint8Array() }
          said.push(Buffer.from(response).toString())
          if (said.length === 1) return { challenge: Buffer.from('server-first') }
          return { outcome: await outcome('scram', said[1] === 'client-final' ? 'secret' : ''), final: Buffer.from('v=server-final') }
        },
      }
    },
  }
}

export async function openStage({ imap, deps, clock, engine = memoryEngine(), slowEngine = false, smallBytes = 2048, ...options }: StageOptions = {}): Promise<Stage> {
  const config = defaultConfig()
  const directory = fakeDirectory(smallBytes)
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => 0 })
  if (slowEngine) engine.before = () => systemClock.sleep(1)
  const time = clock ?? { now: () => birth, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal) }
  const store = new MailStore({ table: engine.table, blobs: engine.blobs, bell: engine.bell, clock: time, log, settings: config.mailbox })
  const listener = await listenImap(
    {
      store,
      authenticator: fakeAuthenticator(directory),
      tls: keeper,
      clock: time,
      log,
      settings: { ...config.imap, ...imap },
      maxMessageBytes: 100_000,
      allowInsecureLogin: 'loopback',
      limitsOf: (account) => limitsOf(account, config.accounts),
      directory,
      sharedUser: 'shared',
      proxyTrusted: [],
      ...deps,
    },
    { host: '127.0.0.1', port: 0, implicitTls: false, ...options },
  )
  return {
    ...listener,
    engine,
    events,
    values: { validity: String(inboxValidity) },
    connect: () => net.connect(listener.port, '127.0.0.1'),
    stop: async (graceMs) => {
      await listener.stop(graceMs)
      await store.close()
    },
  }
}
