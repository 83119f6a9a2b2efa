/** A server for tests: real sockets, small fakes below. */
import net from 'node:net'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { Metrics } from '#lib/base/metrics.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { ArrivingMessage } from '#lib/mail/inbound/accept.ts'
import type { AuthOutcome, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import type { SubmittedMessage } from '#lib/mail/outbound/submit.ts'
import type { SmtpDeps } from '#lib/serve/smtp/deps.ts'
import { listenSmtp } from '#lib/serve/smtp/listen.ts'
import type { Listener, SmtpListenOptions } from '#lib/serve/smtp/listen.ts'
import { makeWindows } from '#lib/serve/smtp/windows.ts'
import { makeSelfSigned, TlsKeeper } from '#lib/serve/tls.ts'

const pems = await makeSelfSigned('mail.example.org')
export const keeper = TlsKeeper.fromPem(pems.certPem, pems.keyPem)

export interface Taken {
  readonly message: ArrivingMessage | SubmittedMessage
  /** Latin-1, the Received field included. */
  readonly text: string
  /** Without the Received field. */
  readonly body: string
}

export interface Stage extends Listener {
  readonly taken: Taken[]
  readonly events: LogEvent[]
  readonly metrics: Metrics
  connect(): net.Socket
}

const account = { id: 'a1', address: 'anna@example.org', domain: 'example.org', disabled: false, quotaBytes: null, createdAt: 0 }

const directory: SmtpDeps['directory'] = {
  async resolveRecipient(address) {
    const [local = '', domain = ''] = address.toLowerCase().split('@')
    if (domain !== 'example.org' && domain !== 'mail.example.org') return { kind: 'remote' }
    if (/^(anna|bob|jürgen|postmaster|u\d+)$/.test(local)) return { kind: 'account' }
    if (local === 'team') return { kind: 'alias' }
    return local === 'gone' ? { kind: 'disabled' } : { kind: 'unknown' }
  },
  async postmaster() {
    return 'postmaster@mail.example.org'
  },
  async maySendAs(_account, address) {
    return address.toLowerCase() === 'anna@example.org'
  },
}

/** PLAIN and LOGIN for anna with "secret"; `SCRAM-SHA-256` as a two-step fake with final data. */
function start(mechanism: string): SaslExchange | undefined {
  const outcome = (good: boolean): { outcome: AuthOutcome } => ({ outcome: good ? { ok: true, account, login: 'anna@example.org' } : { ok: false, reason: 'invalid' } })
  const said: string[] = []
  const hear = (response: Uint8Array | null) => response !== null && said.push(Buffer.from(response).toString())
  if (mechanism === 'PLAIN') return { step: async (response) => (response === null ? { challenge: new Uint8Array() } : outcome(Buffer.from(response).toString() === '\0anna@example.org\0secret')) }
  if (mechanism === 'LOGIN') {
    return {
      async step(response) {
        hear(response)
        if (said.length < 2) return { challenge: Buffer.from(said.length === 0 ? 'Username:' : 'Password:') }
        return outcome(said[0] === 'anna@example.org' && said[1] === 'secret')
      },
    }
  }
  if (mechanism !== 'SCRAM-SHA-256') return undefined
  return {
    async step(response) {
      hear(response)
      if (said.length === 0) return { challenge: new Uint8Array() }
      if (said.length === 1) return { challenge: Buffer.from('server-first') }
      return said[1] === 'client-final' ? { ...outcome(true), final: Buffer.from('v=server-final') } : outcome(false)
    },
  }
}

export interface StageOptions extends Partial<SmtpListenOptions> {
  readonly smtp?: Partial<Config['smtp']>
  readonly submission?: Partial<Config['submission']>
  readonly deps?: Partial<SmtpDeps>
}

export async function openStage({ smtp, submission, deps, ...options }: StageOptions = {}): Promise<Stage> {
  const config = defaultConfig()
  const taken: Taken[] = []
  const events: LogEvent[] = []
  const metrics = new Metrics()
  const take = async (message: ArrivingMessage | SubmittedMessage) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of message.content) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString('latin1')
    taken.push({ message, text: message.headerPrefix + body, body })
    return { queueId: message.queueId }
  }
  const listener = await listenSmtp(
    {
      settings: { smtp: { ...config.smtp, ...smtp }, submission: { ...config.submission, ...submission } },
      hostname: 'mail.example.org',
      proxyTrusted: [],
      allowInsecureLogin: 'never',
      directory,
      authenticator: { mechanisms: () => ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'], start },
      accept: take,
      submit: take,
      windows: makeWindows(systemClock, smtp?.windowMs ?? config.smtp.windowMs),
      tls: keeper,
      clock: systemClock,
      log: makeLog((event) => events.push(event), { level: 'debug', now: () => 0 }),
      metrics,
      ...deps,
    },
    { host: '127.0.0.1', port: 0, implicitTls: false, role: 'mx', ...options },
  )
  return { ...listener, taken, events, metrics, connect: () => net.connect(listener.port, '127.0.0.1') }
}

/** The codes of a conversation's replies, one word: `220 250 354`. */
export function codes(heard: string): string {
  return [...heard.matchAll(/^(\d{3}) /gm)].map((match) => match[1]).join(' ')
}
