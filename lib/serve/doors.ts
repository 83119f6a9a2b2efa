/** The doors of the server: one row for each port, opened together or not at all. */
import { Metrics } from '#lib/base/metrics.ts'
import type { Config } from '#lib/config.ts'
import type { Reception } from '#lib/mail/rooms/reception.ts'
import type { SharedDeps } from '#lib/mail/rooms/shared.ts'
import { listenHttp } from './http/listen.ts'
import type { HttpDeps } from './http/listen.ts'
import { listenImap } from './imap/listen.ts'
import type { ImapDeps } from './imap/session.ts'
import type { Pop3Deps } from './pop3/deps.ts'
import { listenPop3 } from './pop3/listen.ts'
import type { SmtpDeps } from './smtp/deps.ts'
import { listenSmtp } from './smtp/listen.ts'
import { makeWindows } from './smtp/windows.ts'
import type { TlsKeeper } from './tls.ts'

export interface DoorDeps {
  readonly smtp: SmtpDeps
  readonly imap: ImapDeps & { readonly proxyTrusted: readonly string[] }
  readonly pop3: Pop3Deps
  readonly http: HttpDeps
}

export function doorDeps(shared: SharedDeps, reception: Reception, tls: TlsKeeper): DoorDeps {
  const { config, directory, mailStore, hostname, clock, log } = shared
  const { authenticator, accept, submit } = reception
  const common = { hostname, proxyTrusted: config.server.proxyTrusted, allowInsecureLogin: config.accounts.allowInsecureLogin, authenticator, tls, clock, log, metrics: new Metrics() }
  return {
    smtp: {
      ...common,
      settings: { smtp: config.smtp, submission: config.submission },
      directory: { resolveRecipient: reception.resolveRecipient, postmaster: reception.postmaster, maySendAs: (account, address) => directory.maySendAs(account, address) },
      accept,
      submit,
      windows: makeWindows(clock, config.smtp.windowMs),
    },
    imap: { ...common, store: mailStore, directory, sharedUser: config.accounts.sharedUser, settings: config.imap, maxMessageBytes: config.smtp.maxMessageBytes, limitsOf: (account) => directory.limitsOf(account) },
    pop3: { ...common, store: mailStore, settings: config.pop3 },
    http: common,
  }
}

interface Listening {
  readonly port: number
  stop(graceMs: number): Promise<void>
}

interface Place {
  readonly host: string
  readonly port: number
}

export interface Service {
  readonly service: string
  readonly address: string
  readonly port: number
  readonly tls: string
}

const rows: readonly (readonly [service: string, standardPort: number, tls: string, open: (deps: DoorDeps, at: Place) => Promise<Listening>])[] = [
  ['SMTP, from other servers', 25, 'STARTTLS', (deps, at) => listenSmtp(deps.smtp, { ...at, implicitTls: false, role: 'mx' })],
  ['submission', 587, 'STARTTLS', (deps, at) => listenSmtp(deps.smtp, { ...at, implicitTls: false, role: 'submission' })],
  ['submission', 465, 'from the start', (deps, at) => listenSmtp(deps.smtp, { ...at, implicitTls: true, role: 'submission' })],
  ['IMAP', 143, 'STARTTLS', (deps, at) => listenImap(deps.imap, { ...at, implicitTls: false })],
  ['IMAP', 993, 'from the start', (deps, at) => listenImap(deps.imap, { ...at, implicitTls: true })],
  ['POP3', 110, 'STLS', (deps, at) => listenPop3(deps.pop3, { ...at, implicitTls: false })],
  ['POP3', 995, 'from the start', (deps, at) => listenPop3(deps.pop3, { ...at, implicitTls: true })],
  ['health and metrics', 80, 'none (HTTP)', (deps, at) => listenHttp(deps.http, { ...at, implicitTls: false })],
]

/** A port that cannot be had; `cause` is the system's word. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly service: string
  readonly host: string
  readonly port: number

  constructor(service: string, host: string, port: number, cause: unknown) {
    super(`${service} cannot listen on ${host} port ${port}`, { cause })
    this.service = service
    this.host = host
    this.port = port
  }
}

export interface Doors {
  readonly services: readonly Service[]
  /** Lets sessions finish what they have in hand. */
  stop(graceMs: number): Promise<void>
}

/** @throws {ListenError} when a port cannot be had; then none is open */
export async function openDoors(deps: DoorDeps, { listen: host, portOffset }: Pick<Config['server'], 'listen' | 'portOffset'>): Promise<Doors> {
  const open: { readonly service: Service; readonly listener: Listening }[] = []
  const stop = async (graceMs: number): Promise<void> => void (await Promise.all(open.map(({ listener }) => listener.stop(graceMs))))
  for (const [service, standardPort, tls, start] of rows) {
    const port = standardPort + portOffset
    try {
      const listener = await start(deps, { host, port })
      open.push({ listener, service: { service, address: host, port: listener.port, tls } })
    } catch (error) {
      await stop(0)
      throw new ListenError(service, host, port, error)
    }
  }
  return { services: open.map(({ service }) => service), stop }
}
