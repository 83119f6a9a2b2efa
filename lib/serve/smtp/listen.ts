/** The SMTP listeners: port 25 (role `mx`), 587 (`submission`, STARTTLS) and 465 (`submission`, implicit TLS, RFC 8314 §3.3). */
import { once } from 'node:events'
import net from 'node:net'
import { Door } from '#lib/serve/door.ts'
import { Conversation } from './conversation.ts'
import type { SmtpDeps, SmtpRole } from './deps.ts'
import { makeMeters } from './meters.ts'

export interface SmtpListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly implicitTls: boolean
  readonly role: SmtpRole
}

export interface Listener {
  readonly port: number
  connections(): number
  /** Takes no more, lets sessions finish what they have in hand, closes the rest after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

/** Resolves when connections are taken. Rejects when the port cannot be had. */
export async function listenSmtp(deps: SmtpDeps, { host, port, implicitTls, role }: SmtpListenOptions): Promise<Listener> {
  const { smtp } = deps.settings
  const name = role === 'mx' ? 'mx' : implicitTls ? 'submissions' : 'submission'
  const shared = { meters: makeMeters(deps.metrics, name) }
  const conversations = new Set<Conversation>()
  const door = new Door(
    {
      protocol: 'smtp',
      implicitTls,
      tls: deps.tls,
      proxyTrusted: deps.proxyTrusted,
      maxConnections: smtp.maxConnections,
      maxConnectionsPerAddress: smtp.maxConnectionsPerAddress,
      busyLine: `421 4.7.0 ${deps.hostname} has too many connections, come back later`,
      log: deps.log,
      clock: deps.clock,
    },
    (connection) => {
      shared.meters.connections.add()
      deps.log.debug('connected', { listener: name, client: connection.remoteAddress, port: connection.remotePort })
      const conversation = new Conversation(deps, role, shared, connection)
      conversations.add(conversation)
      connection.stream.once('close', () => conversations.delete(conversation))
    },
  )
  deps.metrics.gauge('pennypost_smtp_connections', 'Connections open now.', () => door.size, { listener: name })
  // Half-open: a client may send all it has, close its side and still read our replies.
  const server = net.createServer({ allowHalfOpen: true }, (socket) => door.admit(socket))
  server.listen(port, host)
  await once(server, 'listening')
  const watch = setInterval(() => {
    const now = deps.clock.now()
    for (const conversation of conversations) conversation.checkTime(now)
  }, watchEveryMs(smtp))
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => door.size,
    stop: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await door.drain(graceMs)
      clearInterval(watch)
      await closed
    },
  }
}

/** Often enough for the shortest of the limits, once a second at most. */
function watchEveryMs({ idleTimeoutMs, dataTimeoutMs, sessionMs }: SmtpDeps['settings']['smtp']): number {
  return Math.max(10, Math.min(1000, idleTimeoutMs / 4, dataTimeoutMs / 4, sessionMs / 4))
}
